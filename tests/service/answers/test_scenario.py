"""What if the sea were calm: of a model that reads the weather, beside its own forecast."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecast.scenarios import people_per_boat
from service.answers.errors import BadQuestion, NotPossible
from service.answers.issue_loader import IssueLoader
from service.answers.scenario import scenario
from service.core.context import Context
from service.core.settings import Settings
from service.issues.refit import refit
from tests.service import skies
from tests.service.answers.conftest import NOON, copied
from tests.service.issued import changed
from tests.service.support import Hand

DAYS = [dt.date(2026, 1, day) for day in range(1, 29)]


@pytest.fixture(scope="module")
def loader(windy: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IssueLoader]:
    context = copied(windy, tmp_path_factory.mktemp("scenario"))
    yield IssueLoader(context, Hand(NOON))
    context.database.close()


def week(
    loader: IssueLoader, seas: dict[dt.date, str], series_id: str = "people"
) -> tuple[float, float]:
    """Mean of the next seven days: assumed, and as forecast."""
    found = scenario(loader, loader.view(series_id), 28, (80,), weather=seas)
    assert found["assumed"]["weather"] == {str(day): sea for day, sea in seas.items()}
    return found["totals"][0]["mean"], found["forecast"]["totals"][0]["mean"]


@pytest.mark.parametrize("series_id", ["people", "boats"])
def test_calm_days_bring_more_than_rough_ones(loader: IssueLoader, series_id: str) -> None:
    calm, told = week(loader, dict.fromkeys(DAYS[:7], "calm"), series_id)
    mixed, _ = week(loader, dict.fromkeys(DAYS[:7], "mixed"), series_id)
    rough, again = week(loader, dict.fromkeys(DAYS[:7], "rough"), series_id)
    assert told == again
    assert calm > mixed > rough
    assert calm > 3 * rough
    assert calm > told > rough


def test_a_day_beyond_the_forecast_of_the_weather(loader: IssueLoader) -> None:
    rows = {
        sea: scenario(loader, loader.view("people"), 28, (80,), weather={DAYS[20]: sea})
        for sea in ("calm", "rough")
    }
    calm, rough = rows["calm"]["rows"], rows["rough"]["rows"]
    assert calm[20]["p_zero"] < rough[20]["p_zero"] - 0.2
    assert [row["median"] for row in calm[:7]] == [row["median"] for row in rough[:7]]


def test_days_about_which_nothing_is_assumed_stay_as_they_are(loader: IssueLoader) -> None:
    found = scenario(loader, loader.view("people"), 28, (80,), weather={DAYS[20]: "rough"})
    assert found["rows"][:20] == found["forecast"]["rows"][:20]
    assert found["rows"][20] != found["forecast"]["rows"][20]


def test_weather_and_level_together(loader: IssueLoader) -> None:
    view, seas = loader.view("people"), dict.fromkeys(DAYS[:7], "calm")
    plain = scenario(loader, view, 28, (80,), weather=seas)
    more = scenario(loader, view, 28, (80,), level_percent=50, weather=seas)
    ratio = more["totals"][0]["mean"] / plain["totals"][0]["mean"]
    assert ratio == pytest.approx(1.5, rel=0.02)
    assert more == scenario(loader, view, 28, (80,), level_percent=50, weather=seas)


@pytest.mark.parametrize("horizon", [7, 28])
def test_fuller_boats_bring_more_people_in_as_many_boats(loader: IssueLoader, horizon: int) -> None:
    # Loads change in the course of a year, so those of other days do not count.
    paths = [loader.view(name).ahead.upto(horizon) for name in ("people", "boats")]
    load = people_per_boat(*paths)
    assert people_per_boat(*(loader.view(name).paths for name in ("people", "boats"))) != load
    totals = {}
    for series_id in ("people", "boats"):
        view = loader.view(series_id)
        found = scenario(loader, view, horizon, (80,), people_per_boat=2 * load)
        assert found["people_per_boat_forecast"] == pytest.approx(load, abs=0.005)
        totals[series_id] = sum(row["mean"] for row in found["rows"])
    assert totals["people"] / totals["boats"] == pytest.approx(2 * load, rel=0.005)
    assert totals["boats"] == pytest.approx(paths[1].mean().sum())


def test_only_days_of_the_horizon(loader: IssueLoader) -> None:
    for day in (dt.date(2025, 12, 31), dt.date(2026, 1, 15)):
        with pytest.raises(BadQuestion, match=r"days from 2026-01-01 to 2026-01-14, found 20"):
            scenario(loader, loader.view("people"), 14, (80,), weather={day: "calm"})


def test_a_model_that_reads_no_weather(loader: IssueLoader) -> None:
    view = loader.view("people", model="climatology")
    with pytest.raises(NotPossible, match="the model climatology of issue .* uses no weather, so"):
        scenario(loader, view, 14, (80,), weather={DAYS[0]: "calm"})


def test_an_issue_that_had_no_weather_says_why(filled: Context) -> None:
    context = skies.reading(filled)
    refit(context)
    view = IssueLoader(context, Hand(NOON)).view("people")
    with pytest.raises(NotPossible, match=r"no weather \(no weather forecast has been read yet"):
        scenario(IssueLoader(context), view, 14, (80,), weather={DAYS[0]: "calm"})


def test_a_fit_that_is_gone_or_broken(windy: Settings, tmp_path: Path) -> None:
    context = copied(windy, tmp_path)
    shutil.copytree(windy.fitted_folder, tmp_path / "fitted")
    loader = IssueLoader(changed(context, fitted_dir=tmp_path / "fitted"), Hand(NOON))
    folder = tmp_path / "fitted" / "people" / "swell"
    (version,) = folder.glob("2*")
    version.write_text("{}")
    view, calm = loader.view("people"), {DAYS[0]: "calm"}
    with pytest.raises(NotPossible, match="swell cannot be read again: its file is broken"):
        scenario(loader, view, 14, (80,), weather=calm)
    shutil.rmtree(folder)
    with pytest.raises(NotPossible, match=r"version 2.* of swell is no longer kept; ask for the"):
        scenario(loader, view, 14, (80,), weather=calm)
    context.database.close()
