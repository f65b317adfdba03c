"""What is published, how fresh it is, and how the jobs fare."""

from __future__ import annotations

__all__ = ["catalogue", "is_ready", "status"]

import datetime as dt
from dataclasses import asdict
from typing import Any

from forecast.joint import SERIES
from service.answers.desk import Desk
from service.answers.state import State
from service.clock import instant, uk_day
from service.store import issues, observations, runs
from service.store.database import Connection
from service.store.issues import Issue

_TITLES = {
    "people": "People arriving by small boat across the English Channel",
    "boats": "Boats arriving across the English Channel",
}
_SEVERITY = ("fresh", "stale", "degraded")


def catalogue(desk: Desk) -> list[dict[str, Any]]:
    """One row for each series that is served."""
    with desk.context.database.reading() as connection:
        rows = [_series(connection, series_id) for series_id in SERIES]
    return [row | desk.standing(row["series_id"]).said() for row in rows]


def status(desk: Desk) -> dict[str, Any]:
    """The worst state of any series, each series' two clocks and models, and the last runs."""
    now = desk.clock()
    with desk.context.database.reading() as connection:
        rows, states = [], []
        for series_id in SERIES:
            issue = issues.latest(connection, series_id)
            if issue is None:
                continue
            state = desk.state(connection, issue, now)
            states.append(state)
            rows.append(_issue(desk, connection, issue, state, now))
        jobs = [_job(connection, job) for job in ("ingest", "refit", "compare")]
    worst = max((s.status for s in states), key=_SEVERITY.index, default="degraded")
    reasons = {reason.name: asdict(reason) for state in states for reason in state.reasons}
    if not states:
        reasons["no_issue"] = {"name": "no_issue", "detail": "nothing is published yet"}
    return {
        "status": worst,
        "reasons": list(reasons.values()),
        "now": instant(now),
        "series": rows,
        "jobs": jobs,
    }


def is_ready(desk: Desk) -> bool:
    """Whether the store can be read and an issue exists; its age does not matter."""
    with desk.context.database.reading() as connection:
        return any(issues.latest(connection, series_id) for series_id in SERIES)


def _series(connection: Connection, series_id: str) -> dict[str, Any]:
    known = observations.series(connection, series_id)
    issue = issues.latest(connection, series_id)
    return {
        "series_id": series_id,
        "title": _TITLES[series_id],
        "unit": series_id,
        "data_from": str(known.start) if known else None,
        "data_through": str(known.data_through) if known else None,
        "latest_issue": issue.issue_id if issue else None,
    }


def _issue(
    desk: Desk, connection: Connection, issue: Issue, state: State, now: dt.datetime
) -> dict[str, Any]:
    standing = [
        {"model": e.model, "title": e.title, "role": e.role, "version": e.version, "failure": None}
        for e in desk.entries(connection, issue)
    ]
    fallen = [
        {"model": name, "title": name, "role": None, "version": None, "failure": reason}
        for name, reason in issue.failures.items()
    ]
    return {
        "series_id": issue.series_id,
        "status": state.status,
        "data_through": issue.data_through.isoformat(),
        "figures_age_days": (uk_day(now) - issue.data_through).days,
        "issue_id": issue.issue_id,
        "issued_at": instant(issue.issued_at),
        "champion": issue.champion,
        "models": standing + fallen,
    }


def _job(connection: Connection, job: str) -> dict[str, Any]:
    last, good = runs.latest(connection, job), runs.latest(connection, job, "done")
    return {
        "job": job,
        "last_started_at": instant(last.started_at) if last else None,
        "last_outcome": last.outcome if last else None,
        "last_reason": last.reason if last else None,
        "last_success_at": instant(good.finished_at) if good and good.finished_at else None,
    }
