import datetime as dt
import math
from fractions import Fraction

import pytest

from service.answers.ahead import Ahead, scale_to_share
from service.answers.errors import BadQuestion, NotPossible
from service.issues.issue_store import KEPT_DAYS
from tests.service.support import NOW, ManualClock, random_paths

D = dt.date
PATHS = random_paths("2026-01-01", 40)  # end on 9 February
AHEAD = Ahead(PATHS, D(2026, 1, 5), D(2026, 1, 5))


def test_rows_and_horizon_begin_on_first_day():
    assert (AHEAD.skipped, AHEAD.most, AHEAD.end(1), AHEAD.end(7)) == (4, 36, 5, 11)
    paths = AHEAD.upto(7)
    assert (str(paths.start), paths.horizon) == ("2026-01-05", 7)
    assert paths.values.tolist() == PATHS.values[:, 4:11].tolist()
    rows = [
        {"time": f"{day}T00:00:00Z", "date": day, "horizon_days": at + 1, "at": at, "note": None}
        for at, day in ((4, "2026-01-05"), (5, "2026-01-06"))
    ]
    assert AHEAD.rows(2, {"at": range(40)}) == rows


def test_earlier_day_is_noted_as_not_yet_published():
    assert AHEAD.since(2).first == D(2026, 1, 3)
    assert AHEAD.since(90).first == D(2026, 1, 1)
    assert AHEAD.since(90).note(D(2026, 1, 4)) == "not yet published"
    assert AHEAD.note(D(2026, 1, 5)) is None


def test_first_day_and_horizon_outside_the_paths_are_rejected():
    for first in (D(2025, 12, 31), D(2026, 2, 10), D.min, D.max):
        with pytest.raises(BadQuestion, match="from: expected a day from 2026-01-01 to 2026-02-09"):
            Ahead(PATHS, first, D(2026, 1, 5))
    for horizon in (0, 37, -1):
        with pytest.raises(BadQuestion, match="1 to 36, as 2026-02-09 is the last day"):
            AHEAD.end(horizon)


@pytest.mark.parametrize(
    ("last", "horizon"),
    [(D(2026, 1, 5), 1), (D(2026, 2, 1), 28), (D(2026, 2, 9), 36), (D(2027, 1, 1), 36), (D.min, 1)],
)
def test_horizon_to_day_is_clipped(last, horizon):
    assert AHEAD.horizon_to(last) == horizon


def test_days_beyond_the_paths_of_an_issue_are_rejected(loader):
    champion, other = loader.view("people"), loader.view("people", model="seasonal_naive")
    assert champion.paths.horizon > other.paths.horizon == KEPT_DAYS
    last = champion.paths.end.item()
    assert loader.view("people", first=last).ahead.most == 1
    with pytest.raises(BadQuestion, match=f"{last}, the last that can be answered"):
        _ = loader.view("people", first=last + dt.timedelta(days=1)).ahead
    loader.clock = ManualClock(NOW + dt.timedelta(days=40))
    with pytest.raises(NotPossible, match="naive of issue .*: newer figures are needed, or"):
        _ = loader.view("people", model="seasonal_naive").ahead
    loader.clock = ManualClock(NOW + dt.timedelta(days=800))
    with pytest.raises(NotPossible, match=f"can answer is {last}, and 2028-03-12 is requested"):
        _ = loader.view("people").ahead


@pytest.mark.parametrize("share", [3, 0.01, 12.5, 33.33, 99.99, 100])
def test_share_scales_each_count_and_rounds_up(loader, share):
    view = loader.view("people")
    scaled = scale_to_share(view, share).paths
    fraction = Fraction(str(share)) / 100
    expected = [math.ceil(int(count) * fraction) for count in view.paths.values.ravel()[:5000]]
    assert scaled.values.ravel()[:5000].tolist() == expected
    assert scaled.start == view.paths.start
    assert ((scaled.values == 0) == (view.paths.values == 0)).all(), "quiet days stay quiet"
