"""The state of the service: how fresh, and what is wrong."""

from __future__ import annotations

__all__ = ["Reason", "State", "state_of"]

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from service.clock import uk_day
from service.settings import Settings
from service.store.issues import Issue
from service.store.runs import Run


@dataclass(frozen=True)
class Reason:
    """Why the state is not ``fresh``: a name for programs, a sentence for people."""

    name: str
    detail: str


@dataclass(frozen=True)
class State:
    """``fresh``, ``stale`` or ``degraded``, with the reasons.

    ``stale``: the figures have an age. ``degraded``: something is broken beside that.
    """

    status: str
    reasons: tuple[Reason, ...]

    def said(self) -> dict[str, Any]:
        """``status`` and ``reasons``, as every answer says them."""
        return {"status": self.status, "reasons": [asdict(reason) for reason in self.reasons]}


def state_of(
    issue: Issue, last_runs: Mapping[str, Run | None], now: dt.datetime, settings: Settings
) -> State:
    """Judge an issue at the moment `now`.

    Parameters
    ----------
    last_runs : mapping of job to Run | None
        The last run of each job that answers depend on.
    """
    old: list[Reason] = []
    broken: list[Reason] = []
    age = (uk_day(now) - issue.data_through).days
    if age > settings.stale_after_days:
        old.append(
            Reason("figures_old", f"the newest figure is of {issue.data_through}, {age} days ago")
        )
    if issue.champion != issue.wanted:
        why = issue.failures.get(issue.wanted, "no reason was kept")
        broken.append(
            Reason(
                "champion_failed",
                f"{issue.wanted} could not be fitted ({why}); {issue.champion} is served",
            )
        )
    for job, run in last_runs.items():
        if run is not None and run.outcome == "failed":
            broken.append(Reason(f"{job}_failed", f"the last {job} failed: {run.reason}"))
    status = "degraded" if broken else "stale" if old else "fresh"
    return State(status, (*old, *broken))
