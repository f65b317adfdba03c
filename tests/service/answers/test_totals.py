"""Totals of periods and of the year so far, compared with sums in loops."""

import datetime as dt

import numpy as np
import pytest

from forecast.series import ONE_DAY, DailySeries
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.answers.totals import PERIODS, periods, total_between, year_so_far
from tests.service.support import random_paths

D = dt.date
DAY = dt.timedelta(days=1)
LEVELS = (50, 80, 95)
BOUNDS = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")


def make_figures(last, days=800):
    values = np.random.default_rng(7).integers(0, 500, days)
    return DailySeries("people", np.datetime64(last) - (days - 1) * ONE_DAY, values)


def make_ahead(last, horizon=400, first=None):
    """Return paths that begin after the day `last`, for an answer from `first` on."""
    first = first or last + DAY
    return Ahead(random_paths(str(last + DAY), horizon, 60, seed=3), first, first)


def by_day(figures):
    return dict(zip(figures.dates.tolist(), figures.values.tolist(), strict=True))


def sum_in_loops(figures, paths, first, last):
    published = by_day(figures)
    index = {day: at for at, day in enumerate(paths.dates.tolist())}
    days = [first + n * DAY for n in range((last - first).days + 1)]
    known = sum(published[day] for day in days if day in published)
    ahead = [index[day] for day in days if day not in published]
    sums = sorted(known + sum(path[at] for at in ahead) for path in paths.values.tolist())

    def quantile(share):
        """Return the smallest sum that at least this share of the sums does not exceed."""
        return next(s for at, s in enumerate(sums, 1) if at / len(sums) >= share - 1e-12)

    shares = [0.5, *(share for n in LEVELS for share in ((100 - n) / 200, (100 + n) / 200))]
    numbers = dict(zip(BOUNDS, map(quantile, shares), strict=True))
    end = last.replace(year=last.year - 1)
    begin = first.replace(year=first.year - 1) if first.day == 1 else end - (last - first)
    return numbers | {
        "known": known,
        "known_days": len(days) - len(ahead),
        "simulated_days": len(ahead),
        "simulated_median": numbers["median"] - known,
        "mean": round(sum(sums) / len(sums), 2),
        "last_year": sum(published[day] for day in published if begin <= day <= end)
        if begin in published and end in published
        else None,
        "note": None,
    }


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (D(2025, 12, 31), D(2026, 1, 1)),
        (D(2024, 2, 27), D(2024, 3, 5)),
        (D(2025, 6, 11), D(2025, 6, 12)),
        (D(2024, 12, 30), D(2025, 1, 1)),
    ],
)
def test_totals_equal_sums_in_loops(last, first):
    figures, ahead = make_figures(last), make_ahead(last, first=first)
    for row in periods(figures, ahead, PERIODS, LEVELS):
        begin, end = D.fromisoformat(row["from"]), D.fromisoformat(row["to"])
        expected = sum_in_loops(figures, ahead.paths, begin, end)
        assert {name: row[name] for name in expected} == expected, row["period"]


@pytest.mark.parametrize(
    ("first", "name", "begin", "end"),
    [
        (D(2026, 1, 1), "next_7_days", "2026-01-01", "2026-01-07"),  # a Thursday
        (D(2026, 1, 1), "next_28_days", "2026-01-01", "2026-01-28"),
        (D(2026, 1, 1), "this_week", "2025-12-29", "2026-01-04"),
        (D(2026, 1, 1), "next_week", "2026-01-05", "2026-01-11"),
        (D(2026, 1, 1), "this_quarter", "2026-01-01", "2026-03-31"),
        (D(2026, 1, 1), "year_to_date", "2025-01-01", "2025-12-31"),  # yesterday was in 2025
        (D(2026, 1, 1), "calendar_year", "2026-01-01", "2026-12-31"),
        (D(2026, 3, 10), "year_to_date", "2026-01-01", "2026-03-09"),
        (D(2024, 1, 31), "this_month", "2024-01-01", "2024-01-31"),  # on its last day
        (D(2024, 1, 31), "next_month", "2024-02-01", "2024-02-29"),
        (D(2025, 12, 15), "this_week", "2025-12-15", "2025-12-21"),  # a Monday
        (D(2025, 12, 15), "next_month", "2026-01-01", "2026-01-31"),
        (D(2025, 12, 15), "this_quarter", "2025-10-01", "2025-12-31"),
    ],
)
def test_periods_by_first_day(first, name, begin, end):
    (row,) = periods(make_figures(first - DAY), make_ahead(first - DAY), [name], LEVELS)
    assert (row["period"], row["from"], row["to"]) == (name, begin, end)


def test_period_beyond_the_figures_or_the_forecast_has_note():
    last = D(2025, 12, 10)
    before = "begins before the first figure, 2025-11-21"
    notes = {
        "this_month": None,
        "next_28_days": "ends after the last day of the forecast, 2026-01-04",
        "this_quarter": before,
        "year_to_date": before,
    }
    rows = periods(make_figures(last, days=20), make_ahead(last, 25), notes, LEVELS)
    for row in rows:
        assert row["note"] == notes[row["period"]]
        assert (row["known"] is None) == (row["note"] == before)
        for name in (*BOUNDS, "mean", "simulated_median"):
            assert (row[name] is None) == (row["note"] is not None)
        assert row.keys() == rows[0].keys()


def test_custom_period():
    figures, paths = make_figures(D(2025, 12, 31), 400), make_ahead(D(2025, 12, 31), 40).paths
    last = D(2026, 1, 3)
    for first in (D(2025, 11, 20), D(2025, 12, 30), last):  # the figures begin on 27 November 2024
        (row,) = total_between(figures, paths, first, last, LEVELS)
        assert row["period"] == f"{first}/{last}"
        expected = sum_in_loops(figures, paths, first, last)
        assert {name: row[name] for name in expected} == expected


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
    figures, paths = make_figures(D(2025, 12, 31)), make_ahead(D(2025, 12, 31), 40).paths
    with pytest.raises(BadQuestion, match=f"^{name}: expected .+, found .+"):
        total_between(figures, paths, first, last, [80])


@pytest.mark.parametrize(
    ("start", "last", "horizon", "first", "earlier", "end"),
    [
        # The figures of 2022 begin in June.
        (D(2022, 6, 1), D(2025, 10, 4), 420, None, [2024, 2023], "2025-12-31"),
        (D(2022, 6, 1), D(2025, 12, 30), 420, D(2026, 1, 2), [2025, 2024, 2023], "2026-12-31"),
        # 2025 has no figures.
        (D(2023, 1, 1), D(2024, 12, 31), 760, D(2026, 11, 29), [2024, 2023], "2026-12-31"),
        # The figures of 2025 end in March.
        (D(2024, 6, 1), D(2025, 3, 2), 400, D(2026, 1, 5), [2025], "2026-04-06"),
        (D(2024, 1, 1), D(2025, 3, 2), 28, None, [2024], "2025-03-30"),
        (D(2023, 1, 1), D(2024, 3, 1), 1, None, [2023], "2024-03-02"),
    ],
)
def test_year_so_far_equals_sums_in_loops(start, last, horizon, first, earlier, end):
    figures, ahead = make_figures(last, (last - start).days + 1), make_ahead(last, horizon, first)
    published, year = by_day(figures), year_so_far(figures, ahead, LEVELS)
    new_year = D(year["year"], 1, 1)
    assert (new_year.year, year["earlier"]) == (ahead.first.year, earlier)
    assert year["rows"][-1]["date"] == end
    for at, row in list(enumerate(year["rows"]))[:: 1 + len(year["rows"]) // 90]:
        day = new_year + at * DAY
        expected = {"time": f"{day}T00:00:00Z", "date": str(day), "value": None}
        if day <= last:
            expected |= {"value": figures.total(new_year, day)} | dict.fromkeys(BOUNDS)
        else:
            sums = sum_in_loops(figures, ahead.paths, new_year, day)
            expected |= {name: sums[name] for name in BOUNDS}
        for one in earlier:  # 29 February is compared with 28 February
            same = [
                d for d in published if d.year == one and d.timetuple()[1:3] <= day.timetuple()[1:3]
            ]
            is_known = (one, day.month, day.day) <= last.timetuple()[:3]
            expected[f"year_{one}"] = sum(map(published.get, same)) if is_known else None
        assert row == expected


def test_year_without_its_first_figures_has_no_rows():
    last = D(2025, 3, 2)
    year = year_so_far(make_figures(last, 30), make_ahead(last, 28), LEVELS)
    assert year == {"year": 2025, "earlier": [], "rows": []}
