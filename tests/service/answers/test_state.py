from __future__ import annotations

import datetime as dt

import pytest

from service.answers.state import state_of
from service.settings import Settings
from service.store.issues import Issue
from service.store.runs import Run
from tests.service.support import NOW, utc


def issue(champion: str = "pool", wanted: str = "pool", **failures: str) -> Issue:
    day = dt.date(2025, 12, 31)
    return Issue(
        *("i", "people", 1, "live", day, day, NOW, NOW, champion, wanted, 1, 100, 28, "h"),
        failures=failures,
    )


def run(job: str, outcome: str) -> Run:
    return Run(1, job, "p", NOW, NOW, outcome, "the reason", {})


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (utc(2026, 1, 1, 0, 0), "fresh"),
        (utc(2026, 1, 3, 23, 59), "fresh"),
        (utc(2026, 1, 4, 0, 0), "stale"),
        (utc(2026, 11, 21, 12, 0), "stale"),
    ],
)
def test_figures_more_than_three_days_old_are_stale(now: dt.datetime, status: str) -> None:
    state = state_of(issue(), {}, now, Settings())
    assert state.status == status
    if status == "stale":
        (reason,) = state.reasons
        assert reason.name == "figures_old"
        days = (now.date() - dt.date(2025, 12, 31)).days
        assert reason.detail == f"the newest figure is of 2025-12-31, {days} days ago"
    else:
        assert state.reasons == ()


def test_the_age_is_counted_in_days_of_london() -> None:
    summer = Issue(**(vars(issue()) | {"data_through": dt.date(2025, 6, 10)}))
    assert state_of(summer, {}, utc(2025, 6, 13, 22, 59), Settings()).status == "fresh"
    assert state_of(summer, {}, utc(2025, 6, 13, 23, 0), Settings()).status == "stale"


def test_how_old_is_old_can_be_set() -> None:
    settings = Settings(stale_after_days=10)
    assert state_of(issue(), {}, utc(2026, 1, 10, 12), settings).status == "fresh"


@pytest.mark.parametrize("job", ["ingest", "refit"])
def test_a_job_that_failed_last_is_said(job: str) -> None:
    state = state_of(issue(), {job: run(job, "failed")}, NOW, Settings())
    assert state.status == "degraded"
    assert [(r.name, r.detail) for r in state.reasons] == [
        (f"{job}_failed", f"the last {job} failed: the reason")
    ]


@pytest.mark.parametrize("outcome", ["done", "skipped", "running"])
def test_a_job_that_did_not_fail_is_not(outcome: str) -> None:
    assert state_of(issue(), {"refit": run("refit", outcome)}, NOW, Settings()).status == "fresh"
    assert state_of(issue(), {"refit": None}, NOW, Settings()).status == "fresh"


def test_a_champion_that_fell_is_said() -> None:
    state = state_of(issue("hurdle", "pool", pool="no member stands"), {}, NOW, Settings())
    assert state.status == "degraded"
    assert state.said()["reasons"] == [
        {
            "name": "champion_failed",
            "detail": "pool could not be fitted (no member stands); hurdle is served",
        }
    ]


def test_another_model_that_fell_leaves_it_fresh() -> None:
    assert state_of(issue(prophet="did not converge"), {}, NOW, Settings()).status == "fresh"


def test_degraded_is_worse_than_stale_and_both_are_said() -> None:
    failed = {"ingest": run("ingest", "failed")}
    state = state_of(issue(), failed, utc(2026, 2, 1), Settings())
    assert state.status == "degraded"
    assert [reason.name for reason in state.reasons] == ["figures_old", "ingest_failed"]
