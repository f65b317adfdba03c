from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.answers.totals import PERIODS, periods, total_between, year_so_far
from tests.service.support import ROUTE, random_paths, utc

D = dt.date
DAY = dt.timedelta(days=1)
LEVELS = (50, 80, 95)


def make_figures(last, days=800):
    values = np.random.default_rng(7).integers(0, 500, days)
    return DailySeries("people", np.datetime64(last) - (days - 1) * ONE_DAY, values)


def get_rows(last, names, moment=None, horizon=400):
    paths = random_paths(str(last + DAY), horizon, 200)
    rows = periods(make_figures(last), make_ahead(paths, moment), names, [50, 80, 95])
    return {row["period"]: row for row in rows}


def make_ahead(paths, moment=None):
    """Return `paths` as of the UK day of `moment`, or of their first day."""
    today = ROUTE.day(moment) if moment else paths.dates[0].item()
    return Ahead(paths, today, today)


def sum_in_loops(figures, paths, first, last):
    published = dict(zip(figures.dates.tolist(), figures.values.tolist(), strict=True))
    index = {day: at for at, day in enumerate(paths.dates.tolist())}
    days = [first + n * DAY for n in range((last - first).days + 1)]
    known = sum(published[day] for day in days if day in published)
    sums = sorted(
        known + sum(path[index[day]] for day in days if day not in published)
        for path in paths.values.tolist()
    )

    def quantile(share):
        """Return the smallest sum that at least this share of the sums does not exceed."""
        return next(s for at, s in enumerate(sums, 1) if at / len(sums) >= share - 1e-12)

    bounds: dict[str, Any] = {}
    for level in (50, 80, 95):
        tail = (100 - level) / 200
        bounds[f"lo{level}"], bounds[f"hi{level}"] = quantile(tail), quantile(1 - tail)
    return bounds | {
        "known": known,
        "median": quantile(0.5),
        "simulated_median": quantile(0.5) - known,
        "mean": round(sum(sums) / len(sums), 2),
    }


@pytest.mark.parametrize(
    ("last", "now"),
    [
        (D(2025, 12, 31), utc(2026, 1, 2, 12)),
        (D(2024, 2, 27), utc(2024, 3, 5, 12)),
        (D(2025, 6, 11), utc(2025, 6, 12, 12)),
        (D(2024, 12, 30), utc(2025, 1, 1, 0, 30)),
    ],
)
def test_totals_equal_sums_in_loops(last, now):
    figures, paths = make_figures(last), random_paths(str(last + DAY), 400, 120, seed=3)
    for row in periods(figures, make_ahead(paths, now), PERIODS, [50, 80, 95]):
        first, end = D.fromisoformat(row["from"]), D.fromisoformat(row["to"])
        expected = sum_in_loops(figures, paths, first, end)
        assert {name: row[name] for name in expected} == expected, row["period"]
        assert row["known_days"] + row["simulated_days"] == (end - first).days + 1
        assert row["note"] is None


@pytest.mark.parametrize(
    ("last", "name", "first", "end"),
    [
        (D(2025, 12, 31), "next_7_days", "2026-01-01", "2026-01-07"),  # a Wednesday
        (D(2025, 12, 31), "next_28_days", "2026-01-01", "2026-01-28"),
        (D(2025, 12, 31), "this_week", "2025-12-29", "2026-01-04"),
        (D(2025, 12, 31), "next_week", "2026-01-05", "2026-01-11"),
        (D(2025, 12, 31), "this_quarter", "2026-01-01", "2026-03-31"),
        (D(2025, 12, 31), "calendar_year", "2026-01-01", "2026-12-31"),
        (D(2024, 1, 30), "this_month", "2024-01-01", "2024-01-31"),  # on its last day
        (D(2024, 1, 30), "next_month", "2024-02-01", "2024-02-29"),
        (D(2025, 12, 14), "this_week", "2025-12-15", "2025-12-21"),  # a Sunday
        (D(2025, 12, 14), "next_month", "2026-01-01", "2026-01-31"),
        (D(2025, 12, 14), "this_quarter", "2025-10-01", "2025-12-31"),
    ],
)
def test_calendar_periods(last, name, first, end):
    row = get_rows(last, [name])[name]
    assert (row["from"], row["to"]) == (first, end)


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        (utc(2026, 3, 10, 12), "2026-01-01", "2026-03-09"),
        (utc(2026, 1, 1, 12), "2025-01-01", "2025-12-31"),  # yesterday was in 2025
        (utc(2026, 6, 30, 22, 59), "2026-01-01", "2026-06-29"),
        (utc(2026, 6, 30, 23, 0), "2026-01-01", "2026-06-30"),  # midnight in London
        (utc(2026, 10, 25, 23, 30), "2026-01-01", "2026-10-24"),  # the clocks went back
    ],
)
def test_year_to_date_ends_yesterday_in_london(now, first, last):
    row = get_rows(D(2025, 12, 31), ["year_to_date"], now)["year_to_date"]
    assert (row["from"], row["to"]) == (first, last)
    known = 365 if first < "2026" else 0
    assert row["known_days"] == known
    assert row["simulated_days"] == (D.fromisoformat(last) - D(2025, 12, 31)).days
    assert row["simulated_days"] or row["lo95"] == row["hi95"] == row["known"] == row["mean"]


def test_period_beyond_the_forecast_has_note():
    rows = get_rows(D(2025, 12, 31), ["next_28_days", "calendar_year"], horizon=28)
    assert rows["next_28_days"]["note"] is None
    row = rows["calendar_year"]
    assert row["note"] == "ends after the last day of the forecast, 2026-01-28"
    for name in ("median", "mean", "simulated_median", "lo50", "hi50", "lo95", "hi95"):
        assert row[name] is None
    assert row.keys() == rows["next_28_days"].keys()


def test_period_before_the_figures_has_note():
    figures, paths = make_figures(D(2025, 12, 10), days=20), random_paths("2025-12-11", 60)
    now = utc(2025, 12, 11, 12)
    rows = periods(
        figures, make_ahead(paths, now), ["this_month", "this_quarter", "year_to_date"], [80]
    )
    month, quarter, year = rows
    assert month["note"] is None
    for row in (quarter, year):
        assert row["note"] == "begins before the first figure, 2025-11-21"
        assert row["known"] is row["median"] is row["hi80"] is None


def test_custom_period():
    figures, paths = make_figures(D(2025, 12, 31)), random_paths("2026-01-01", 40, 99)
    (row,) = total_between(figures, paths, D(2025, 12, 30), D(2026, 1, 3), [50, 80, 95])
    assert row["period"] == "2025-12-30/2026-01-03"
    assert (row["known_days"], row["simulated_days"]) == (2, 3)
    expected = sum_in_loops(figures, paths, D(2025, 12, 30), D(2026, 1, 3))
    assert {name: row[name] for name in expected} == expected
    (row,) = total_between(figures, paths, D(2026, 2, 9), D(2026, 2, 9), [50])
    assert row["simulated_days"] == 1


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        (D(2026, 1, 3), D(2026, 1, 2), "to"),
        (D(2026, 1, 3), D(2026, 2, 10), "to"),
        (D(2020, 1, 3), D(2026, 1, 2), "from"),
        (D.min, D.max, "from"),
    ],
)
def test_period_outside_the_known_days_is_rejected(first, last, name):
    figures, paths = make_figures(D(2025, 12, 31)), random_paths("2026-01-01", 40)
    with pytest.raises(BadQuestion, match="expected .+, found .+") as caught:
        total_between(figures, paths, first, last, [80])
    assert caught.value.name == name


def make_rising_figures(first, last):
    days = (last - first).days + 1
    return DailySeries("people", np.datetime64(first), np.arange(1, days + 1))


def make_later_ahead(last, horizon, first=None):
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
def test_last_row_equals_total_of_calendar_year(last, first):
    observed, ahead = make_rising_figures(D(2022, 6, 1), last), make_later_ahead(last, 420, first)
    (total,) = periods(observed, ahead, ["calendar_year"], LEVELS)
    year = year_so_far(observed, ahead, LEVELS)
    end = year["rows"][-1]
    assert end["date"] == total["to"]
    names = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
    assert [end[name] for name in names] == [total[name] for name in names]
    assert len(year["rows"]) == 365
    assert year["earlier"] == list(range(year["year"] - 1, 2022, -1)), "2022 begins in June"


def test_year_without_figures_is_left_out():
    observed = make_rising_figures(D(2023, 1, 1), D(2024, 12, 31))
    year = year_so_far(observed, make_later_ahead(D(2024, 12, 31), 760, D(2026, 11, 29)), LEVELS)
    assert (year["year"], year["earlier"]) == (2026, [2024, 2023])


def test_published_days_are_counted_and_others_simulated():
    observed = make_rising_figures(D(2024, 1, 1), D(2025, 3, 2))
    year = year_so_far(observed, make_later_ahead(D(2025, 3, 2), 28), LEVELS)
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


def test_year_without_its_first_figures_has_no_rows():
    observed = make_rising_figures(D(2025, 2, 1), D(2025, 3, 2))
    year = year_so_far(observed, make_later_ahead(D(2025, 3, 2), 28), LEVELS)
    assert year == {"year": 2025, "earlier": [], "rows": []}


def test_29_february_is_compared_with_28_february():
    observed = make_rising_figures(D(2023, 1, 1), D(2024, 3, 1))
    rows = year_so_far(observed, make_later_ahead(D(2024, 3, 1), 1), LEVELS)["rows"]
    assert [row["year_2023"] for row in rows[58:61]] == [
        sum(range(1, 60)),
        sum(range(1, 60)),
        sum(range(1, 61)),
    ]
