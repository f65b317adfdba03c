"""The state of the service: how fresh, and what is wrong."""

from __future__ import annotations

__all__ = ["Reason", "State", "state_of"]

import datetime as dt
from dataclasses import dataclass

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


def state_of(
    issue: Issue, declared_champion: str, ingest: Run | None, now: dt.datetime, settings: Settings
) -> State:
    """Judge an issue at the moment `now`.

    Parameters
    ----------
    declared_champion : str
        The model that should have been served.
    ingest : Run | None
        The last run of the ingest.
    """
    old: list[Reason] = []
    broken: list[Reason] = []
    age = (uk_day(now) - issue.data_through).days
    if age > settings.stale_after_days:
        old.append(
            Reason("figures_old", f"the newest figure is of {issue.data_through}, {age} days ago")
        )
    if issue.champion != declared_champion and declared_champion in issue.failures:
        why = issue.failures[declared_champion]
        broken.append(
            Reason(
                "champion_failed",
                f"{declared_champion} could not be fitted ({why}); {issue.champion} is served",
            )
        )
    if ingest is not None and ingest.outcome == "failed":
        broken.append(Reason("ingest_failed", f"the last ingest failed: {ingest.reason}"))
    status = "degraded" if broken else "stale" if old else "fresh"
    return State(status, (*old, *broken))
