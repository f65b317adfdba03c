"""Figures and forecast side by side, one row per day."""

from __future__ import annotations

import datetime as dt

import pytest

from service.answers.ahead import Ahead
from service.answers.bands import bands
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader
from service.answers.panel import COLUMNS, panel
from tests.service.answers.test_headline import make_view
from tests.service.support import NOW, ManualClock, random_paths

FIRST = dt.date(2025, 12, 25)
"""First day of the forecast; figures end on 31 December."""


@pytest.fixture
def view():
    return make_view(random_paths(str(FIRST), 40).values, start=str(FIRST))


@pytest.fixture
def loader(filled):
    return IssueLoader(filled, ManualClock(NOW))


def test_rows_have_figures_and_forecast(loader, view, people):
    rows = panel(loader, view)
    days = [FIRST + dt.timedelta(days=n) for n in range(-60, 28)]
    assert [row["date"] for row in rows] == [str(day) for day in days]
    forecast = {
        row["date"]: row for row in bands(Ahead.of(view.paths), 28, (50, 80, 95), view.declared)
    }
    for row, day in zip(rows, days, strict=True):
        assert tuple(row) == COLUMNS
        assert row["time"] == f"{day}T00:00:00Z"
        known = day <= dt.date(2025, 12, 31)
        assert row["actual"] == (people.total(day, day) if known else None)
        for name in COLUMNS[3:]:
            assert row[name] == (forecast[str(day)][name] if day >= FIRST else None)


@pytest.mark.parametrize(
    ("first", "last", "n_rows", "n_forecast"),
    [
        (dt.date(2025, 12, 20), dt.date(2025, 12, 24), 5, 0),
        (dt.date(2025, 12, 20), dt.date(2025, 12, 25), 6, 1),
        (dt.date(2026, 2, 1), dt.date(2027, 1, 1), 2, 2),  # the paths end on 2 February
    ],
)
def test_period_is_clipped_to_existing_days(
    loader,
    view,
    first,
    last,
    n_rows,
    n_forecast,
):
    rows = panel(loader, view, first, last)
    assert (rows[0]["date"], len(rows)) == (str(first), n_rows)
    has_forecast = [row["median"] is not None for row in rows]
    assert has_forecast == [False] * (n_rows - n_forecast) + [True] * n_forecast


def test_figures_as_of_a_day(loader, view):
    rows = panel(loader, view, as_of=dt.date(2025, 12, 20))
    known = [row["date"] for row in rows if row["actual"] is not None]
    assert known[-1] == "2025-12-20"


def test_empty_period_is_rejected(loader, view):
    with pytest.raises(
        BadQuestion, match="to: expected a day from 2026-01-02 on, found 2026-01-01"
    ):
        panel(loader, view, dt.date(2026, 1, 2), dt.date(2026, 1, 1))
    with pytest.raises(BadQuestion, match="from: expected a day to 2026-01-21, as `to` is not"):
        panel(loader, view, dt.date(2026, 1, 30))
