"""Figures and forecast side by side, a row a day."""

from __future__ import annotations

import datetime as dt

import pytest

from forecast.series import DailySeries
from service.answers.ahead import Ahead
from service.answers.bands import bands
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.panel import COLUMNS, panel
from service.core.context import Context
from tests.service.answers.test_headline import view
from tests.service.support import NOW, Hand, random_paths

FIRST = dt.date(2025, 12, 25)
"""The first day that is forecast; figures reach to 31 December."""


@pytest.fixture
def laid_out() -> IssueView:
    return view(random_paths(str(FIRST), 40).values, start=str(FIRST))


def test_a_row_a_day_with_what_is_known_of_it(
    filled: Context, laid_out: IssueView, people: DailySeries
) -> None:
    rows = panel(IssueLoader(filled, Hand(NOW)), laid_out)
    days = [FIRST + dt.timedelta(days=n) for n in range(-60, 28)]
    assert [row["date"] for row in rows] == [str(day) for day in days]
    forecast = {
        row["date"]: row
        for row in bands(Ahead.of(laid_out.paths), 28, (50, 80, 95), laid_out.declared)
    }
    for row, day in zip(rows, days, strict=True):
        assert tuple(row) == COLUMNS
        assert row["time"] == f"{day}T00:00:00Z"
        known = day <= dt.date(2025, 12, 31)
        assert row["actual"] == (people.total(day, day) if known else None)
        for name in COLUMNS[3:]:
            assert row[name] == (forecast[str(day)][name] if day >= FIRST else None)


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("2025-12-30", "2026-01-03", ("2025-12-30", "2026-01-03", 5)),
        ("2025-12-20", "2025-12-24", ("2025-12-20", "2025-12-24", 5)),
        ("2025-12-24", "2025-12-25", ("2025-12-24", "2025-12-25", 2)),
        ("2026-02-01", "2027-01-01", ("2026-02-01", "2026-02-02", 2)),  # the paths end there
        ("2025-12-25", "2025-12-25", ("2025-12-25", "2025-12-25", 1)),
    ],
)
def test_a_span_is_clipped_to_what_there_is(
    filled: Context, laid_out: IssueView, first: str, last: str, shown: tuple[str, str, int]
) -> None:
    day = dt.date.fromisoformat
    rows = panel(IssueLoader(filled, Hand(NOW)), laid_out, day(first), day(last))
    assert (rows[0]["date"], rows[-1]["date"], len(rows)) == shown


@pytest.mark.parametrize(("last", "days"), [(FIRST, 1), (FIRST - dt.timedelta(days=1), 0)])
def test_a_span_that_ends_as_the_forecast_begins(
    filled: Context, laid_out: IssueView, last: dt.date, days: int
) -> None:
    rows = panel(IssueLoader(filled, Hand(NOW)), laid_out, dt.date(2025, 12, 20), last)
    assert [row["date"] for row in rows if row["median"] is not None] == [str(FIRST)] * days


def test_figures_up_to_a_day(filled: Context, laid_out: IssueView) -> None:
    rows = panel(IssueLoader(filled, Hand(NOW)), laid_out, as_of=dt.date(2025, 12, 20))
    known = [row["date"] for row in rows if row["actual"] is not None]
    assert known[-1] == "2025-12-20"


def test_an_empty_span_is_refused(filled: Context, laid_out: IssueView) -> None:
    with pytest.raises(
        BadQuestion, match="to: expected a day from 2026-01-02 on, found 2026-01-01"
    ):
        panel(IssueLoader(filled, Hand(NOW)), laid_out, dt.date(2026, 1, 2), dt.date(2026, 1, 1))
