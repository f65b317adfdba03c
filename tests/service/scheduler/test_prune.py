from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from service.core import request_store
from service.core.clock import utc_now
from service.data import document_store, weather_store
from service.data.daily_weather import WeatherReading
from service.data.ingest import ingest
from service.issues import issue_store, model_score_store
from service.issues.model_score_store import Key
from service.issues.refit import refit
from service.scheduler.prune import KEEP_RAW_DAYS, prune
from tests.service.support import NOW, ROUTE


@pytest.mark.parametrize(("days", "expected"), [(1800, 2), (1900, 1)])
def test_old_issues_are_deleted_except_the_newest(filled, monkeypatch, days, expected):
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


def save_forecasts(connection, moments):
    for seen in moments:
        reading = WeatherReading("ensemble", ("wind",), seen.date(), np.ones((2, 3, 1)), seen)
        weather_store.save_reading(connection, ROUTE, reading)


def test_weather_of_the_newest_issue_and_of_comparisons_is_kept(filled, monkeypatch):
    """The 403 days before the issue and 31 weeks, without which they cannot be repeated."""
    refit(filled)
    with filled.database.writing() as connection:
        days = 403 + 7 * 31
        ages = [dt.timedelta(days=days) for days in (days + 2, days + 1, days - 1, 0)]
        save_forecasts(connection, (utc_now() - age for age in ages))
    later = utc_now() + dt.timedelta(days=3000)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    assert prune(filled).detail["weather"] == 1, "the newest before these days is needed too"


def test_old_scores_and_requests_are_deleted(filled, monkeypatch):
    with filled.database.writing() as connection:
        key = Key("people", "x", "spec", dt.date(2025, 12, 1), "h")
        model_score_store.save_score(connection, key, {"total_7": 1.0}, NOW)
        for _ in range(2):
            request = request_store.add_request(connection, "refit", "a", NOW, ROUTE.name)
            request_store.update_request(connection, request.request_id, "done", finished_at=NOW)
    later = utc_now() + dt.timedelta(days=3000)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    detail = prune(filled).detail
    assert (detail["scores"], detail["requests"]) == (1, 1)


def test_old_raw_documents_are_deleted(filled, monkeypatch):
    path = document_store.save_raw_document(filled.settings.var_dir, b"1", ".html")
    prune(filled)
    assert path.exists()
    later = utc_now() + dt.timedelta(days=KEEP_RAW_DAYS + 1)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    prune(filled)
    assert not path.exists()
