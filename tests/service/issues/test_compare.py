import datetime as dt

from forecast.forecasters.base import FitError
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.core.job_runner import Outcome, run_job
from service.issues.compare import compare
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.stored_issues import with_settings
from tests.service.support import declare_model, utc


def test_origins_are_scored_once_unless_a_fit_exceeds_its_limit(filled, caplog):
    quick = with_settings(filled, champion_origins=4)
    assert compare(with_settings(quick, fit_seconds=0.001)).detail["ratios"] == {}
    assert caplog.text.count("longer than 0.001 s") == 2, "once for each model"
    first, again = compare(quick).detail, compare(quick).detail
    assert (first["computed"], again["computed"]) == (2 * 4, 0), "models x origins"
    assert again["ratios"] == first["ratios"]


def test_model_that_declines_is_not_asked_again(filled, monkeypatch):
    def decline(*_):
        raise FitError("too few days")

    quick = with_settings(filled, champion_origins=4)
    with monkeypatch.context() as patch:
        patch.setattr("service.issues.compare.score_origin", decline)
        detail = compare(quick).detail
    assert (detail["computed"], detail["ratios"]) == (2 * 4, {})
    assert compare(quick).detail["computed"] == 0


def test_better_challenger_is_served_until_champion_is_redeclared(filled):
    quick = with_settings(filled, champion_origins=26)
    models = quick.settings.models_dir
    declare_model(models, "climatology", "climatology", "challenger")
    declare_model(models, "seasonal_naive", "seasonal_naive", "champion")
    first = compare(quick)
    assert (first.detail["champion"], first.detail["declared"]) == ("climatology", "seasonal_naive")
    assert compare(quick).detail["champion"] == "climatology"
    assert refit(quick).detail["champion"] == "climatology"
    declare_model(models, "same", "seasonal_naive", "champion")
    declare_model(models, "seasonal_naive", "seasonal_naive", "challenger")
    assert refit(quick).detail["champion"] == "same"


def test_model_worse_with_weather_is_served_without_it(filled, hand):
    """The weather forecasts are calm where nobody came, and rough where people did."""
    context = sample_weather.with_weather(filled)
    context = with_settings(context, champion_origins=26, stale_after_days=5)
    truth = sample_weather.roughness(dt.date(2025, 5, 28), 218)
    for monday in range(12, 12 + 7 * 26, 7):  # from 9 June to 1 December
        seen_at = utc(2025, 5, 29, 5) + dt.timedelta(days=monday)
        wrong = 2.5 - truth[monday + 1 : monday + 8]
        sample_weather.store_weather(
            context.database, seen_at, wrong.tolist(), first=dt.date(2024, 1, 1)
        )
    off = Context(sample_weather.without_weather(context.settings), context.database)
    ratios = compare(off).detail["ratios"]
    outcome = compare(context)
    assert outcome.detail["ratios"] == ratios, "judged as it is served"
    reason = outcome.detail["worse_with_weather"]["swell"]
    assert reason.startswith("is worse with it: its score is 1.")
    assert f"swell is served without the weather, as it {reason}" in outcome.reason
    sample_weather.store_weather(context.database, utc(2026, 1, 1, 5), [sample_weather.CALM] * 7)
    detail = refit(context).detail
    assert (detail["weather"], detail["weather_reason"]) == ("missing", f"swell {reason}")
    loader = IssueLoader(context, hand)
    without_weather = loader.view("people").paths
    run_job(context, "compare", lambda _: Outcome("done", "", {"worse_with_weather": {}}))
    assert refit(context).detail["weather"] == "used", "used again without that result"
    with_weather = loader.view("people").paths
    assert (without_weather.mean()[:7] < with_weather.mean()[:7]).all(), "calm days ahead"
