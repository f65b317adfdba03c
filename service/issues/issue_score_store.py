"""The track record: scores of published issues against the figures.

Only one issue of an origin counts, however many are published: the last by the route's publication
time on the day of the first, or the first if all were later. So there is one issue a day, and none
knew the weather of a later day. An issue made long after its figures does not count, as its first
days were over. Hindcasts are made as of the same time; for each origin and model the last counts.
"""

__all__ = [
    "MOST_DAYS",
    "Pending",
    "Scored",
    "list_current_scores",
    "list_pending_scores",
    "save_score",
    "select_champion_scores",
]

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.core.declared_series import Route
from service.core.tables import issue_paths, issue_scores, issues
from service.issues.issue_store import Issue

_LATEST = dt.timedelta(days=3)  # after its figures could be known
MOST_DAYS = 28
"""Days of an issue that are scored."""


@dataclass(frozen=True)
class Scored:
    """The current score of one model of an issue."""

    issue_id: str
    model: str
    origin: dt.date
    issued_at: dt.datetime
    is_champion: bool  # served; for a hindcast, whether it would have been
    days_known: int
    content: dict[str, Any]  # ``days`` with lists by day ahead, and ``totals``


@dataclass(frozen=True)
class Pending:
    """A model of an issue, with its score so far, if any."""

    issue: Issue
    model: str
    score_id: int | None
    days_known: int
    truth_hash: str


def list_pending_scores(
    connection: sa.Connection, route: Route, series_id: str, since: dt.date
) -> list[Pending]:
    """Return each model of each counted issue, for origins from `since`, by origin."""
    counts = _counted(connection, route, series_id, since)
    i, p, s = issues.c, issue_paths.c, issue_scores.c
    rows = connection.execute(
        sa.select(issues, p.model, s.score_id, s.days_known, s.truth_hash)
        .join(issue_paths, p.issue_id == i.issue_id)
        .outerjoin(
            issue_scores,
            sa.and_(s.issue_id == i.issue_id, s.model == p.model, s.superseded_at.is_(None)),
        )
        .where(i.series_id == series_id, i.origin >= since)
        .order_by(i.origin, i.issued_at, p.model)
    )
    width = len(issues.columns)
    return [
        Pending(
            Issue(*row[:width]),  # its fields are the columns in their order
            *(row.model, row.score_id, row.days_known or 0, row.truth_hash or ""),
        )
        for row in rows
        if counts(row)
    ]


def save_score(
    connection: sa.Connection,
    item: Pending,
    days_known: int,
    truth_hash: str,
    content: dict[str, Any],
    revised: bool,
    now: dt.datetime,
) -> None:
    """Store a score; replace a shorter one, but keep one superseded by a revision."""
    old = issue_scores.c.score_id == item.score_id
    if revised:
        connection.execute(issue_scores.update().where(old).values(superseded_at=now))
    is_new = revised or item.score_id is None
    query = issue_scores.insert() if is_new else issue_scores.update().where(old)
    query = query.values(
        issue_id=item.issue.issue_id,
        model=item.model,
        days_known=days_known,
        truth_hash=truth_hash,
        content=content,
        scored_at=now,
    )
    connection.execute(query)


def list_current_scores(
    connection: sa.Connection,
    route: Route,
    series_id: str,
    kind: str,
    champion_only: bool = False,
) -> list[Scored]:
    """Return the current scores of counted issues, by origin."""
    counts = _counted(connection, route, series_id)
    i, s = issues.c, issue_scores.c
    # A hindcast without the champion names another of its models instead.
    is_champion = sa.and_(i.champion == s.model, sa.or_(i.kind == "live", i.champion == i.wanted))
    query = (
        sa.select(i.kind, i.issue_id, s.model, i.origin, i.issued_at)
        .add_columns(is_champion, s.days_known, s.content)
        .join(issue_scores, s.issue_id == i.issue_id)
        .where(i.series_id == series_id, i.kind == kind, s.superseded_at.is_(None))
        .order_by(i.origin, i.issued_at, i.run_id)
    )
    if champion_only:
        query = query.where(is_champion)
    return [Scored(*row[1:]) for row in connection.execute(query) if counts(row)]


def select_champion_scores(scores: Sequence[Scored]) -> list[Scored]:
    """Return the champions' scores, one per origin: repeated hindcasts may have another."""
    return list({row.origin: row for row in scores if row.is_champion}.values())


def _counted(
    connection: sa.Connection, route: Route, series_id: str, since: dt.date = dt.date.min
) -> Callable[[Any], bool]:
    """Return whether a row of an issue and a model, for an origin from `since`, counts."""
    i, model = issues.c, issue_paths.c.model
    query = (
        sa.select(i.issue_id, i.kind, i.origin, i.issued_at, model)
        .join(issue_paths, issue_paths.c.issue_id == i.issue_id)
        .where(i.series_id == series_id, i.origin >= since)
        .order_by(i.issued_at, i.run_id)
    )
    counted: dict[tuple[Any, ...], str] = {}
    until: dict[tuple[Any, ...], dt.datetime] = {}

    def key(row: Any) -> tuple[Any, ...]:
        return row.kind, row.origin, "" if row.kind == "live" else row.model

    for row in connection.execute(query):
        if row.kind == "live" and row.issued_at > route.assumed_known_at(row.origin) + _LATEST:
            continue
        day_before = route.day(row.issued_at) - dt.timedelta(days=1)
        until.setdefault(key(row), route.assumed_known_at(day_before))
        if key(row) not in counted or row.issued_at <= until[key(row)]:
            counted[key(row)] = row.issue_id
    return lambda row: counted.get(key(row)) == row.issue_id
