from __future__ import annotations

import pytest
import sqlalchemy as sa

from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Unavailable
from service.core.job_runner import JobError
from service.data import weather_store
from service.issues import hindcast, issue_store
from service.issues.daily_pipeline import follow_weather, renew
from tests.service.issued import changed
from tests.service.support import ROUTE
from tests.support.sites import Answer, Sites, forecast_weather

PARTS = ("ingest", "refit", "score", "compare")


def outcomes(context: Context, period: str) -> list[str | None]:
    found = []
    with context.database.reading() as connection:
        for job in PARTS:
            run = run_store.find(connection, job, period, ROUTE.name)
            found.append(run.outcome if run else None)
    return found


@pytest.fixture
def quick(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(hindcast, "ORIGINS", 1)
    return changed(filled, champion_origins=4)


def test_each_part_has_a_run_and_is_done_once(quick: Context) -> None:
    said = renew(quick, "monday").reason
    assert outcomes(quick, "monday") == ["done"] * 4
    assert "published people-20251231-" in said
    # A new copy has a track record before models are compared, which takes minutes.
    assert "replay: 1 of 1 weeks before the first start replayed; compare: " in said
    again = renew(quick, "monday").reason
    assert "refit for monday was already claimed" in again
    with quick.database.reading() as connection:
        assert len(issue_store.list_issues(connection, "people", 10)) == 1


def test_a_source_that_is_down_does_not_cost_the_forecast(quick: Context) -> None:
    other = changed(quick, source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1)
    with pytest.raises(JobError, match="^ingest: "):
        renew(other, "monday")
    assert outcomes(quick, "monday") == ["failed", "done", "done", "done"]


def test_without_figures_every_part_says_so(empty: Context) -> None:
    other = changed(empty, source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1)
    with pytest.raises(JobError, match="refit: no figures are stored"):
        renew(other, "monday")


def test_what_each_step_took_is_kept(quick: Context) -> None:
    renew(quick, "monday")
    with quick.database.reading() as connection:
        run = run_store.find(connection, "refit", "monday", ROUTE.name)
    assert run is not None
    names = [step["step"] for step in run.detail["steps"]]
    assert names == ["draw climatology", "draw seasonal_naive", "publish"]
    assert all(step["seconds"] >= 0 for step in run.detail["steps"])


def test_a_part_that_the_database_did_not_answer_is_done_again(quick: Context) -> None:
    def rename(old: str, new: str) -> None:
        with quick.database.writing() as connection:
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("issue_paths", "elsewhere")
    with pytest.raises(Unavailable, match="refit: database: "):
        renew(quick, "monday")
    assert outcomes(quick, "monday")[:2] == ["done", "stopped"]
    rename("elsewhere", "issue_paths")
    renew(quick, "monday")
    assert outcomes(quick, "monday") == ["done"] * 4


def test_the_weather_is_followed_by_a_refit(quick: Context, sites: Sites) -> None:
    """Also where a part of it fails: what was read of it may have moved the forecast."""
    forecast_weather(sites, ROUTE.day(utc_now()))
    sites.replies["/marine-api/v1/marine"] = Answer(status=429)
    url = f"{sites.url}/{{service}}"
    other = changed(quick, weather="openmeteo", weather_url=url)
    with pytest.raises(JobError, match="^weather: .*429"):
        follow_weather(other, "monday")
    with quick.database.reading() as connection:
        run = run_store.find(connection, "refit", "monday after the weather", ROUTE.name)
        assert weather_store.last_read(connection, ROUTE, "ensemble") is not None
    assert run is not None
    assert run.outcome == "done"
