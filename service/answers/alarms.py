"""Alarms: forecasts that miss more often than chance allows, and late figures or issues.

An alarm means that someone should investigate; it changes no number and no state.
"""

__all__ = ["CHANCE", "WEEKS", "alarms", "record_alarms"]

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from forecast.calibration_tests import coverage_p, pit_moments
from forecast.evaluation import DAY_LEVELS
from forecast.scores import covered_by_pit
from forecast.series import as_date
from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.answers.state import Facts, issue_limit, state_of
from service.answers.totals import total_between
from service.answers.track_record import without_overlap
from service.core import run_store
from service.core.clock import format_instant
from service.data import observation_store
from service.issues import issue_score_store, issue_store
from service.issues.issue_score_store import Scored

WEEKS = 26
CHANCE = 0.001
"""P-value below which an alarm is raised."""

_LEVEL = 99  # per cent; a week outside this interval raises an alarm
_WINDOW = dt.timedelta(weeks=WEEKS)
_LEAST = 8  # minimum number of issues, or weeks
_DAY, _WEEK = dt.timedelta(days=1), dt.timedelta(days=7)

Alarm = dict[str, Any]
"""``name series_id detail since numbers``; those about the service have no series."""


class _Record:
    """Scored live issues of a series, at least one, ordered by origin."""

    def __init__(self, series_id: str, scored: Sequence[Scored]) -> None:
        self.series_id = series_id
        self.last = max(row.origin + row.days_known * _DAY for row in scored)
        scored = [row for row in scored if row.origin + 2 * _WINDOW >= self.last]
        following = [row.origin for row in scored[1:]] + [dt.date.max]
        # Each day by the last issue made before it: the day before the first, and the PIT.
        self._days = [
            (row.origin, row.content["days"]["pit"][: (until - row.origin).days][: row.days_known])
            for row, until in zip(scored, following, strict=True)
        ]
        # The first issue from each Sunday on, so that the days forecast begin on Monday.
        first: dict[int, Scored] = {}
        for row in scored:
            if "total_7" in row.content["totals"]:
                first.setdefault(row.origin.toordinal() // 7, row)
        self._weeks = without_overlap(first.values(), 7, lambda row: row.origin.toordinal())

    def days(self, end: dt.date) -> list[list[float]]:
        """Return the PIT of the window's days, one list per issue."""
        first, windows = end - _WINDOW, []
        for origin, pits in self._days:
            if origin < end and origin + len(pits) * _DAY > first:
                windows.append(pits[max((first - origin).days, 0) : (end - origin).days])
        return windows

    def weeks(self, end: dt.date) -> list[float]:
        """Return the PIT of the window's non-overlapping 7-day totals."""
        return [
            row.content["totals"]["total_7"]["pit"]
            for row in self._weeks
            if end - _WINDOW <= row.origin <= end - _WEEK
        ]


def alarms(loader: IssueLoader) -> list[Alarm]:
    """Return all current alarms."""
    return _overdue_alarms(loader) + record_alarms(loader)


def record_alarms(loader: IssueLoader, only: str | None = None) -> list[Alarm]:
    """Return the alarms about the accuracy of published forecasts, of one series or all."""
    with loader.context.database.reading() as connection:
        scored = run_store.get_latest_run(connection, "score", "done", loader.route.name)
        figures = observation_store.get_version(connection)
    today = loader.today()
    monday = today - today.weekday() * _DAY
    raised: list[Alarm] = []
    for series_id in loader.route.forecast if only is None else [only]:
        key = ("alarms", series_id, scored and scored.run_id, monday, figures)
        raised += loader.compute_once(key, partial(_series_alarms, loader, series_id, monday))
    return raised


def _series_alarms(loader: IssueLoader, series_id: str, monday: dt.date) -> list[Alarm]:
    with loader.context.database.reading() as connection:
        rows = issue_score_store.list_current_scores(
            connection, loader.route, series_id, "live", dt.date.min, True
        )
    raised = _last_week_alarms(loader, series_id, monday)
    if rows:
        record = _Record(series_id, rows)
        raised = _pit_alarms(record) + _coverage_alarms(record) + raised
    return raised


def _alarm(
    name: str, series_id: str | None, detail: str, since: dt.date, numbers: dict[str, Any]
) -> Alarm:
    detail = f"{series_id}: {detail}" if series_id else detail
    head = {"name": name, "series_id": series_id, "detail": detail}
    return head | {"since": since.isoformat(), "numbers": numbers}


def _pit_alarms(record: _Record) -> list[Alarm]:
    """Check whether the mean and the spread of the days' PIT are as expected."""
    raised = []
    for name, p_of in (("pit_mean", "p_mean"), ("pit_spread", "p_spread")):
        since = _since(record, partial(_p_of_days, record, p_of))
        if since is None:
            continue
        moments = pit_moments(record.days(record.last))
        numbers = {key: round(value, 4) for key, value in vars(moments).items()}
        if name == "pit_mean":
            side = "lower" if moments.mean < 0.5 else "higher"
            what = f"were {side} than forecast by more than chance allows: "
            what += f"mean PIT {moments.mean:.2f}, expected 0.50"
        else:
            side = "narrow" if moments.spread > 1 else "wide"
            what = f"show that the ranges are too {side}: "
            what += f"the PIT varies {moments.spread:.2f} times as much as expected"
        detail = (
            f"the {moments.n_days} days of the last {WEEKS} weeks {what} "
            f"({_format_p(getattr(moments, p_of))})"
        )
        raised.append(_alarm(name, record.series_id, detail, since, numbers))
    return raised


def _p_of_days(record: _Record, name: str, end: dt.date) -> float:
    days = record.days(end)
    return float(getattr(pit_moments(days), name)) if len(days) >= _LEAST else 1.0


def _coverage_alarms(record: _Record) -> list[Alarm]:
    """Check whether the coverage of weekly totals is as expected."""
    since = _since(record, lambda end: min(_p_of_weeks(record, end).values(), default=1.0))
    if since is None:
        return []
    pits = record.weeks(record.last)
    chances = _p_of_weeks(record, record.last)
    level = min(chances, key=lambda level: chances[level])
    hits = _count_hits(pits, level)
    numbers: dict[str, Any] = {"n_weeks": len(pits)}
    for each, p in chances.items():
        numbers |= {f"held_{each}": _count_hits(pits, each), f"p_{each}": round(p, 5)}
    detail = (
        f"{hits} of {len(pits)} weekly totals of the last {WEEKS} weeks were within the {level}% "
        f"range; {level * len(pits) / 100:.0f} were expected ({_format_p(chances[level])})"
    )
    return [_alarm("weekly_coverage", record.series_id, detail, since, numbers)]


def _p_of_weeks(record: _Record, end: dt.date) -> dict[int, float]:
    pits = record.weeks(end)
    if len(pits) < _LEAST:
        return {}
    return {level: coverage_p(_count_hits(pits, level), len(pits), level) for level in DAY_LEVELS}


def _count_hits(pits: Sequence[float], level: int) -> int:
    return int(covered_by_pit(pits, level).sum())


def _since(record: _Record, p_at: Callable[[dt.date], float]) -> dt.date | None:
    """Return the first day of the latest unbroken run of p-values below `CHANCE`."""
    day, since = record.last, None
    while day > record.last - _WINDOW and p_at(day) < CHANCE:
        since, day = day, day - _DAY
    return since


def _last_week_alarms(loader: IssueLoader, series_id: str, monday: dt.date) -> list[Alarm]:
    """Check whether the last full week was within the interval forecast before it began."""
    with loader.context.database.reading() as connection:
        figures = observation_store.get_series(connection, series_id)
    if figures is None:
        return []
    through = as_date(figures.data_through)
    sunday = min(monday - _DAY, through - ((through.weekday() + 1) % 7) * _DAY)
    first = sunday - 6 * _DAY
    try:
        view = loader.view(series_id, as_of=first - _DAY)
    except NotFound:
        return []
    ahead = (sunday - view.issue.origin).days
    if not 7 <= ahead <= view.paths.horizon:
        return []
    (band,) = total_between(view.observed, view.paths, first, sunday, [_LEVEL])
    lo, hi = band[f"lo{_LEVEL}"], band[f"hi{_LEVEL}"]
    arrived = figures.total(first, sunday)
    if lo <= arrived <= hi:
        return []
    side = "above" if arrived > hi else "below"
    detail = (
        f"{arrived:,} arrived from {first} to {sunday}, {side} the {_LEVEL}% range of the "
        f"forecast, {lo:,} to {hi:,}"
    )
    numbers = {"from": str(first), "to": str(sunday), "came": arrived}
    numbers |= {f"lo{_LEVEL}": lo, f"hi{_LEVEL}": hi, "issue_id": view.issue.issue_id}
    return [_alarm("week_beyond_band", series_id, detail, sunday + _DAY, numbers)]


def _overdue_alarms(loader: IssueLoader) -> list[Alarm]:
    """Check whether issues or figures are overdue, using the details of the state."""
    settings, now = loader.context.settings, loader.clock()
    with loader.context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, loader.route.leading)
    if newest is None:
        return []
    state = state_of(newest, Facts(), now, settings, loader.route)
    of = f"{loader.route.name}: " if len(loader.context.routes) > 1 else ""
    details = {r.name: of + r.detail for r in state.reasons}
    raised = []
    if "source_late" in details:
        since = newest.data_through + (settings.stale_after_days + 1) * _DAY
        numbers: dict[str, Any] = {
            "data_through": newest.data_through.isoformat(),
            "days": (loader.route.day(now) - newest.data_through).days,
            "limit_days": settings.stale_after_days,
        }
        raised.append(_alarm("figures_late", None, details["source_late"], since, numbers))
    if "scheduler_down" in details:
        limit = issue_limit(settings)
        numbers = {
            "issued_at": format_instant(newest.issued_at),
            "hours": round((now - newest.issued_at).total_seconds() / 3600, 1),
            "limit_hours": limit.total_seconds() / 3600,
        }
        since = loader.route.day(newest.issued_at + limit)
        raised.append(_alarm("issues_late", None, details["scheduler_down"], since, numbers))
    return raised


def _format_p(value: float) -> str:
    return f"p = {value:.4f}" if value >= 0.0001 else "p below 0.0001"
