"""Stored weather in forecasts: which readings are used, and what is noted of them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import LevelHurdle
from service.core.tables import weather as table
from service.data import covariates
from service.data.daily_weather import WIND
from service.issues import issue_store, note_store
from service.issues import refit as refit_module
from service.issues.compare import compare
from service.issues.fitted_models import load
from service.issues.hindcast import hindcast
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.sample_weather import CALM, ROUGH
from tests.service.stored_issues import latest_issue, with_settings
from tests.service.support import ROUTE, ManualClock, declare_model, utc

SEEN = utc(2026, 1, 1, 5)
NOON = utc(2026, 1, 1, 14)
ORIGIN = np.datetime64("2025-12-31")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = ManualClock(NOON)
    monkeypatch.setattr(refit_module, "utc_now", clock)
    return clock


@pytest.fixture
def context(filled):
    return sample_weather.with_weather(filled)


def read_note(context, kind=note_store.WEATHER):
    with context.database.reading() as connection:
        return note_store.get_note(connection, latest_issue(context).issue_id, kind) or {}


def list_fitted_files(context, model):
    return sorted((context.settings.fitted_folder / "people" / model).glob("[0-9]*"))


def mean_path(context):
    issue = latest_issue(context)
    with context.database.reading() as connection:
        return issue_store.load_paths(connection, issue, issue.champion).mean()


def test_new_weather_forecast_refits_models_that_read_it(context, clock):
    sample_weather.store_weather(context.database, SEEN, [ROUGH] * 7, members=3)
    outcome = refit(context)
    assert outcome.detail["weather"] == "used"
    assert outcome.detail["weather_reason"] == "the weather as forecast up to 2026-01-07"
    rough = mean_path(context)[:7].mean()
    (file,) = list_fitted_files(context, "swell")
    assert load(file).fitted.covered_days == 7  # type: ignore[attr-defined]
    note = read_note(context)
    assert (note["status"], note["models"]) == ("used", ["swell"])
    assert (note["read_at"], note["days_ahead"], note["members"]) == ("2026-01-01T05:00:00Z", 7, 3)
    clock.now += dt.timedelta(hours=1)
    sample_weather.store_weather(context.database, clock.now, [CALM] * 7, members=3)
    assert refit(context).outcome == "done"
    assert mean_path(context)[:7].mean() > 3 * rough
    assert [len(list_fitted_files(context, name)) for name in ("climatology", "swell")] == [1, 2]
    assert refit(context).outcome == "skipped"  # there is no newer weather forecast


def test_missing_weather_gives_same_forecast_as_weather_off(filled, clock):
    context = sample_weather.with_weather(filled)
    off = with_settings(context, weather="off")
    refit(off)
    issue, paths = latest_issue(off), mean_path(off)
    assert read_note(off) == {}
    clock.now += dt.timedelta(seconds=1)
    outcome = refit(context, force=True)
    assert latest_issue(context).inputs_hash == issue.inputs_hash
    np.testing.assert_array_equal(mean_path(context), paths)
    assert outcome.detail["weather"] == "missing"
    assert outcome.reason.endswith("without the weather: no weather forecast has been read yet")
    assert read_note(context) == {
        "status": "missing",
        "reason": "no weather forecast has been read yet",
    }
    assert len(list_fitted_files(context, "swell")) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"first": dt.date(2025, 1, 2)}, "365 days of weather up to 2025-12-31 are needed, 364"),
        ({"missing": [dt.date(2025, 12, 31)]}, "the weather of 2025-12-31 is not stored"),
        ({"missing": [dt.date(2025, 12, 1)]}, "days of weather up to 2025-12-31 are needed, 30"),
        (
            {"seen_at": utc(2025, 12, 31, 1)},
            "last updated at 2025-12-31T01:00:00Z, over 36 hours ago",
        ),
        ({"seen_at": utc(2026, 1, 1, 15)}, "no weather forecast has been read yet"),
        ({"coming": [np.nan] * 7}, "no day after 2025-12-31 is forecast without a gap"),
    ],
)
def test_unusable_weather_is_missing(empty, changes, reason):
    sample_weather.store_weather(
        empty.database, **{"seen_at": SEEN, "coming": [CALM] * 7} | changes
    )
    with empty.database.reading() as connection:
        weather = covariates.drivers_as_of(connection, ROUTE, ORIGIN, NOON, 28)
    assert (weather.status, weather.covariates) == ("missing", None)
    assert reason in weather.reason


@pytest.mark.parametrize("values", [{"content": b"no"}, {"names": ["x"]}], ids=str)
def test_corrupt_weather_is_missing(empty, values):
    sample_weather.store_weather(empty.database, SEEN, [CALM] * 7)
    with empty.database.writing() as connection:
        connection.execute(sa.update(table).values(values))
        weather = covariates.drivers_as_of(connection, ROUTE, ORIGIN, NOON, 28)
    assert (weather.status, weather.covariates) == ("missing", None)


def test_weather_is_off_if_the_champion_does_not_read_it(context):
    models = context.settings.models_dir
    declare_model(models, "climatology", "climatology", "champion")
    declare_model(models, "swell", "level_hurdle", "challenger")
    sample_weather.store_weather(context.database, SEEN, [CALM] * 7)
    outcome = refit(context)
    assert outcome.detail["weather"] == "off"
    note = read_note(context)
    assert note["reason"] == "the model climatology does not use it"
    assert note["models"] == ["swell"]
    (models / "swell.toml").unlink()
    outcome = refit(context)
    assert outcome.detail["weather_reason"] == "no declared model uses the weather"


def test_weather_is_read_as_of_a_moment(empty):
    fewest = dt.date(2025, 1, 1)  # 365 days
    sample_weather.store_weather(empty.database, SEEN, [ROUGH] * 7, fewest, members=3)
    sample_weather.store_weather(empty.database, SEEN + dt.timedelta(days=1), [CALM] * 7, members=5)
    with empty.database.reading() as connection:
        earlier = sample_weather.usable_weather(connection, ORIGIN, NOON)
        later = sample_weather.usable_weather(connection, ORIGIN, NOON + dt.timedelta(days=1))
    assert (earlier.names, earlier.n_members, earlier.n_ahead) == (WIND, 3, 7)
    assert (later.n_members, later.n_ahead) == (5, 8)
    assert str(earlier.data_through) == str(later.data_through) == "2025-12-31"
    assert earlier.future[:, 0, 0].min() > 10  # rough
    # 1 January has passed: every member has the same values.
    np.testing.assert_array_equal(later.future[:, 0], np.repeat(later.future[:1, 0], 5, axis=0))
    assert later.future[:, 1, 0].max() < 2.5
    assert earlier.fingerprint != later.fingerprint


def test_changes_are_attributed_to_weather(context, clock):
    sample_weather.store_weather(context.database, SEEN, [ROUGH] * 7)
    refit(context)
    clock.now += dt.timedelta(hours=1)
    sample_weather.store_weather(context.database, clock.now, [CALM] * 7)
    refit(context)
    changes = read_note(context, note_store.CHANGES)
    assert list(changes["causes"]) == ["model", "revision", "weather", "new_figures"]
    week = {cause: sum(values[:7]) for cause, values in changes["causes"].items()}
    change = sum(changes["after"][:7]) - sum(changes["before"][:7])
    assert abs(week["model"]) < 5  # sampling noise
    assert week["revision"] == 0
    assert change > 50
    assert week["weather"] > 0.8 * change
    for at in range(28):
        by_cause = sum(values[at] for values in changes["causes"].values())
        assert changes["before"][at] + by_cause == pytest.approx(changes["after"][at], abs=0.01)


def test_hindcasts_and_comparisons_read_weather_as_of_their_origin(context, monkeypatch):
    """The weather was first read between the two origins."""
    sample_weather.store_weather(
        context.database, utc(2025, 11, 24, 5), [ROUGH] * 7, first=dt.date(2024, 1, 1)
    )
    statuses: list[tuple[str, str]] = []
    as_known = covariates.drivers_as_of

    def record_status(connection, route, origin, *more):
        weather = as_known(connection, route, origin, *more)
        statuses.append((str(origin), weather.status))
        return weather

    monkeypatch.setattr(covariates, "drivers_as_of", record_status)
    days = [dt.date(2025, 11, 10), dt.date(2025, 11, 23)]
    assert hindcast(context, days).detail["made"] == 2
    assert statuses == [("2025-11-10", "missing"), ("2025-11-23", "used")]
    assert hindcast(context, days).detail["made"] == 0
    off = with_settings(context, weather="off")
    assert hindcast(off, days).detail["made"] == 1  # the earlier one had no weather
    statuses.clear()
    narrow = with_settings(context, champion_origins=4)
    first = compare(narrow)
    assert dict(statuses)["2025-11-24"] == "used"
    assert dict(statuses)["2025-11-17"] == "missing"
    assert compare(narrow).detail["computed"] == 0
    without = compare(with_settings(narrow, weather="off"))
    # Scored both with and without weather: one origin of one model.
    assert (first.detail["computed"], without.detail["computed"]) == (13, 0)


def test_model_that_fails_with_weather_is_fitted_without_it(context, monkeypatch):
    sample_weather.store_weather(context.database, SEEN, [CALM] * 7)
    fit = LevelHurdle.fit

    def fit_without_weather(self, series, covariates=None):
        if covariates is not None:
            raise FitError("too many columns")
        return fit(self, series)

    monkeypatch.setattr(LevelHurdle, "fit", fit_without_weather)
    outcome = refit(context)
    assert latest_issue(context).champion == "swell"
    assert outcome.detail["weather"] == "missing"
    reason = "swell could not be fitted with it (too many columns)"
    assert outcome.detail["weather_reason"] == reason
    assert read_note(context) == {"status": "missing", "reason": reason}


def test_weather_becoming_available_or_missing_is_a_cause(context, clock):
    for _ in range(2):  # the second one can be compared with the first
        refit(context, force=True)
        clock.now += dt.timedelta(seconds=1)
    sample_weather.store_weather(context.database, SEEN, [ROUGH] * 7)
    refit(context)
    gained = read_note(context, note_store.CHANGES)
    assert sum(gained["causes"]["weather"][:7]) < -50
    assert set(gained["causes"]["model"]) == {0}
    clock.now += dt.timedelta(days=3)  # the weather forecast is stale
    outcome = refit(context)
    assert outcome.detail["weather"] == "missing"
    lost = read_note(context, note_store.CHANGES)
    assert sum(lost["causes"]["weather"][:7]) > 50
    clock.now += dt.timedelta(seconds=1)
    refit(context, force=True)
    without = read_note(context, note_store.CHANGES)
    assert list(without["causes"]) == ["model", "revision", "new_figures"]
