import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from service.answers.errors import NotPossible
from service.answers.headline import headline
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.state import Reason, State
from service.issues.issue_store import Entry, Issue
from tests.service.support import NOW, ROUTE, utc

SEVENS = np.ones((10, 28), int)  # of seven days: 7 people


def make_view(values, start="2026-01-01", **fields):
    """Return the view of an issue with paths of `values`."""
    first = np.datetime64(start)
    day = (first - ONE_DAY).item()
    issue = Issue(
        *("i", "people", 1, "live", day, day, NOW, NOW, "pool", "pool", 1, 100, 28, "h"),
    )
    today = first.item()
    defaults = {"state": State("fresh", ()), "today": today, "first": today, "is_past": False}
    return IssueView(
        route=ROUTE,
        issue=issue,
        entry=Entry("pool", "Pool", "champion", "v"),
        paths=Paths(first, np.asarray(values)),
        observed=DailySeries("people", first - 100 * ONE_DAY, np.ones(100, dtype=int)),
        moment=NOW,
        **(defaults | fields),
    )


@pytest.fixture
def loader(context, clock):
    clock.now = utc(2026, 1, 1, 12)
    return IssueLoader(context, clock)


def test_headline_of_next_7_days(loader):
    values = np.zeros((100, 28), dtype=int)
    values[:, 6] = np.arange(100) * 10  # 0 to 990 on the last of the seven days
    values[:, 7] = 5_000
    assert headline(loader, make_view(values)) == {
        "sentence": (
            "Next 7 days: about 500 people (80% chance of between 100 and 900); "
            "49% chance of a day above 500."
        ),
        "caution": "",
        "from": "2026-01-01",
        "to": "2026-01-07",
        "median": 490,
        "lo80": 90,
        "hi80": 890,
        "threshold": 500,
        "p_above": 0.49,
    }


def test_later_or_past_days_are_named(loader):
    for day, text in ((2, "Next 7 days: about 7 people"), (3, "3 to 9 January 2026: about 7")):
        answer = headline(loader, make_view(SEVENS, f"2026-01-0{day}"))
        assert answer["sentence"].startswith(text)
    for start, text in (
        ("2025-11-01", "for 1 to 7 November 2025 (80% chance of between 7 and 7); 1,269 arrived."),
        ("2025-12-29", "29 December 2025 to 4 January 2026 (80% chance of between 7 and 7); "),
        ("2025-12-29", " arrived on the 3 of 7 days with published figures."),
        ("2026-01-01", "the figures for these days are not published yet."),
    ):
        answer = headline(loader, make_view(SEVENS, start, is_past=True))
        assert answer["sentence"].startswith("We forecast 7 people for ")
        assert text in answer["sentence"]


def test_old_figures_have_caution_unless_days_are_past(loader):
    caution = (
        "We have no figures after 31 December 2025, so this is based on the time of year and on "
        "earlier arrivals."
    )
    for name in ("figures_old", "source_late"):
        old = State("stale", (Reason(name, "old"),))
        for is_past in (False, True):
            answer = headline(loader, make_view(SEVENS, state=old, is_past=is_past))
            assert answer["caution"] == ("" if is_past else caution)


def test_issue_shorter_than_a_week_has_no_headline(loader):
    with pytest.raises(NotPossible, match="issue i ends on 2026-01-06"):
        headline(loader, make_view(SEVENS[:, :6]))
