from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from service.answers.ahead import Ahead
from service.answers.totals import periods, year_so_far

D = dt.date
LEVELS = (50, 80, 95)


def make_figures(first: D, last: D) -> DailySeries:
    days = (last - first).days + 1
    return DailySeries("people", np.datetime64(first), np.arange(1, days + 1))


def make_ahead(last: D, horizon: int, first: D | None = None) -> Ahead:
    start = np.datetime64(last) + ONE_DAY
    values = np.random.default_rng(3).integers(0, 500, (200, horizon))
    return Ahead(Paths(start, values), first or start.item(), start.item())


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (D(2025, 10, 4), None),
        (D(2025, 12, 30), D(2026, 1, 2)),
    ],
)
def test_last_row_equals_total_of_calendar_year(last: D, first: D | None) -> None:
    observed, ahead = make_figures(D(2022, 6, 1), last), make_ahead(last, 420, first)
    (total,) = periods(observed, ahead, ["calendar_year"], LEVELS)
    year = year_so_far(observed, ahead, LEVELS)
    end = year["rows"][-1]
    assert end["date"] == total["to"]
    names = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
    assert [end[name] for name in names] == [total[name] for name in names]
    assert len(year["rows"]) == 365
    assert year["earlier"] == list(range(year["year"] - 1, 2022, -1)), "2022 begins in June"


def test_year_without_figures_is_left_out() -> None:
    observed = make_figures(D(2023, 1, 1), D(2024, 12, 31))
    year = year_so_far(observed, make_ahead(D(2024, 12, 31), 760, D(2026, 11, 29)), LEVELS)
    assert (year["year"], year["earlier"]) == (2026, [2024, 2023])


def test_published_days_are_counted_and_others_simulated() -> None:
    observed = make_figures(D(2024, 1, 1), D(2025, 3, 2))
    year = year_so_far(observed, make_ahead(D(2025, 3, 2), 28), LEVELS)
    assert year["rows"][-1]["date"] == "2025-03-30", "the last simulated day"
    march = year["rows"][59:62]
    assert [row["date"] for row in march] == ["2025-03-01", "2025-03-02", "2025-03-03"]
    assert [row["value"] for row in march] == [
        observed.total(D(2025, 1, 1), D(2025, 3, 1)),
        observed.total(D(2025, 1, 1), D(2025, 3, 2)),
        None,
    ]
    assert [row["median"] is None for row in march] == [True, True, False]
    # 29 February 2024 is counted by 1 March.
    assert year["rows"][58]["year_2024"] == sum(range(1, 60))
    assert march[0]["year_2024"] == sum(range(1, 62))


def test_year_without_its_first_figures_has_no_rows() -> None:
    observed = make_figures(D(2025, 2, 1), D(2025, 3, 2))
    year = year_so_far(observed, make_ahead(D(2025, 3, 2), 28), LEVELS)
    assert year == {"year": 2025, "earlier": [], "rows": []}


def test_29_february_is_compared_with_28_february() -> None:
    observed = make_figures(D(2023, 1, 1), D(2024, 3, 1))
    rows = year_so_far(observed, make_ahead(D(2024, 3, 1), 1), LEVELS)["rows"]
    assert [row["year_2023"] for row in rows[58:61]] == [
        sum(range(1, 60)),
        sum(range(1, 60)),
        sum(range(1, 61)),
    ]
