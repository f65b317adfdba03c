"""The weather forecast shown with an issue, and whether the issue used it."""

import datetime as dt

import numpy as np
import pytest
import sqlalchemy as sa

from service.answers.issue_loader import IssueLoader
from service.answers.weather import weather_ahead
from service.app import create_app
from service.data import weather_store
from service.data.daily_weather import ATTRIBUTION, WIND, WeatherReading
from service.issues import refit as module
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.answers.conftest import ISSUED_AT, READ_AT, open_copy
from tests.service.support import ROUTE, ManualClock, utc


@pytest.fixture
def clock(monkeypatch):
    clock = ManualClock(ISSUED_AT)
    monkeypatch.setattr(module, "utc_now", clock)
    return clock


@pytest.fixture
def with_issue(windy_settings, tmp_path):
    context = open_copy(windy_settings, tmp_path)
    yield context
    context.database.close()


def test_forecast_days_and_weather_used_by_issue(with_issue, clock):
    loader = IssueLoader(with_issue, clock)
    answer = weather_ahead(loader, loader.view("people"))
    assert (answer["read_at"], answer["attribution"]) == ("2026-01-01T05:00:00Z", ATTRIBUTION)
    assert (answer["used"]["status"], answer["used"]["models"]) == ("used", ["swell"])
    assert [row["date"] for row in answer["rows"]] == [f"2026-01-0{day}" for day in range(1, 8)]
    row = answer["rows"][3]
    assert (row["wave_night_mean_m"], row["wave_max_m"]) == (3.0, 3.0)
    assert row["wind_median"] == pytest.approx(3.0 * 18, abs=2)
    assert row["wind_from"] == "SW"
    # A day later, past days are left out; a newer reading is shown, which the issue did not use.
    clock.now += dt.timedelta(days=1)
    answer = weather_ahead(loader, loader.view("people"))
    assert [row["date"] for row in answer["rows"]][:2] == ["2026-01-02", "2026-01-03"]
    sample_weather.store_weather(with_issue.database, clock.now, [0.2] * 7)
    answer = weather_ahead(loader, loader.view("people"))
    assert answer["read_at"] == "2026-01-02T14:00:00Z"
    assert answer["used"]["read_at"] == "2026-01-01T05:00:00Z"
    # A named issue is shown with the weather known when it was issued.
    issue_id = loader.view("people").issue.issue_id
    answer = weather_ahead(loader, loader.view("people", issue_id))
    assert answer["read_at"] == "2026-01-01T05:00:00Z"
    # Old weather is not shown.
    clock.now += dt.timedelta(days=3)
    assert weather_ahead(loader, loader.view("people")) is None


def test_spread_of_ensemble_members(filled, clock):
    """Median and middle 80% of eleven members, 0 to 10 m/s, most of them from the east."""
    context = sample_weather.with_weather(filled)
    speeds = np.arange(11.0)
    members = np.zeros((11, 3, len(WIND)))
    members[..., 1] = speeds[:, None]
    members[..., 2] = 2 * speeds[:, None]
    members[..., 4] = np.where(speeds < 4, 1.0, -1.0)[:, None]
    members[5, 1, 0] = np.nan
    first = dt.date(2025, 12, 31)
    with context.database.writing() as connection:
        reading = WeatherReading("ensemble", WIND, first, members, utc(2025, 12, 31, 22))
        weather_store.save_reading(connection, ROUTE, reading)
    refit(context)
    loader = IssueLoader(context, clock)
    answer = weather_ahead(loader, loader.view("people"))
    assert answer["members"] == 11
    assert answer["rows"] == [  # yesterday is past; one member lacks today
        {
            "date": "2026-01-02",
            "wind_lo80": 4,
            "wind_median": 18,
            "wind_hi80": 32,
            "gusts_lo80": 7,
            "gusts_median": 36,
            "gusts_hi80": 65,
            "wind_from": "E",
            "wave_night_mean_m": None,
            "wave_max_m": None,
        }
    ]


def test_unused_weather_is_degraded(filled, clock):
    context = sample_weather.with_weather(filled)
    sample_weather.store_weather(context.database, READ_AT, [0.5] * 7, first=dt.date(2025, 6, 1))
    refit(context)
    loader = IssueLoader(context, clock)
    answer, state = weather_ahead(loader, loader.view("people")), loader.view("people").state
    assert answer["used"]["status"] == "missing"
    assert "365 days of weather" in answer["used"]["reason"]
    assert [reason.name for reason in state.reasons] == ["weather_missing"]
    assert state.reasons[0].detail.startswith(
        "the latest forecast does not use the weather: 365 days of weather up to 2025-12-31 are"
    )
    sample_weather.store_weather(context.database, clock.now, [0.5] * 7)
    clock.now += dt.timedelta(minutes=1)
    refit(context)
    assert IssueLoader(context, clock).view("people").state.reasons == ()


def test_damaged_weather_does_not_break_other_answers(with_issue, clock):
    with with_issue.database.writing() as connection:
        damage = sa.text("UPDATE weather SET content = :bytes WHERE kind = 'ensemble'")
        connection.execute(damage, {"bytes": b"no zlib"})
    client = create_app(with_issue, clock).test_client()
    for path in ("/", "/v1/status", "/v1/series/people/forecast", "/metrics"):
        assert client.get(path).status_code == 200, path
    assert refit(with_issue, force=True).detail["weather"] == "missing"
