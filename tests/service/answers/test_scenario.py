"""Scenarios of assumed weather, level and people per boat, compared with the forecast."""

import datetime as dt
import shutil

import pytest

from forecast.scenarios import people_per_boat
from service.answers.errors import BadQuestion, NotPossible
from service.answers.issue_loader import IssueLoader
from service.answers.scenario import scenario
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.answers.conftest import ISSUED_AT, open_copy
from tests.service.stored_issues import with_settings
from tests.service.support import NOW, ManualClock, publish, random_paths, record_run

DAYS = [dt.date(2026, 1, day) for day in range(1, 29)]


@pytest.fixture(scope="module")
def loader(windy_settings, tmp_path_factory):
    context = open_copy(windy_settings, tmp_path_factory.mktemp("scenario"))
    yield IssueLoader(context, ManualClock(ISSUED_AT))
    context.database.close()


@pytest.mark.parametrize("series_id", ["people", "boats"])
def test_calm_days_have_more_arrivals_than_rough_days(loader, series_id):
    view, means = loader.view(series_id), {}
    for weather in ("calm", "mixed", "rough"):
        assumed = dict.fromkeys(DAYS[:7], weather)
        answer = scenario(loader, view, 28, (80,), weather=assumed)
        assert answer["assumed"]["weather"] == dict.fromkeys(map(str, assumed), weather)
        means[weather] = answer["totals"][0]["mean"]
    forecast = answer["forecast"]["totals"][0]["mean"]
    assert means["calm"] > means["mixed"] > means["rough"]
    assert means["calm"] > 3 * means["rough"]
    assert means["calm"] > forecast > means["rough"]
    assumed = {"level_percent": 50, "weather": dict.fromkeys(DAYS[:7], "calm")}
    raised = scenario(loader, view, 28, (80,), **assumed)
    assert raised["totals"][0]["mean"] / means["calm"] == pytest.approx(1.5, rel=0.02)
    assert raised == scenario(loader, view, 28, (80,), **assumed)


def test_weather_assumed_beyond_its_forecast_changes_only_that_day(loader):
    calm, rough = (
        scenario(loader, loader.view("people"), 28, (80,), weather={DAYS[20]: weather})
        for weather in ("calm", "rough")
    )
    assert calm["rows"][20]["p_zero"] < rough["rows"][20]["p_zero"] - 0.2
    for answer in (calm, rough):
        assert answer["rows"][:20] == answer["forecast"]["rows"][:20]
        assert answer["rows"][20] != answer["forecast"]["rows"][20]


@pytest.mark.parametrize("horizon", [7, 28])
def test_more_people_per_boat_keep_the_number_of_boats(loader, horizon):
    # People per boat change during the year: only days of the horizon count.
    paths = [loader.view(name).ahead.upto(horizon) for name in ("people", "boats")]
    load = people_per_boat(*paths)
    assert people_per_boat(*(loader.view(name).paths for name in ("people", "boats"))) != load
    totals = {}
    for series_id in ("people", "boats"):
        view = loader.view(series_id)
        answer = scenario(loader, view, horizon, (80,), people_per_boat=2 * load)
        assert answer["people_per_boat_forecast"] == pytest.approx(load, abs=0.005)
        totals[series_id] = sum(row["mean"] for row in answer["rows"])
    assert totals["people"] / totals["boats"] == pytest.approx(2 * load, rel=0.005)
    assert totals["boats"] == pytest.approx(paths[1].mean().sum())


def test_people_per_boat_need_boats_drawn_with_the_people(filled):
    publish(
        filled.database,
        {"climatology": random_paths("2025-12-31", 60)},
        record_run(filled.database),
        NOW,
    )
    alone = IssueLoader(filled, ManualClock(NOW))
    with pytest.raises(NotPossible, match="no boats are drawn with the people of this issue"):
        scenario(alone, alone.view("people"), 28, (80,), people_per_boat=40)


def test_weather_outside_horizon_or_of_model_without_it_is_rejected(loader):
    for day in (dt.date(2025, 12, 31), dt.date(2026, 1, 15)):
        with pytest.raises(BadQuestion, match=r"days from 2026-01-01 to 2026-01-14, found 20"):
            scenario(loader, loader.view("people"), 14, (80,), weather={day: "calm"})
    view = loader.view("people", model="climatology")
    with pytest.raises(NotPossible, match="the model climatology of issue .* uses no weather, so"):
        scenario(loader, view, 14, (80,), weather={DAYS[0]: "calm"})


def test_issue_without_weather_is_rejected_with_reason(filled):
    context = sample_weather.with_weather(filled)
    refit(context)
    view = IssueLoader(context, ManualClock(ISSUED_AT)).view("people")
    with pytest.raises(NotPossible, match=r"no weather \(no weather forecast has been read yet"):
        scenario(IssueLoader(context), view, 14, (80,), weather={DAYS[0]: "calm"})


def test_missing_or_broken_fit_is_reported(windy_settings, tmp_path):
    context = open_copy(windy_settings, tmp_path)
    shutil.copytree(windy_settings.fitted_folder, tmp_path / "fitted")
    loader = IssueLoader(
        with_settings(context, fitted_dir=tmp_path / "fitted"), ManualClock(ISSUED_AT)
    )
    folder = tmp_path / "fitted" / "people" / "swell"
    for version in folder.glob("2*"):  # other tests may have refitted
        version.write_text("{}")
    view, calm = loader.view("people"), {DAYS[0]: "calm"}
    with pytest.raises(NotPossible, match="of swell is no longer kept or its file is broken"):
        scenario(loader, view, 14, (80,), weather=calm)
    shutil.rmtree(folder)
    with pytest.raises(NotPossible, match=r"version 2.* of swell .*; ask for the latest"):
        scenario(loader, view, 14, (80,), weather=calm)
    context.database.close()
