"""The state of the service: freshness and problems."""

__all__ = [
    "LASTING",
    "NEEDED_JOBS",
    "OLD_FIGURES",
    "Facts",
    "Reason",
    "State",
    "issue_limit",
    "state_of",
]

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.core.clock import format_age, format_instant
from service.core.declared_series import Route
from service.core.run_store import Run
from service.core.settings import Settings
from service.data.weather_store import STALE_HOURS
from service.issues.issue_store import Issue

NEEDED_JOBS = ("ingest", "refit")  # their failure degrades; old weather has its own reason
OLD_FIGURES = ("figures_old", "source_late")
LASTING = "champion_failed"
"""The only reason about an issue itself; all others are about the present."""

_ISSUE_HOURS = 36  # a day, plus the night after a day with late figures


@dataclass(frozen=True)
class Reason:
    """Why the state is not ``fresh``: a name for programs, a sentence for people."""

    name: str
    detail: str


@dataclass(frozen=True)
class State:
    """``fresh``, ``stale`` (the figures are old) or ``degraded`` (else), with the reasons."""

    status: str
    reasons: tuple[Reason, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return ``status`` and ``reasons`` as JSON-serialisable values."""
        return {"status": self.status, "reasons": [asdict(reason) for reason in self.reasons]}


@dataclass(frozen=True)
class Facts:
    """Inputs to the state, apart from the requested issue; problems have a name and a detail."""

    newest: Issue | None = None  # of the same series; None: the requested issue
    last_runs: Sequence[Run] = ()  # the last that ended of each needed job
    weather_new_at: dt.datetime | None = None  # when a new weather forecast was first read
    weather_unused: str = ""  # why the newest issue lacks expected weather
    write_problem: tuple[str, str] | None = None  # why the database is not writable
    model_problems: tuple[tuple[str, str], ...] = ()


def state_of(
    issue: Issue | None, facts: Facts, now: dt.datetime, settings: Settings, route: Route
) -> State:
    """Return the state of an issue, or of a series that has none yet."""
    reasons = tuple(_reasons(issue, facts, now, settings, route))
    if any(reason.name != "figures_old" for reason in reasons):
        return State("degraded", reasons)
    return State("stale" if reasons else "fresh", reasons)


def issue_limit(settings: Settings) -> dt.timedelta:
    """Return the maximum age of the newest issue while the scheduler is running."""
    return dt.timedelta(hours=max(_ISSUE_HOURS, 1.5 * settings.refit_hours))


def _reasons(
    issue: Issue | None, facts: Facts, now: dt.datetime, settings: Settings, route: Route
) -> Iterator[Reason]:
    if issue is None:
        yield Reason("no_issue", "nothing is published yet")
    else:
        newest = facts.newest or issue
        yield from _old_figures(issue, newest, route.day(now), settings, route)
        if now - newest.issued_at > issue_limit(settings):
            since = _since(newest.issued_at, now)
            detail = f"no forecast has been published {since}: the scheduler may not be running"
            yield Reason("scheduler_down", detail)
        if issue.champion != issue.wanted:
            why = issue.failures.get(issue.wanted, "no reason was recorded")
            detail = f"{issue.wanted} could not be fitted ({why}), so {issue.champion} is used"
            yield Reason(LASTING, detail)
        if settings.reads_weather and route.weather_points:
            yield from _weather(facts, now)
    for run in facts.last_runs:
        if run.outcome == "failed":
            yield Reason(f"{run.job}_failed", f"the last {run.job} job failed: {run.reason}")
    for problem in (facts.write_problem, *facts.model_problems):
        if problem:
            yield Reason(*problem)


def _old_figures(
    issue: Issue, newest: Issue, day: dt.date, settings: Settings, route: Route
) -> Iterator[Reason]:
    """Say that figures are old; and that they are late, if their source is still read."""
    age, newest_age = ((day - one.data_through).days for one in (issue, newest))
    source = route.source if settings.source == "declared" and route.is_followed else None
    is_late = source is not None and newest_age > settings.stale_after_days
    if age > settings.stale_after_days and not (is_late and age == newest_age):
        ended = ": the source has ended" if route.is_closed else ""
        detail = f"the latest figures are for {issue.data_through}, {age} days ago{ended}"
        yield Reason("figures_old", detail)
    if source is not None and is_late:
        detail = f"the latest are for {newest.data_through}, {newest_age} days ago"
        yield Reason("source_late", f"{source.title} figures are late: {detail}")


def _weather(facts: Facts, now: dt.datetime) -> Iterator[Reason]:
    new_at = facts.weather_new_at
    if new_at is None:
        yield Reason("weather_missing", "no weather forecast has been read yet")
    elif now - new_at > dt.timedelta(hours=STALE_HOURS):
        since = _since(new_at, now)
        yield Reason("weather_old", f"the weather forecast has not been updated {since}")
    elif facts.weather_unused:
        detail = f"the latest forecast does not use the weather: {facts.weather_unused}"
        yield Reason("weather_missing", detail)


def _since(moment: dt.datetime, now: dt.datetime) -> str:
    return f"for {format_age(now - moment)}, since {format_instant(moment)}"
