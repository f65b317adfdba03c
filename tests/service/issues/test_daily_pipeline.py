from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from service.core import run_store
from service.core.clock import utc_now
from service.core.database import Unavailable
from service.core.job_runner import JobError
from service.data import weather_store
from service.data.ingest import ingest
from service.issues import daily_pipeline, hindcast, issue_store
from service.issues.daily_pipeline import run_after_weather, run_daily
from tests.service.stored_figures import delete_figures
from tests.service.stored_issues import with_settings
from tests.service.support import ROUTE
from tests.support.sites import SiteResponse, act_as_openmeteo

JOBS = ("ingest", "refit", "score", "compare")


def outcomes(context, period):
    with context.database.reading() as connection:
        runs = [run_store.get_run(connection, job, period, ROUTE.name) for job in JOBS]
    return [run.outcome if run else None for run in runs]


@pytest.fixture
def quick(filled, monkeypatch):
    monkeypatch.setattr(hindcast, "ORIGINS", 1)
    return with_settings(filled, champion_origins=4)


def test_each_job_runs_once_per_period(quick):
    reason = run_daily(quick, "monday").reason
    assert outcomes(quick, "monday") == ["done"] * 4
    assert "published people-20251231-" in reason
    # The track record is replayed before the comparison of models, which takes minutes.
    assert "replay: 1 missing weeks before the first start attempted; compare: " in reason
    assert "refit for monday was already claimed" in run_daily(quick, "monday").reason
    with quick.database.reading() as connection:
        assert len(issue_store.list_issues(connection, "people", 10)) == 1
        run, again = (
            run_store.get_run(connection, "refit", period, ROUTE.name)
            for period in ("monday", "monday after comparing")
        )
    assert "is current" in again.reason
    models = ("climatology", "seasonal_naive")
    steps = [f"{part} {model}" for model in models for part in ("fit", "draw")]
    assert [step["step"] for step in run.detail["steps"]] == [*steps, "publish"]


def test_unreachable_source_prevents_only_the_first_forecast(quick):
    url = "http://127.0.0.1:9"
    offline = with_settings(quick, source="declared", govuk_url=url, fetch_attempts=1)
    delete_figures(quick)
    with pytest.raises(JobError, match="; refit: no figures .*; compare: no figures are stored"):
        run_daily(offline, "monday")
    ingest(quick)
    with pytest.raises(JobError, match="^ingest: (?!.*refit: )"):
        run_daily(offline, "tuesday")
    assert outcomes(quick, "tuesday") == ["failed", "done", "done", "done"]


def test_job_stopped_by_unavailable_database_is_repeated(quick):
    def rename(old, new):
        with quick.database.writing() as connection:
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("issue_paths", "elsewhere")
    with pytest.raises(Unavailable, match="refit: database: "):
        run_daily(quick, "monday")
    assert outcomes(quick, "monday")[:2] == ["done", "stopped"]
    rename("elsewhere", "issue_paths")
    run_daily(quick, "monday")
    assert outcomes(quick, "monday") == ["done"] * 4


def test_unavailable_database_decides_whatever_fails_after_it():
    gone, failed = Mock(side_effect=Unavailable("gone")), Mock(side_effect=JobError("no figures"))
    with pytest.raises(Unavailable, match="^a: gone; b: no figures$"):
        daily_pipeline._each(("a", gone), ("b", failed))


def test_refit_follows_weather_even_if_partly_failed(quick, sites):
    act_as_openmeteo(sites, ROUTE.day(utc_now()))
    sites.replies["/marine-api/v1/marine"] = SiteResponse(status=429)
    url = f"{sites.url}/{{service}}"
    other = with_settings(quick, weather="openmeteo", weather_url=url)
    with pytest.raises(JobError, match="^weather: .*429"):
        run_after_weather(other, "monday")
    with quick.database.reading() as connection:
        run = run_store.get_run(connection, "refit", "monday after the weather", ROUTE.name)
        assert weather_store.get_last_read(connection, ROUTE, "ensemble") is not None
    assert run.outcome == "done"
