"""Alarms: forecasts that miss more often than chance allows, and late figures or issues.

An alarm means that someone should investigate; it changes no number and no state. Alarms are
computed from the database on request, so all faces and notifications agree.
"""

from __future__ import annotations

__all__ = ["CHANCE", "LEVEL", "WEEKS", "Alarm", "alarms", "record_alarms"]

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from forecast.calibration_tests import coverage_p, pit_moments
from forecast.evaluation import DAY_LEVELS
from forecast.paths import bound_names, summary
from forecast.scores import held_by_pit
from forecast.series import as_date
from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.answers.state import Facts, issue_limit, state_of
from service.core import run_store
from service.core.clock import instant
from service.data import observation_store
from service.issues import issue_score_store, issue_store
from service.issues.issue_score_store import Scored

WEEKS = 26
CHANCE = 0.001
"""P-value below which an alarm is raised."""

LEVEL = 99
"""Prediction interval, in per cent; a week outside it raises an alarm."""

_WINDOW = dt.timedelta(weeks=WEEKS)
_LEAST = 8  # minimum number of issues, or weeks
_DAY, _WEEK = dt.timedelta(days=1), dt.timedelta(days=7)


@dataclass(frozen=True)
class Alarm:
    """A condition that someone should investigate.

    Attributes
    ----------
    name : str
        ``pit_mean``, ``pit_spread``, ``weekly_coverage``, ``week_beyond_band``, ``figures_late``
        or ``issues_late``.
    series_id : str | None
        None for an alarm about the service.
    since : date
        First day of the alarm.
    numbers : dict
        The statistics behind the alarm.
    """

    name: str
    series_id: str | None
    detail: str
    since: dt.date
    numbers: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the alarm as JSON-serialisable values."""
        return asdict(self) | {"since": self.since.isoformat()}


class _Record:
    """Scored live issues of a series, ordered by origin.

    Parameters
    ----------
    scored : sequence of Scored
        At least one.
    """

    def __init__(self, series_id: str, scored: Sequence[Scored]) -> None:
        self.series_id = series_id
        self.last = max(row.origin + row.days_known * _DAY for row in scored)
        following = [row.origin for row in scored[1:]] + [dt.date.max]
        # Each day by the last issue made before it: the day before the first, and the PIT.
        self._days = [
            (row.origin, row.content["days"]["pit"][: (until - row.origin).days][: row.days_known])
            for row, until in zip(scored, following, strict=True)
        ]
        self._weeks = _apart(scored)

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


def _apart(scored: Sequence[Scored]) -> list[Scored]:
    """Select the first issue of each week, skipping seven-day periods that overlap.

    Weeks of issues begin on Sunday, so the forecast days begin on Monday. The selection does not
    depend on the current day.
    """
    first: dict[int, Scored] = {}
    for row in scored:
        if "total_7" in row.content["totals"]:
            first.setdefault(row.origin.toordinal() // 7, row)
    chosen: list[Scored] = []
    for row in first.values():
        if not chosen or row.origin - chosen[-1].origin >= _WEEK:
            chosen.append(row)
    return chosen


def alarms(loader: IssueLoader) -> list[dict[str, Any]]:
    """Return all current alarms: ``name series_id detail since numbers``.

    The list is empty before the first issue. Alarms about accuracy need some weeks of scored live
    issues.
    """
    return [alarm.to_dict() for alarm in _late(loader)] + record_alarms(loader)


def record_alarms(loader: IssueLoader, only: str | None = None) -> list[dict[str, Any]]:
    """Return the alarms about the accuracy of published forecasts, of one series or all."""
    with loader.context.database.reading() as connection:
        scored = run_store.latest(connection, "score", "done")
    today = loader.today()
    monday = today - today.weekday() * _DAY
    rows: list[dict[str, Any]] = []
    for series_id in loader.route.forecast if only is None else [only]:
        key = ("alarms", series_id, scored and scored.run_id, monday, loader.figures_version())
        raised = loader.once(key, partial(_of_series, loader, series_id, monday))
        rows += [alarm.to_dict() for alarm in raised]
    return rows


def _of_series(loader: IssueLoader, series_id: str, monday: dt.date) -> list[Alarm]:
    with loader.context.database.reading() as connection:
        last = issue_score_store.get_last_scored_day(connection, series_id, "live")
        since = last - 2 * _WINDOW if last else dt.date.min
        rows = (
            issue_score_store.list_current_scores(
                connection, loader.route, series_id, "live", since, True
            )
            if last
            else []
        )
    week = _last_week(loader, series_id, monday)
    if not rows:
        return week
    record = _Record(series_id, rows)
    return [*_moments(record), *_coverage(record), *week]


def _moments(record: _Record) -> list[Alarm]:
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
            what = f"were {side} than forecast, more than chance allows: "
            what += f"mean PIT {moments.mean:.2f}, expected 0.50"
        else:
            side = "narrow" if moments.spread > 1 else "wide"
            what = f"show that the ranges are too {side}: "
            what += f"the PIT varies {moments.spread:.2f} times as much as expected"
        detail = (
            f"{record.series_id}: the {moments.n_days} days of the last {WEEKS} weeks {what} "
            f"(p = {_p(getattr(moments, p_of))})"
        )
        raised.append(Alarm(name, record.series_id, detail, since, numbers))
    return raised


def _p_of_days(record: _Record, name: str, end: dt.date) -> float:
    days = record.days(end)
    return float(getattr(pit_moments(days), name)) if len(days) >= _LEAST else 1.0


def _coverage(record: _Record) -> list[Alarm]:
    """Check whether the coverage of weekly totals is as expected."""
    since = _since(record, lambda end: min(_p_of_weeks(record, end).values(), default=1.0))
    if since is None:
        return []
    pits = record.weeks(record.last)
    chances = _p_of_weeks(record, record.last)
    level = min(chances, key=lambda level: chances[level])
    hits = _hits(pits, level)
    numbers: dict[str, Any] = {"n_weeks": len(pits)}
    for each, p in chances.items():
        numbers |= {f"held_{each}": _hits(pits, each), f"p_{each}": round(p, 5)}
    detail = (
        f"{record.series_id}: {hits} of {len(pits)} weekly totals of the last {WEEKS} weeks were "
        f"within the {level}% range; {level * len(pits) / 100:.0f} were expected "
        f"(p = {_p(chances[level])})"
    )
    return [Alarm("weekly_coverage", record.series_id, detail, since, numbers)]


def _p_of_weeks(record: _Record, end: dt.date) -> dict[int, float]:
    pits = record.weeks(end)
    if len(pits) < _LEAST:
        return {}
    return {level: coverage_p(_hits(pits, level), len(pits), level) for level in DAY_LEVELS}


def _hits(pits: Sequence[float], level: int) -> int:
    return int(held_by_pit(pits, level).sum())


def _since(record: _Record, p_at: Callable[[dt.date], float]) -> dt.date | None:
    """Return the first day of the latest unbroken run of p-values below `CHANCE`."""
    day, since = record.last, None
    while day > record.last - _WINDOW and p_at(day) < CHANCE:
        since, day = day, day - _DAY
    return since


def _last_week(loader: IssueLoader, series_id: str, monday: dt.date) -> list[Alarm]:
    """Check whether the last full week was within the interval forecast before it began."""
    with loader.context.database.reading() as connection:
        figures = observation_store.series(connection, series_id)
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
    totals = view.paths.total(first, sunday)
    band = summary(totals, [LEVEL])
    bounds = {name: band[name].item() for name in bound_names([LEVEL])}
    lo, hi = bounds.values()
    at = figures.index(sunday)
    came = int(figures.values[at - 6 : at + 1].sum())
    if lo <= came <= hi:
        return []
    side = "above" if came > hi else "below"
    detail = (
        f"{series_id}: {came:,} arrived from {first} to {sunday}, {side} the {LEVEL}% range "
        f"of the forecast, {lo:,} to {hi:,}"
    )
    numbers = {
        "from": first.isoformat(),
        "to": sunday.isoformat(),
        "came": came,
        **bounds,
        "issue_id": view.issue.issue_id,
    }
    return [Alarm("week_beyond_band", series_id, detail, sunday + _DAY, numbers)]


def _late(loader: IssueLoader) -> list[Alarm]:
    """Check whether issues or figures are overdue, using the details of the state."""
    settings, now = loader.context.settings, loader.clock()
    with loader.context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, loader.route.leading)
    if newest is None:
        return []
    details = {
        r.name: r.detail for r in state_of(newest, Facts(), now, settings, loader.route).reasons
    }
    raised = []
    if "source_late" in details:
        since = newest.data_through + (settings.stale_after_days + 1) * _DAY
        days = (loader.route.day(now) - newest.data_through).days
        numbers: dict[str, Any] = {
            "data_through": newest.data_through.isoformat(),
            "days": days,
            "limit_days": settings.stale_after_days,
        }
        raised.append(Alarm("figures_late", None, details["source_late"], since, numbers))
    if "scheduler_down" in details:
        limit = issue_limit(settings)
        numbers = {
            "issued_at": instant(newest.issued_at),
            "hours": round((now - newest.issued_at).total_seconds() / 3600, 1),
            "limit_hours": limit.total_seconds() / 3600,
        }
        since = loader.route.day(newest.issued_at + limit)
        raised.append(Alarm("issues_late", None, details["scheduler_down"], since, numbers))
    return raised


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "below 0.0001"
