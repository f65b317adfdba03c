"""Stored weather in forecasts: which readings and past forecasts are used, and what is noted."""

import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.postprocessing import correct_members
from forecast.series import ONE_DAY
from service.core.tables import weather as table
from service.data import covariates, weather_store
from service.data.daily_weather import WIND, WeatherReading
from service.data.weather_store import WeatherReadings
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
DAY = dt.timedelta(days=1)


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


def read_causes(context):
    """Return by cause the change of the mean of each day, which sum up to the whole change."""
    changes = read_note(context, note_store.CHANGES)
    for at in range(28):
        by_cause = sum(values[at] for values in changes["causes"].values())
        assert changes["before"][at] + by_cause == pytest.approx(changes["after"][at], abs=0.01)
    return changes["causes"]


def test_missing_weather_gives_same_forecast_as_weather_off(context, clock):
    off = with_settings(context, weather="off")
    refit(off)
    issue, paths = latest_issue(off), mean_path(off)
    assert read_note(off) == {}
    clock.now += dt.timedelta(seconds=1)
    outcome = refit(context, force=True)
    assert latest_issue(context).inputs_hash == issue.inputs_hash
    np.testing.assert_array_equal(mean_path(context), paths)
    reason = "no weather forecast has been read yet"
    assert outcome.detail["weather"] == "missing"
    assert outcome.reason.endswith(f"without the weather: {reason}")
    assert read_note(context) == {"status": "missing", "reason": reason}
    assert list(read_causes(context)) == ["model", "revision", "new_figures"]


def test_new_weather_forecast_refits_models_that_read_it_and_is_a_cause_of_change(context, clock):
    refit(context)
    sample_weather.store_weather(context.database, SEEN, [ROUGH] * 7, members=3)
    outcome = refit(context)
    assert outcome.detail["weather"] == "used"
    assert outcome.detail["weather_reason"] == "the weather as forecast up to 2026-01-07"
    rough = mean_path(context)[:7].mean()
    assert load(list_fitted_files(context, "swell")[-1]).fitted.covered_days == 7
    note = read_note(context)
    assert (note["status"], note["models"]) == ("used", ["swell"])
    assert (note["read_at"], note["days_ahead"], note["members"]) == ("2026-01-01T05:00:00Z", 7, 3)
    gained = read_causes(context)
    assert sum(gained["weather"][:7]) < -50
    assert set(gained["model"]) == {0}
    clock.now += dt.timedelta(hours=1)
    sample_weather.store_weather(context.database, clock.now, [CALM] * 7, members=3)
    assert refit(context).outcome == "done"
    calm = mean_path(context)[:7].mean()
    assert calm > 3 * rough
    assert [len(list_fitted_files(context, name)) for name in ("climatology", "swell")] == [1, 3]
    causes = read_causes(context)
    assert list(causes) == ["model", "revision", "weather", "new_figures"]
    assert abs(sum(causes["model"][:7])) < 5  # sampling noise
    assert set(causes["revision"]) == {0}
    assert sum(causes["weather"][:7]) > 0.8 * 7 * (calm - rough) > 50
    assert refit(context).outcome == "skipped"  # there is no newer weather forecast
    clock.now += dt.timedelta(days=3)  # the weather forecast is stale
    assert refit(context).detail["weather"] == "missing"
    assert sum(read_causes(context)["weather"][:7]) < -50


@pytest.mark.parametrize(
    ("given", "corrupt", "reason"),
    [
        ({"first": dt.date(2025, 1, 2)}, {}, "365 days of weather up to 2025-12-31 are needed, 3"),
        ({"missing": [dt.date(2025, 12, 31)]}, {}, "the weather of 2025-12-31 is not stored"),
        ({"missing": [dt.date(2025, 12, 1)]}, {}, "weather up to 2025-12-31 are needed, 30"),
        ({"seen_at": utc(2025, 12, 31, 1)}, {}, "at 2025-12-31T01:00:00Z, over 36 hours ago"),
        ({"seen_at": utc(2026, 1, 1, 15)}, {}, "no weather forecast has been read yet"),
        ({"coming": [np.nan] * 7}, {}, "no day after 2025-12-31 is forecast without a gap"),
        ({}, {"content": b"no"}, "cannot be used: expected packed weather of 2026-01-01, found"),
        ({}, {"names": ["x"]}, "the stored weather cannot be used: "),
    ],
)
def test_unusable_weather_is_missing(empty, given, corrupt, reason):
    sample_weather.store_weather(empty.database, **{"seen_at": SEEN, "coming": [CALM] * 7} | given)
    with empty.database.writing() as connection:
        if corrupt:
            connection.execute(sa.update(table).values(corrupt))
        weather = covariates.drivers_as_of(connection, ROUTE, ORIGIN, NOON, 28)
    assert (weather.status, weather.covariates) == ("missing", None)
    assert reason in weather.reason


def test_weather_is_off_if_the_champion_does_not_read_it(context):
    models = context.settings.models_dir
    declare_model(models, "climatology", "climatology", "champion")
    declare_model(models, "swell", "level_hurdle", "challenger")
    fewest = dt.date(2025, 1, 1)  # 365 days
    sample_weather.store_weather(context.database, SEEN, [CALM] * 7, fewest)
    outcome = refit(context)
    assert outcome.detail["weather"] == "off"
    note = read_note(context)
    assert note["reason"] == "the model climatology does not use it"
    assert note["models"] == ["swell"]
    (models / "swell.toml").unlink()
    outcome = refit(context)
    assert outcome.detail["weather_reason"] == "no declared model uses the weather"


def test_hindcasts_and_comparisons_read_weather_as_of_their_origin(context, monkeypatch):
    """The weather was first read between the two origins."""
    sample_weather.store_weather(
        context.database, utc(2025, 11, 24, 5), [ROUGH] * 7, first=dt.date(2024, 1, 1)
    )
    statuses = []
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


def store_daily_readings(database, days, bias):
    """Store an archive, and an ensemble of two members each day, `bias` above the actual values."""
    first, last = dt.date(2024, 6, 1), dt.date(2025, 12, 31)
    actual = np.random.default_rng(1).gamma(4.0, 2.0, size=((last - first).days + 16, len(WIND)))
    later = first + 100 * DAY
    readings = [
        WeatherReading("archive", WIND, first, actual[None, :100], utc(2024, 9, 12, 4)),
        WeatherReading("archive", WIND, later, actual[None, 100:-15], utc(2026, 1, 1, 4)),
    ]
    for back in range(days):
        today = last + DAY - back * DAY
        at = (today - first).days
        members = actual[at : at + 15] + bias + np.array([-0.5, 0.5])[:, None, None]
        seen = dt.datetime.combine(today, dt.time(5), dt.UTC)
        readings.append(WeatherReading("ensemble", WIND, today, members, seen))
    save(database, *readings)


def save(database, *readings):
    with database.writing() as connection:
        for reading in readings:
            weather_store.save_reading(connection, ROUTE, reading)


def test_past_forecasts_are_archived_and_correct_the_members(database):
    store_daily_readings(database, 110, bias=3.0)
    with database.reading() as connection:
        weather = sample_weather.usable_weather(connection, ORIGIN, NOON)
        # An origin one day earlier: the day in between is observed, also at each past origin.
        older = sample_weather.usable_weather(connection, ORIGIN - 1 * ONE_DAY, NOON)
        near, far = (
            sample_weather.usable_weather(connection, ORIGIN - days * ONE_DAY, NOON)
            for days in (14, 15)
        )
    assert (weather.n_members, weather.n_ahead) == (2, 15)
    # Daily for the last 90 days, weekly before.
    origins = weather.archive.origins
    assert (len(origins), str(origins[0]), str(origins[-1])) == (93, "2025-09-17", "2025-12-30")
    issued = weather.archive.issued_at(ORIGIN - 20 * ONE_DAY)
    actual = weather.history[-20:-5]
    np.testing.assert_allclose(issued.mean(axis=0), actual + 3, atol=1e-5)
    # The members' error is learned from them: most of the bias of 3 m/s is removed.
    bias = weather.future - correct_members(weather)
    assert 1.8 < bias[..., :3].mean() < 3
    assert (older.n_ahead, older.future[0, 0, 0]) == (16, older.future[1, 0, 0])
    issued = older.archive.issued_at(ORIGIN - 21 * ONE_DAY)
    observed = np.repeat(weather.history[None, -21], 2, axis=0)
    np.testing.assert_allclose(issued[:, 0], observed, atol=1e-5)
    np.testing.assert_allclose(issued[:, 1:].mean(axis=0), actual + 3, atol=1e-5)
    assert near.archive is not None and far.archive is None
    assert len(weather.history) == 579, "all of the archive, however long ago it was read"


def test_past_forecast_is_the_last_before_its_origin_hour(database):
    """The last reading before 14:00 on the day after the origin; short readings are omitted."""
    store_daily_readings(database, 10, bias=0.0)
    for value, shape, seen in (
        (7.0, (3, 15), utc(2025, 12, 28, 11)),
        (8.0, (3, 15), utc(2025, 12, 28, 15)),
        (9.0, (2, 4), utc(2025, 12, 27, 12)),
    ):
        values = np.full((*shape, len(WIND)), value)
        save(database, WeatherReading("ensemble", WIND, seen.date(), values, seen))
    with database.reading() as connection:
        weather = sample_weather.usable_weather(connection, ORIGIN, NOON)
    assert "2025-12-26" not in weather.archive.origins.astype(str)
    assert set(weather.archive.issued_at("2025-12-27").ravel()) == {7.0}
    assert len(weather.archive.origins) == 8


def test_recent_days_and_members_are_adjusted_to_the_reanalysis(database):
    store_daily_readings(database, 1, bias=0.0)
    with database.reading() as connection:
        archive = sample_weather.newest_reading(connection, "archive")
    recent = np.append(archive.values[:, -60:] - 2.0, [[[5.0] * len(WIND)]], axis=1)
    save(database, WeatherReading("recent", WIND, archive.last - 59 * DAY, recent, SEEN))
    with database.reading() as connection:
        seen = utc(2026, 1, 2, 5)
        weather = sample_weather.usable_weather(connection, ORIGIN + 1 * ONE_DAY, seen)
        ensemble = WeatherReadings(connection, ROUTE).newest_at("ensemble", seen)
    np.testing.assert_allclose(weather.history[-1], 5 + 2 * 60 / 80, atol=1e-4)
    np.testing.assert_allclose(weather.history[-2], archive.values[0, -1], atol=1e-5)
    adjustment = weather.future - ensemble.values[:, 1:]  # the members too
    np.testing.assert_allclose(adjustment, 2 * 60 / 80, atol=1e-4)
    earlier = weather.archive.issued_at(ORIGIN) - ensemble.values[:, :14]  # and past forecasts
    np.testing.assert_allclose(earlier, 2 * 60 / 80, atol=1e-4)
