"""What is foreseen of the weather, beside an issue, and what the issue made of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from service.answers.issue_loader import IssueLoader
from service.answers.weather import coming, used
from service.app import create_app
from service.core.context import Context
from service.core.settings import Settings
from service.data import weather_store
from service.data.daily_weather import ATTRIBUTION, WIND, WeatherReading
from service.issues import refit as module
from service.issues.refit import refit
from tests.service import skies
from tests.service.answers.conftest import NOON, SEEN, copied
from tests.service.support import ROUTE, Hand, utc


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand(NOON)
    monkeypatch.setattr(module, "utc_now", hand)
    return hand


@pytest.fixture
def issued(windy: Settings, tmp_path: Path) -> Iterator[Context]:
    context = copied(windy, tmp_path)
    yield context
    context.database.close()


def test_the_coming_days_and_what_the_issue_made_of_them(issued: Context, hand: Hand) -> None:
    context, loader = issued, IssueLoader(issued, hand)
    found = coming(loader, loader.view("people"))
    assert found is not None
    assert (found["read_at"], found["attribution"]) == ("2026-01-01T05:00:00Z", ATTRIBUTION)
    assert (found["used"]["status"], found["used"]["models"]) == ("used", ["swell"])
    assert [row["date"] for row in found["rows"]] == [f"2026-01-0{day}" for day in range(1, 8)]
    row = found["rows"][3]
    assert (row["wave_night_mean_m"], row["wave_max_m"]) == (3.0, 3.0)
    assert row["wind_median"] == pytest.approx(3.0 * 18, abs=2)
    assert row["wind_from"] == "SW"
    # A day later: what is past is left out; what was read since is shown, and not yet used.
    hand.now += dt.timedelta(days=1)
    found = coming(loader, loader.view("people"))
    assert found is not None
    assert [row["date"] for row in found["rows"]][:2] == ["2026-01-02", "2026-01-03"]
    skies.tell(context.database, hand.now, [0.2] * 7)
    found = coming(loader, loader.view("people"))
    assert found is not None
    assert found["read_at"] == "2026-01-02T14:00:00Z"
    assert found["used"]["read_at"] == "2026-01-01T05:00:00Z"
    # The issue as it stood is shown with the weather as it stood.
    issue_id = loader.view("people").issue.issue_id
    found = coming(loader, loader.view("people", issue_id))
    assert found is not None
    assert found["read_at"] == "2026-01-01T05:00:00Z"
    # Old weather is none.
    hand.now += dt.timedelta(days=3)
    assert coming(loader, loader.view("people")) is None


def test_the_spread_of_the_members(filled: Context, hand: Hand) -> None:
    """Median and middle 80% of eleven members, 0 to 10 m/s, of which most come from the east."""
    context = skies.reading(filled)
    speeds = np.arange(11.0)
    members = np.zeros((11, 3, len(WIND)))
    members[..., 1] = speeds[:, None]
    members[..., 2] = 2 * speeds[:, None]
    members[..., 4] = np.where(speeds < 4, 1.0, -1.0)[:, None]
    members[5, 1, 0] = np.nan
    first = dt.date(2025, 12, 31)
    with context.database.writing() as connection:
        reading = WeatherReading("ensemble", WIND, first, members, utc(2025, 12, 31, 22))
        weather_store.put(connection, ROUTE, reading)
    refit(context)
    loader = IssueLoader(context, hand)
    answer = coming(loader, loader.view("people"))
    assert answer is not None
    assert answer["members"] == 11
    assert answer["rows"] == [  # yesterday is over, and today is not known of all
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


def test_a_forecast_that_is_read_again_unchanged_is_old_and_not_said_to_be_unread(
    issued: Context, hand: Hand
) -> None:
    context = issued
    hand.now = SEEN + dt.timedelta(hours=37)
    with context.database.writing() as connection:
        reading = skies.newest(connection, "ensemble")
        assert reading is not None
        assert not weather_store.put(connection, ROUTE, replace(reading, read_at=hand.now))
    loader = IssueLoader(context, hand)
    (detail,) = [r.detail for r in loader.view("people").state.reasons if r.name == "weather_old"]
    assert detail == (
        "the weather forecast has not been updated since 2026-01-01T05:00:00Z, over 36 hours ago"
    )
    assert coming(loader, loader.view("people")) is None


def test_without_weather_there_is_none(context: Context, clock: Hand) -> None:
    loader = IssueLoader(context, clock)
    view = loader.view("people")
    skies.tell(context.database, clock.now, [0.5] * 7)
    assert coming(loader, view) is None
    with context.database.reading() as connection:
        assert used(connection, view.issue)["status"] == "off"


def test_weather_that_is_read_and_not_used_degrades(filled: Context, hand: Hand) -> None:
    context = skies.reading(filled)
    skies.tell(context.database, SEEN, [0.5] * 7, first=dt.date(2025, 6, 1))
    refit(context)
    loader = IssueLoader(context, hand)
    found, state = coming(loader, loader.view("people")), loader.view("people").state
    assert found is not None
    assert found["used"]["status"] == "missing"
    assert "365 days of weather" in found["used"]["reason"]
    assert [reason.name for reason in state.reasons] == ["weather_missing"]
    assert state.reasons[0].detail.startswith(
        "the latest forecast does not use the weather: 365 days of weather up to 2025-12-31 are"
    )
    skies.tell(context.database, hand.now, [0.5] * 7)
    hand.now += dt.timedelta(minutes=1)
    refit(context)
    assert IssueLoader(context, hand).view("people").state.reasons == ()


def test_weather_that_is_damaged_costs_no_other_answer(issued: Context, hand: Hand) -> None:
    context = issued
    with context.database.writing() as connection:
        damage = sa.text("UPDATE weather SET content = :bytes WHERE kind = 'ensemble'")
        connection.execute(damage, {"bytes": b"no zlib"})
    client = create_app(context, hand).test_client()
    for path in ("/", "/v1/status", "/v1/series/people/forecast", "/metrics"):
        assert client.get(path).status_code == 200, path
    assert refit(context, force=True).detail["weather"] == "missing"
