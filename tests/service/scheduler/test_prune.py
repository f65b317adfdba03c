from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pytest

from service.core import request_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.data import raw_documents, weather_store
from service.data.daily_weather import WeatherReading
from service.data.ingest import ingest
from service.issues import issue_store, model_score_store
from service.issues.model_score_store import Key
from service.issues.refit import refit
from service.scheduler.prune import KEEP_RAW_DAYS, prune
from tests.service.support import NOW, ROUTE, utc


@pytest.mark.parametrize(("days", "expected"), [(1800, 2), (1900, 1)])
def test_old_issues_are_deleted_except_the_newest(
    filled: Context, monkeypatch: pytest.MonkeyPatch, days: int, expected: int
) -> None:
    ingest(filled)
    refit(filled)
    refit(filled, force=True)
    later = utc_now() + dt.timedelta(days=days)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    outcome = prune(filled)
    assert outcome.detail["issues"] == 2 * (2 - expected)  # of both series
    assert outcome.detail["runs"] == 1 + (2 - expected)  # a read, and a refit without an issue
    with filled.database.reading() as connection:
        issues = issue_store.list_issues(connection, "people", 10)
        assert len(issues) == expected
        assert issue_store.load_paths(connection, issues[0], issues[0].champion) is not None


def save_forecasts(connection: Connection, moments: Iterable[dt.datetime]) -> None:
    for seen in moments:
        reading = WeatherReading("ensemble", ("wind",), seen.date(), np.ones((2, 3, 1)), seen)
        weather_store.save_reading(connection, ROUTE, reading)


def test_weather_of_the_newest_issue_is_kept(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Including that of the 400 days before it, without which it cannot be repeated."""
    refit(filled)
    with filled.database.writing() as connection:
        ages = [dt.timedelta(days=days) for days in (405, 404, 402, 0)]
        save_forecasts(connection, (utc_now() - age for age in ages))
    later = utc_now() + dt.timedelta(days=3000)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    assert prune(filled).detail["weather"] == 1, "the newest before these days is needed too"


def test_weather_scores_and_requests_no_longer_needed_are_deleted(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparisons need the 26 weeks before the newest scored origin, however old it is.

    Models at the first of these origins need another 400 days.
    """
    refit(filled)
    read_at = [utc(2024, 1, 1), utc(2024, 1, 2), utc(2024, 11, 1), utc(2024, 11, 2)]
    keys = [
        Key("people", "x", "spec", day, "h") for day in (dt.date(2020, 1, 6), dt.date(2025, 12, 1))
    ]
    with filled.database.writing() as connection:
        save_forecasts(connection, read_at)
        for key in keys:
            model_score_store.save_score(connection, key, {"total_7": 1.0}, NOW)
        for _ in range(2):
            request = request_store.add_request(connection, "refit", "a", NOW, ROUTE.name)
            request_store.update_request(connection, request.request_id, "done", finished_at=NOW)
    later = utc_now() + dt.timedelta(days=3000)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    outcome = prune(filled)
    counts = {name: outcome.detail[name] for name in ("weather", "scores", "requests")}
    assert counts == dict.fromkeys(counts, 1)
    with filled.database.reading() as connection:
        readings = weather_store.WeatherReadings(connection, ROUTE)
        seen = [readings.newest_at("ensemble", moment) for moment in read_at]
        assert model_score_store.get_scores(connection, keys).keys() == {keys[1]}
    assert [reading and reading.read_at for reading in seen] == [None, *read_at[1:]]


def test_scores_needed_by_each_routes_comparison_are_kept(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {"italy_people": dt.date(2024, 12, 2), "people": dt.date(2026, 6, 1)}
    deleted = Key("people", "x", "spec", dt.date(2024, 1, 1), "h")
    remaining = [Key(series, "x", "spec", day, "h") for series, day in days.items()]
    settings = filled.settings.model_copy(update={"routes": "channel,italy"})
    with filled.database.writing() as connection:
        for key in (deleted, *remaining):
            model_score_store.save_score(connection, key, {"total_7": 1.0}, NOW)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: utc(2036, 1, 1))
    prune(Context(settings, filled.database))
    with filled.database.reading() as connection:
        assert model_score_store.get_scores(connection, [deleted, *remaining]).keys() == set(
            remaining
        )


def test_old_raw_documents_are_deleted(filled: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raw_documents.save_document(filled.settings.var_dir, b"1", ".html")
    prune(filled)
    assert path.exists()
    later = utc_now() + dt.timedelta(days=KEEP_RAW_DAYS + 1)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    prune(filled)
    assert not path.exists()
