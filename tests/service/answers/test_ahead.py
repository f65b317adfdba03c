from __future__ import annotations

import datetime as dt

import pytest

from service.answers.ahead import UNPUBLISHED, Ahead
from service.answers.errors import BadQuestion
from tests.service.support import random_paths

D = dt.date
PATHS = random_paths("2026-01-01", 40)  # to 9 February


def test_it_begins_on_its_first_day_and_counts_from_there() -> None:
    ahead = Ahead(PATHS, D(2026, 1, 5), D(2026, 1, 5))
    assert (ahead.skipped, ahead.most, ahead.end(7)) == (4, 36, 11)
    near = ahead.upto(7)
    assert (str(near.start), near.horizon) == ("2026-01-05", 7)
    assert near.values.tolist() == PATHS.values[:, 4:11].tolist()


def test_an_earlier_day_is_noted_as_not_yet_published() -> None:
    ahead = Ahead(PATHS, D(2026, 1, 5), D(2026, 1, 5))
    assert ahead.since(2).first == D(2026, 1, 3)
    assert ahead.since(90).first == D(2026, 1, 1)
    assert ahead.since(90).note(D(2026, 1, 4)) == UNPUBLISHED
    assert ahead.note(D(2026, 1, 5)) is None


@pytest.mark.parametrize("first", [D(2025, 12, 31), D(2026, 2, 10), D.min, D.max])
def test_a_day_outside_is_refused(first: D) -> None:
    with pytest.raises(BadQuestion, match="from: expected a day from 2026-01-01 to 2026-02-09"):
        Ahead(PATHS, first, D(2026, 1, 5))


@pytest.mark.parametrize("horizon", [0, 37, -1])
def test_a_horizon_beyond_the_last_day_names_it(horizon: int) -> None:
    with pytest.raises(BadQuestion, match="1 to 36, as 2026-02-09 is the last day"):
        Ahead(PATHS, D(2026, 1, 5), D(2026, 1, 5)).end(horizon)
