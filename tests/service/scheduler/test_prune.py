from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from service.core import request_store
from service.core.clock import utc_now
from service.core.context import Context
from service.data import raw_documents, weather_store
from service.data.daily_weather import WeatherReading
from service.issues import issue_store, model_score_store
from service.issues.model_score_store import Key
from service.issues.refit import refit
from service.scheduler.prune import prune
from tests.service.support import NOW, ROUTE, utc


@pytest.mark.parametrize(("days", "left"), [(1800, 2), (1900, 1)])
def test_issues_go_after_their_days_and_the_newest_never(
    filled: Context, monkeypatch: pytest.MonkeyPatch, days: int, left: int
) -> None:
    refit(filled)
    refit(filled, force=True)
    later = utc_now() + dt.timedelta(days=days)

    def now(*arguments: Any) -> dt.datetime:
        return later

    monkeypatch.setattr("service.scheduler.prune.utc_now", now)
    outcome = prune(filled)
    assert outcome.detail["issues"] == 2 * (2 - left), "of both series"
    with filled.database.reading() as connection:
        found = issue_store.list_issues(connection, "people", 10)
        assert len(found) == left
        assert issue_store.load_paths(connection, found[0], found[0].champion) is not None


def test_what_only_issues_and_comparisons_need_goes_with_them(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparisons ask for the 26 weeks before the newest origin that is scored, however old.

    Models at the first of them look back 400 days more.
    """
    refit(filled)
    read_at = [utc(2024, 1, 1), utc(2024, 1, 2), utc(2024, 11, 1), utc(2024, 11, 2)]
    keys = [
        Key("people", "x", "spec", day, "h") for day in (dt.date(2020, 1, 6), dt.date(2025, 12, 1))
    ]
    with filled.database.writing() as connection:
        for seen in read_at:
            values = np.ones((2, 3, 1))
            one = WeatherReading("ensemble", ("wind",), seen.date(), values, seen)
            weather_store.put(connection, ROUTE, one)
        for key in keys:
            model_score_store.save_score(connection, key, {"total_7": 1.0}, NOW)
        for _ in range(2):
            asked = request_store.leave(connection, "refit", "a", NOW, ROUTE.name)
            request_store.finish(connection, asked.request_id, "done", None, NOW)
    later = utc_now() + dt.timedelta(days=3000)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    outcome = prune(filled)
    counts = {name: outcome.detail[name] for name in ("weather", "scores", "requests")}
    assert counts == dict.fromkeys(counts, 1)
    with filled.database.reading() as connection:
        readings = weather_store.WeatherReadings(connection, ROUTE)
        seen = readings.newest_at("ensemble", read_at)
        assert model_score_store.get_scores(connection, keys).keys() == {keys[1]}
    assert [one and one.read_at for one in seen] == [None, *read_at[1:]]


def test_each_route_keeps_the_scores_that_its_comparison_needs(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {"italy_people": dt.date(2024, 12, 2), "people": dt.date(2026, 6, 1)}
    gone = Key("people", "x", "spec", dt.date(2024, 1, 1), "h")
    kept = [Key(series, "x", "spec", day, "h") for series, day in days.items()]
    settings = filled.settings.model_copy(update={"routes": "channel,italy"})
    with filled.database.writing() as connection:
        for key in (gone, *kept):
            model_score_store.save_score(connection, key, {"total_7": 1.0}, NOW)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: utc(2036, 1, 1))
    prune(Context(settings, filled.database))
    with filled.database.reading() as connection:
        assert model_score_store.get_scores(connection, [gone, *kept]).keys() == set(kept)


def test_raw_documents_go_after_their_days(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = raw_documents.keep(filled.settings.var_dir, b"1", ".html")
    prune(filled)
    assert kept.exists()
    later = utc_now() + dt.timedelta(days=filled.settings.raw_keep_days + 1)
    monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
    prune(filled)
    assert not kept.exists()
