"""Alarms: what in the record of published forecasts, or in their times, leaves what chance allows.

An alarm says that a person should look; it changes no number and no state. Each is computed from
the store when it is asked for, so that all faces, and whoever is told, hear the same.
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
from forecast.joint import SERIES
from forecast.paths import bound_names, summary
from forecast.scores import held_by_pit
from forecast.series import as_date
from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.answers.state import Facts, issue_limit, state_of
from service.core import run_store
from service.core.clock import instant, uk_day
from service.data import observation_store
from service.issues import issue_score_store, issue_store
from service.issues.issue_score_store import Scored

WEEKS = 26
CHANCE = 0.001
"""P-value below which a record is held to have left what chance allows."""

LEVEL = 99
"""Band, in per cent, beyond which a week is an alarm by itself."""

_WINDOW = dt.timedelta(weeks=WEEKS)
_LEAST = 8  # issues, or weeks, below which nothing is said
_DAY, _WEEK = dt.timedelta(days=1), dt.timedelta(days=7)


@dataclass(frozen=True)
class Alarm:
    """Something that a person should look at.

    Attributes
    ----------
    name : str
        ``pit_mean``, ``pit_spread``, ``weekly_coverage``, ``week_beyond_band``, ``figures_late``
        or ``issues_late``.
    series_id : str | None
        None when it is about the service.
    since : date
        Day from which on it has stood.
    numbers : dict
        What it rests on.
    """

    name: str
    series_id: str | None
    detail: str
    since: dt.date
    numbers: dict[str, Any]

    def said(self) -> dict[str, Any]:
        """The alarm as every face says it."""
        return asdict(self) | {"since": self.since.isoformat()}


class _Record:
    """The live issues of a series that were scored, by origin.

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
        """PIT of the window's days, issue by issue."""
        first, found = end - _WINDOW, []
        for origin, pits in self._days:
            if origin < end and origin + len(pits) * _DAY > first:
                found.append(pits[max((first - origin).days, 0) : (end - origin).days])
        return found

    def weeks(self, end: dt.date) -> list[float]:
        """PIT of the window's 7-day totals; they do not overlap."""
        return [
            row.content["totals"]["total_7"]["pit"]
            for row in self._weeks
            if end - _WINDOW <= row.origin <= end - _WEEK
        ]


def _apart(scored: Sequence[Scored]) -> list[Scored]:
    """The first issue of each week, unless its seven days overlap those of the one before.

    Weeks of issues begin on Sunday, so that the days after begin on Monday. Tomorrow the same are
    chosen: what is judged must not change with the day on which it is looked at.
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


def alarms(desk: IssueLoader) -> list[dict[str, Any]]:
    """Every alarm that stands: ``name series_id detail since numbers``.

    None while nothing is published; those on the record need some weeks of scored live issues.
    """
    return [alarm.said() for alarm in _late(desk)] + record_alarms(desk)


def record_alarms(desk: IssueLoader, only: str | None = None) -> list[dict[str, Any]]:
    """The alarms on how the published forecasts fared, of one series or of all."""
    with desk.context.database.reading() as connection:
        scored = run_store.latest(connection, "score", "done")
    today = uk_day(desk.clock())
    monday = today - today.weekday() * _DAY
    found: list[dict[str, Any]] = []
    for series_id in SERIES if only is None else [only]:
        key = ("alarms", series_id, scored and scored.run_id, monday, desk.figures_version())
        made = desk.once(key, partial(_of_series, desk, series_id, monday))
        found += [alarm.said() for alarm in made]
    return found


def _of_series(desk: IssueLoader, series_id: str, monday: dt.date) -> list[Alarm]:
    with desk.context.database.reading() as connection:
        last = issue_score_store.get_last_scored_day(connection, series_id, "live")
        since = last - 2 * _WINDOW if last else dt.date.min
        rows = (
            issue_score_store.list_champion_scores(connection, series_id, "live", since)
            if last
            else []
        )
    week = _last_week(desk, series_id, monday)
    if not rows:
        return week
    record = _Record(series_id, rows)
    return [*_moments(record), *_coverage(record), *week]


def _moments(record: _Record) -> list[Alarm]:
    """Whether the days' PIT is off its centre, or of the wrong width."""
    found = []
    for name, p_of in (("pit_mean", "p_mean"), ("pit_spread", "p_spread")):
        since = _since(record, partial(_p_of_days, record, p_of))
        if since is None:
            continue
        told = pit_moments(record.days(record.last))
        numbers = {key: round(value, 4) for key, value in vars(told).items()}
        if name == "pit_mean":
            side = "lower" if told.mean < 0.5 else "higher"
            what = f"came out {side} in the forecasts than chance allows: mean PIT {told.mean:.2f}"
            what += ", expected 0.50"
        else:
            side = "narrow" if told.spread > 1 else "wide"
            what = f"show bands that are too {side}: the PIT varies {told.spread:.2f} times as "
            what += "much as it should"
        detail = (
            f"{record.series_id}: the {told.n_days} days of the last {WEEKS} weeks {what} "
            f"(p = {_p(getattr(told, p_of))})"
        )
        found.append(Alarm(name, record.series_id, detail, since, numbers))
    return found


def _p_of_days(record: _Record, name: str, end: dt.date) -> float:
    days = record.days(end)
    return float(getattr(pit_moments(days), name)) if len(days) >= _LEAST else 1.0


def _coverage(record: _Record) -> list[Alarm]:
    """Whether the bands of weekly totals held as often as they promise."""
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
        f"{record.series_id}: the {level} % band held {hits} of {len(pits)} weekly totals of the "
        f"last {WEEKS} weeks, where {level * len(pits) / 100:.0f} were to be expected "
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
    """The first day of the unbroken run, up to the last, on which the p-value was too small."""
    day, since = record.last, None
    while day > record.last - _WINDOW and p_at(day) < CHANCE:
        since, day = day, day - _DAY
    return since


def _last_week(desk: IssueLoader, series_id: str, monday: dt.date) -> list[Alarm]:
    """Whether the last whole week with figures left the band that was issued before it began."""
    with desk.context.database.reading() as connection:
        figures = observation_store.series(connection, series_id)
    if figures is None:
        return []
    through = as_date(figures.data_through)
    sunday = min(monday - _DAY, through - ((through.weekday() + 1) % 7) * _DAY)
    first = sunday - 6 * _DAY
    try:
        view = desk.view(series_id, as_of=first - _DAY)
    except NotFound:
        return []
    ahead = (sunday - view.issue.origin).days
    if not 7 <= ahead <= view.paths.horizon:
        return []
    drawn = view.paths.total(first, sunday)
    band = summary(drawn, [LEVEL])
    bounds = {name: band[name].item() for name in bound_names([LEVEL])}
    lo, hi = bounds.values()
    at = figures.index(sunday)
    came = int(figures.values[at - 6 : at + 1].sum())
    if lo <= came <= hi:
        return []
    side = "above" if came > hi else "below"
    detail = (
        f"{series_id}: {came:,} came from {first} to {sunday}, {side} the {LEVEL} % band of "
        f"{lo:,} to {hi:,} that was issued before"
    )
    numbers = {
        "from": first.isoformat(),
        "to": sunday.isoformat(),
        "came": came,
        **bounds,
        "issue_id": view.issue.issue_id,
    }
    return [Alarm("week_beyond_band", series_id, detail, sunday + _DAY, numbers)]


def _late(desk: IssueLoader) -> list[Alarm]:
    """Whether issues or figures are overdue, in the words in which the state says so."""
    settings, now = desk.context.settings, desk.clock()
    with desk.context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, SERIES[0])
    if newest is None:
        return []
    said = {r.name: r.detail for r in state_of(newest, Facts(), now, settings).reasons}
    found = []
    if "source_late" in said:
        since = newest.data_through + (settings.stale_after_days + 1) * _DAY
        days = (uk_day(now) - newest.data_through).days
        numbers: dict[str, Any] = {
            "data_through": newest.data_through.isoformat(),
            "days": days,
            "limit_days": settings.stale_after_days,
        }
        found.append(Alarm("figures_late", None, said["source_late"], since, numbers))
    if "scheduler_down" in said:
        limit = issue_limit(settings)
        numbers = {
            "issued_at": instant(newest.issued_at),
            "hours": round((now - newest.issued_at).total_seconds() / 3600, 1),
            "limit_hours": limit.total_seconds() / 3600,
        }
        since = uk_day(newest.issued_at + limit)
        found.append(Alarm("issues_late", None, said["scheduler_down"], since, numbers))
    return found


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else "below 0.0001"
