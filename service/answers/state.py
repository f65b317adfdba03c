"""The state of the service: freshness and problems."""

__all__ = [
    "CURRENT_STATE_REASONS",
    "OLD_FIGURES_REASONS",
    "STATE_JOBS",
    "Facts",
    "Reason",
    "State",
    "issue_limit",
    "state_of",
]

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from service.core.clock import format_age, format_instant
from service.core.declared_series import Route
from service.core.run_store import Run
from service.core.settings import Settings
from service.data.weather_store import STALE_HOURS
from service.issues.declared_models import PROBLEMS
from service.issues.issue_store import Issue

STATE_JOBS = ("ingest", "weather", "refit")
"""Jobs whose runs affect the state."""

OLD_FIGURES_REASONS = frozenset({"figures_old", "source_late"})
CURRENT_STATE_REASONS = OLD_FIGURES_REASONS | {
    *("scheduler_down", "weather_missing", "weather_old", "database_read_only"),
    *("database_not_written", "ingest_failed", "refit_failed", *PROBLEMS),
}
"""Reasons about the present, which do not apply to past issues."""

_NEEDED = ("ingest", "refit")  # jobs whose failure degrades; old weather has its own reason
_ISSUE_HOURS = 36  # a day, plus the night after a day with late figures


@dataclass(frozen=True)
class Reason:
    """Why the state is not ``fresh``: a name for programs, a sentence for people."""

    name: str
    detail: str


@dataclass(frozen=True)
class State:
    """``fresh``, ``stale`` or ``degraded``, with the reasons.

    ``stale``: the figures are old. ``degraded``: something else is wrong.
    """

    status: str
    reasons: tuple[Reason, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return ``status`` and ``reasons`` as JSON-serialisable values."""
        return {"status": self.status, "reasons": [asdict(reason) for reason in self.reasons]}


@dataclass(frozen=True)
class Facts:
    """Inputs to the state, apart from the requested issue; problems have a name and a detail."""

    newest: Issue | None = None  # of the same series; None: the requested issue
    last_runs: Mapping[str, Run | None] = field(default_factory=dict)  # last ended run of each job
    weather_new_at: dt.datetime | None = None  # when a new weather forecast was first read
    weather_unused: str = ""  # why the newest issue lacks expected weather
    write_problem: tuple[str, str] | None = None  # why the database is not writable
    model_problems: tuple[tuple[str, str], ...] = ()


def state_of(
    issue: Issue | None, facts: Facts, now: dt.datetime, settings: Settings, route: Route
) -> State:
    """Return the state of an issue, or of a series that has none yet, at `now`."""
    old, broken = [], [Reason("no_issue", "nothing is published yet")]
    if issue:
        newest, day = facts.newest or issue, route.day(now)
        late = _late_source(newest, day, settings, route)
        if late is None or issue.data_through != newest.data_through:  # `late` says it
            old = _old_figures(issue, day, settings, route)
        broken = [*([late] if late else []), *_late_issue(newest, now, settings)]
        if issue.champion != issue.wanted:
            why = issue.failures.get(issue.wanted, "no reason was recorded")
            detail = f"{issue.wanted} could not be fitted ({why}), so {issue.champion} is used"
            broken.append(Reason("champion_failed", detail))
        broken += _weather(facts, now, settings, route)
    broken += [
        Reason(f"{job}_failed", f"the last {job} job failed: {run.reason}")
        for job in _NEEDED
        if (run := facts.last_runs.get(job)) is not None and run.outcome == "failed"
    ]
    problems = [facts.write_problem] if facts.write_problem else []
    broken += [Reason(*problem) for problem in (*problems, *facts.model_problems)]
    status = "degraded" if broken else "stale" if old else "fresh"
    return State(status, (*old, *broken))


def issue_limit(settings: Settings) -> dt.timedelta:
    """Return the maximum age of the newest issue while the scheduler is running."""
    return dt.timedelta(hours=max(_ISSUE_HOURS, 1.5 * settings.refit_hours))


def _old_figures(issue: Issue, day: dt.date, settings: Settings, route: Route) -> list[Reason]:
    age = (day - issue.data_through).days
    if age <= settings.stale_after_days:
        return []
    ended = ": the source has ended" if route.is_closed else ""
    detail = f"the latest figures are for {issue.data_through}, {age} days ago{ended}"
    return [Reason("figures_old", detail)]


def _late_source(newest: Issue, day: dt.date, settings: Settings, route: Route) -> Reason | None:
    """Check whether a source that is still read has overdue figures."""
    age = (day - newest.data_through).days
    source = route.source if settings.source == "declared" and route.is_followed else None
    if source is None or age <= settings.stale_after_days:
        return None
    detail = f"the latest are for {newest.data_through}, {age} days ago"
    return Reason("source_late", f"{source.title} figures are late: {detail}")


def _late_issue(newest: Issue, now: dt.datetime, settings: Settings) -> list[Reason]:
    age = now - newest.issued_at
    if age <= issue_limit(settings):
        return []
    detail = (
        f"no forecast has been published for {format_age(age)}, since "
        f"{format_instant(newest.issued_at)}: the scheduler may not be running"
    )
    return [Reason("scheduler_down", detail)]


def _weather(facts: Facts, now: dt.datetime, settings: Settings, route: Route) -> list[Reason]:
    new_at = facts.weather_new_at
    if not (settings.reads_weather and route.weather_points):
        return []
    if new_at is None:
        return [Reason("weather_missing", "no weather forecast has been read yet")]
    if now - new_at > dt.timedelta(hours=STALE_HOURS):
        detail = (
            f"the weather forecast has not been updated for {format_age(now - new_at)}, since "
            f"{format_instant(new_at)}"
        )
        return [Reason("weather_old", detail)]
    if facts.weather_unused:
        detail = f"the latest forecast does not use the weather: {facts.weather_unused}"
        return [Reason("weather_missing", detail)]
    return []
