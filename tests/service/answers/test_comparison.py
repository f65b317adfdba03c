import datetime as dt

import pytest

from service.answers.comparison import (
    compare_days,
    compare_forecasts,
    default_days,
    list_models,
    view_of_day,
)
from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader
from tests.service.support import publish, random_paths, utc

D = dt.date


@pytest.fixture
def loader(context, clock):
    """A loader with live issues of 1 and 15 December and the newest."""
    for day in (1, 15):
        models = {
            name: random_paths(f"2025-12-{day:02}", 40, seed=seed)
            for seed, name in enumerate(("climatology", "seasonal_naive"), day)
        }
        publish(context.database, models, 1, utc(2025, 12, day, 15))
    return IssueLoader(context, clock)


def test_days_and_totals_have_forecasts_and_arrivals(loader):
    views = [
        view_of_day(loader, "people", D(2025, 12, 20), "seasonal_naive"),
        view_of_day(loader, "people", D(2025, 12, 2), "champion"),
    ]
    answer = compare_forecasts(loader, views)
    days = {day["date"]: day for day in answer["days"]}
    assert [(forecast["model"], forecast["made_on"]) for forecast in answer["forecasts"]] == [
        *(("seasonal_naive", "2025-12-15"), ("climatology", "2025-12-01"))
    ]
    assert (min(days), max(days), len(days)) == ("2025-12-01", "2026-01-11", 42)
    arrived = {row["date"]: row["value"] for row in figures(loader, "people", D(2025, 12, 1))}
    assert {date: day["value"] for date, day in days.items() if day["value"] is not None} == arrived
    late, early = (view.paths for view in views)
    day = days["2025-12-20"]
    assert (day["median_1"], day["median_2"]) == (late.median()[5], early.median()[19])
    assert days["2025-12-14"]["median_1"] is None
    assert days["2025-12-29"]["hi80_2"] is None
    week, month = answer["forecasts"][0]["totals"]
    assert week["came"] == sum(arrived[f"2025-12-{day}"] for day in range(15, 22))
    assert month["came"] is None, "its last days are not published yet"


def test_rows_list_one_forecast_after_another(loader):
    days = (D(2025, 12, 20), D(2025, 12, 2))
    answer = compare_days(loader, "people", days, ("seasonal_naive",))
    late, early = answer["forecasts"]
    assert [row["issue_id"] for row in answer["rows"]] == (
        [late["issue_id"]] * 28 + [early["issue_id"]] * 28
    )
    assert {row["model"] for row in answer["rows"]} == {"seasonal_naive"}
    view = view_of_day(loader, "people", days[1], "seasonal_naive")
    (figure,) = figures(loader, "people", D(2025, 12, 1), D(2025, 12, 1))
    row = answer["rows"][28]
    assert list(row)[:4] == ["issue_id", "model", "time", "date"]
    assert (row["time"], row["date"]) == ("2025-12-01T00:00:00Z", "2025-12-01")
    assert (row["median"], row["came"]) == (view.paths.median()[0], figure["value"])
    forecasts = compare_days(loader, "people", days, ("seasonal_naive", "champion"))["forecasts"]
    assert [forecast["model"] for forecast in forecasts] == ["seasonal_naive", "climatology"]


def test_usual_days_are_three_four_weeks_apart_and_have_a_forecast(loader):
    assert default_days(loader, "people") == [D(2025, 12, 3)]
    assert default_days(loader, "boats") != [], "only the newest exists"
    assert {"climatology", "seasonal_naive"} <= set(list_models(loader, "people"))
    hindcast = {"climatology": random_paths("2025-06-01", 28)}
    publish(loader.context.database, hindcast, 1, utc(2025, 12, 31, 15), kind="hindcast")
    days = [D(2025, 12, 3), D(2025, 11, 5), D(2025, 10, 8)]
    assert default_days(loader, "people") == days
