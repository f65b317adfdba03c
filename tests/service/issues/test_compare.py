from __future__ import annotations

import datetime as dt

import pytest

from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.core.job_runner import Outcome, perform
from service.issues.compare import compare
from service.issues.refit import refit
from tests.service import skies
from tests.service.issued import changed
from tests.service.support import Hand, declare, utc


@pytest.fixture
def few(filled: Context) -> Context:
    return changed(filled, champion_origins=4)


def test_origins_that_are_scored_are_not_scored_again(few: Context) -> None:
    first = compare(few)
    assert first.detail["computed"] == 2 * 4, "models x origins"
    assert compare(few).detail["computed"] == 0
    assert compare(few).detail["ratios"] == first.detail["ratios"]


def test_a_challenger_that_proved_better_is_served_until_another_champion_is_declared(
    few: Context,
) -> None:
    models = few.settings.models_dir
    declare(models, "climatology", "climatology", "challenger")
    declare(models, "seasonal_naive", "seasonal_naive", "champion")
    first = compare(few)
    assert (first.detail["champion"], first.detail["declared"]) == ("climatology", "seasonal_naive")
    assert first.detail["last_change"].endswith(f": {first.reason}")
    again = compare(few).detail
    assert again["champion"] == "climatology"
    assert again["last_change"] == first.detail["last_change"]
    assert refit(few).detail["champion"] == "climatology"
    declare(models, "same", "seasonal_naive", "champion")
    declare(models, "seasonal_naive", "seasonal_naive", "challenger")
    assert refit(few).detail["champion"] == "same"


def test_another_process_gives_the_same_scores(few: Context) -> None:
    here = compare(few).detail["ratios"]
    other = changed(few, fit_seconds=60, seed=1)
    with few.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM model_scores")
    there = compare(other)
    assert there.detail["ratios"] == here
    assert there.detail["computed"] == 8


def test_a_model_that_takes_too_long_is_not_scored(
    few: Context, caplog: pytest.LogCaptureFixture
) -> None:
    other = changed(few, fit_seconds=0.001)
    assert compare(other).detail["ratios"] == {}
    assert caplog.text.count("longer than 0.001 s") == 2, "once for each model"
    assert compare(few).detail["computed"] == 8, "with time enough they are"


def test_a_model_that_the_weather_makes_worse_is_served_without_it(
    filled: Context, hand: Hand
) -> None:
    """Forecasts of the weather that say calm where nobody came, and rough where people did."""
    context = skies.reading(filled)
    context = changed(context, champion_origins=8, stale_after_days=5)
    truth = skies.roughness(dt.date(2025, 10, 1), 92)
    for monday in range(12, 12 + 7 * 8, 7):  # from 13 October to 1 December
        seen = utc(2025, 10, 2, 5) + dt.timedelta(days=monday)
        wrong = 2.5 - truth[monday + 1 : monday + 8]
        skies.tell(context.database, seen, wrong.tolist(), first=dt.date(2024, 1, 1))
    outcome = compare(context)
    said = outcome.detail["worse_with_weather"]["swell"]
    assert said.startswith("is worse with it: its score is 1.")
    assert f"swell is served without the weather, as it {said}" in outcome.reason
    skies.tell(context.database, utc(2026, 1, 1, 5), [skies.CALM] * 7)
    done = refit(context)
    assert (done.detail["weather"], done.detail["weather_reason"]) == ("missing", f"swell {said}")
    loader = IssueLoader(context, hand)
    (reason,) = loader.view("people").state.reasons
    assert reason.name == "weather_missing"
    assert reason.detail == f"the latest forecast does not use the weather: swell {said}"
    blind = loader.view("people").paths
    perform(context, "compare", lambda _: Outcome("done", "", {"worse_with_weather": {}}))
    assert refit(context).detail["weather"] == "used", "as soon as the proof is gone"
    assert (blind.mean()[:7] < loader.view("people").paths.mean()[:7]).all(), "calm days come"
