"""Figures and forecast side by side, one row per day."""

import datetime as dt

import pytest

from service.answers.ahead import Ahead
from service.answers.bands import bands
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader
from service.answers.panel import COLUMNS, panel
from tests.service.answers.test_headline import make_view
from tests.service.support import NOW, ManualClock, random_paths

D = dt.date
FIRST = D(2025, 12, 25)
"""First day of the forecast; figures end on 31 December, the paths on 2 February."""

VIEW = make_view(random_paths(str(FIRST), 40).values, start=str(FIRST))


@pytest.fixture
def loader(filled):
    return IssueLoader(filled, ManualClock(NOW))


@pytest.mark.parametrize(
    ("arguments", "first", "last", "known"),
    [
        ({}, D(2025, 10, 26), D(2026, 1, 21), D(2025, 12, 31)),
        ({"as_of": D(2025, 12, 20)}, D(2025, 10, 26), D(2026, 1, 21), D(2025, 12, 20)),
        (
            {"first": D(2025, 12, 20), "last": D(2025, 12, 24)},
            *(D(2025, 12, 20), D(2025, 12, 24), D(2025, 12, 24)),
        ),
        ({"first": D(2026, 2, 1), "last": D(2027, 1, 1)}, D(2026, 2, 1), D(2026, 2, 2), D.min),
    ],
)
def test_rows_have_figures_and_forecast(loader, people, arguments, first, last, known):
    rows = panel(loader, VIEW, **arguments)
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    days = [day for day in days if day <= known or day >= FIRST]
    forecast = {
        row["date"]: row for row in bands(Ahead.of(VIEW.paths), 40, (50, 80, 95), VIEW.declared)
    }
    for row, day in zip(rows, days, strict=True):
        assert tuple(row) == COLUMNS
        assert (row["time"], row["date"]) == (f"{day}T00:00:00Z", str(day))
        assert row["actual"] == (people.on(day) if day <= known else None)
        for name in COLUMNS[3:]:
            assert row[name] == (forecast[str(day)][name] if day >= FIRST else None)


def test_empty_period_is_rejected(loader):
    with pytest.raises(BadQuestion, match="to: expected a day from 2026-01-02 on, found 2026-01-"):
        panel(loader, VIEW, D(2026, 1, 2), D(2026, 1, 1))
    with pytest.raises(BadQuestion, match="from: expected a day to 2026-01-21, as `to` is not"):
        panel(loader, VIEW, D(2026, 1, 30))
