"""Alarms: forecasts that miss more often than chance allows, and late figures or issues.

An alarm means that someone should investigate; it changes no number and no state.
"""

__all__ = ["CHANCE", "WEEKS", "alarms", "record_alarms"]

import datetime as dt
from collections.abc import Sequence
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
"""``name series_id detail since numbers``; those about the service have no series.

``since`` is the first day of the tested window, or the day after a missed week or a limit.
"""


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
            connection, loader.route, series_id, "live", champion_only=True
        )
    raised = _last_week_alarms(loader, series_id, monday)
    if rows:
        last = max(row.origin + row.days_known * _DAY for row in rows)
        tested = _day_alarms(series_id, rows, last) + _week_alarms(series_id, rows, last)
        raised = tested + raised
    return raised


def _alarm(
    name: str, series_id: str | None, detail: str, since: dt.date, numbers: dict[str, Any]
) -> Alarm:
    detail = f"{series_id}: {detail}" if series_id else detail
    head = {"name": name, "series_id": series_id, "detail": detail}
    return head | {"since": since.isoformat(), "numbers": numbers}


def _day_alarms(series_id: str, scored: Sequence[Scored], last: dt.date) -> list[Alarm]:
    """Check whether the mean and the spread of the days' PIT are as expected."""
    days = _day_pits(scored, last)
    if len(days) < _LEAST:
        return []
    moments = pit_moments(days)
    numbers = {key: round(value, 4) for key, value in vars(moments).items()}
    side = "lower" if moments.mean < 0.5 else "higher"
    width = "narrow" if moments.spread > 1 else "wide"
    mean = (
        f"were {side} than forecast by more than chance allows: mean PIT {moments.mean:.2f}, "
        "expected 0.50"
    )
    spread = (
        f"show that the ranges are too {width}: the PIT varies {moments.spread:.2f} times as much "
        "as expected"
    )
    tests = (("pit_mean", moments.p_mean, mean), ("pit_spread", moments.p_spread, spread))
    since, span = last - _WINDOW + _DAY, f"the {moments.n_days} days of the last {WEEKS} weeks"
    return [
        _alarm(name, series_id, f"{span} {what} ({_format_p(p)})", since, numbers)
        for name, p, what in tests
        if p < CHANCE
    ]


def _day_pits(scored: Sequence[Scored], last: dt.date) -> list[list[float]]:
    """Return the PIT of each day of the window by the last issue before it, one list per issue."""
    before, windows = last - _WINDOW, []
    for row, until in zip(scored, [*(row.origin for row in scored[1:]), last], strict=True):
        pits = row.content["days"]["pit"][: (until - row.origin).days][: row.days_known]
        if row.origin + len(pits) * _DAY > before:
            windows.append(pits[max((before - row.origin).days, 0) :])
    return windows


def _week_alarms(series_id: str, scored: Sequence[Scored], last: dt.date) -> list[Alarm]:
    """Check whether the coverage of weekly totals is as expected."""
    pits = _week_pits(scored, last)
    if len(pits) < _LEAST:
        return []
    chances = {n: coverage_p(_count_hits(pits, n), len(pits), n) for n in DAY_LEVELS}
    level = min(chances, key=lambda level: chances[level])
    if chances[level] >= CHANCE:
        return []
    numbers: dict[str, Any] = {"n_weeks": len(pits)}
    for each, p in chances.items():
        numbers |= {f"held_{each}": _count_hits(pits, each), f"p_{each}": round(p, 5)}
    detail = (
        f"{_count_hits(pits, level)} of {len(pits)} weekly totals of the last {WEEKS} weeks were "
        f"within the {level}% range; {level * len(pits) / 100:.0f} were expected "
        f"({_format_p(chances[level])})"
    )
    return [_alarm("weekly_coverage", series_id, detail, last - _WINDOW + _DAY, numbers)]


def _week_pits(scored: Sequence[Scored], last: dt.date) -> list[float]:
    """Return the PIT of the window's 7-day totals, which do not overlap."""
    # The first issue from each Sunday on, so that the days forecast begin on Monday.
    first: dict[int, Scored] = {}
    for row in scored:
        if "total_7" in row.content["totals"]:
            first.setdefault(row.origin.toordinal() // 7, row)
    weeks = without_overlap(first.values(), 7, lambda row: row.origin.toordinal())
    return [
        row.content["totals"]["total_7"]["pit"]
        for row in weeks
        if last - _WINDOW <= row.origin <= last - _WEEK
    ]


def _count_hits(pits: Sequence[float], level: int) -> int:
    return int(covered_by_pit(pits, level).sum())


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
