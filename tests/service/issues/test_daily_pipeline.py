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

JOBS = ("ingest", "refit", "score", "compare")


def outcomes(context: Context, period: str) -> list[str | None]:
    with context.database.reading() as connection:
        runs = [run_store.find(connection, job, period, ROUTE.name) for job in JOBS]
    return [run.outcome if run else None for run in runs]


@pytest.fixture
def quick(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(hindcast, "ORIGINS", 1)
    return changed(filled, champion_origins=4)


def test_each_job_runs_once_per_period(quick: Context) -> None:
    reason = renew(quick, "monday").reason
    assert outcomes(quick, "monday") == ["done"] * 4
    assert "published people-20251231-" in reason
    # The track record is replayed before the comparison of models, which takes minutes.
    assert "replay: 1 of 1 weeks before the first start replayed; compare: " in reason
    assert "refit for monday was already claimed" in renew(quick, "monday").reason
    with quick.database.reading() as connection:
        assert len(issue_store.list_issues(connection, "people", 10)) == 1
        run = run_store.find(connection, "refit", "monday", ROUTE.name)
    assert run is not None
    steps = run.detail["steps"]
    names = [step["step"] for step in steps]
    assert names == ["draw climatology", "draw seasonal_naive", "publish"]
    assert all(step["seconds"] >= 0 for step in steps)


def test_unreachable_source_does_not_prevent_forecast(quick: Context) -> None:
    other = changed(quick, source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1)
    with pytest.raises(JobError, match="^ingest: "):
        renew(other, "monday")
    assert outcomes(quick, "monday") == ["failed", "done", "done", "done"]


def test_pipeline_without_figures_fails(empty: Context) -> None:
    other = changed(empty, source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1)
    with pytest.raises(JobError, match="refit: no figures are stored"):
        renew(other, "monday")


def test_job_stopped_by_unavailable_database_is_repeated(quick: Context) -> None:
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


def test_refit_follows_weather_even_if_partly_failed(quick: Context, sites: Sites) -> None:
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
