"""The history of one figure, made of all that was ever stated about it.

It is a function of the statements alone: in whatever order they were read, it comes out the same.
"""

from __future__ import annotations

__all__ = ["RANKS", "Ruling", "Statement", "history"]

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

RANKS = {"figures": 0, "page": 1}
"""Which source rules when several state the same day: the highest, and of equals the newest.

The workbook and every other source have rank 2.
"""


@dataclass(frozen=True)
class Statement:
    """A count as one document states it.

    Attributes
    ----------
    known_at : datetime
        Since when it can be known: the time of publication, or what stands for it.
    tie : str
        Decides between statements of the same moment and rank: the greater is the newer.
    """

    value: int
    source: str
    known_at: dt.datetime
    is_assumed: bool
    published_at: dt.datetime | None
    seen_at: dt.datetime
    is_marked: bool
    tie: str

    @property
    def rank(self) -> int:
        """Of its source."""
        return RANKS.get(self.source, 2)


@dataclass(frozen=True)
class Ruling:
    """A count that ruled from `known_at` to `superseded_at`; not at all if these are the same.

    Attributes
    ----------
    since : datetime
        When this very value came to rule; earlier than `known_at` where another source stated it
        before.
    is_marked : bool
        Whether the source marks it "Revised".
    """

    value: int
    source: str
    known_at: dt.datetime
    is_assumed: bool
    published_at: dt.datetime | None
    first_seen_at: dt.datetime
    is_marked: bool
    since: dt.datetime
    superseded_at: dt.datetime | None


def history(statements: Iterable[Statement]) -> list[Ruling]:
    """Order what was stated about one figure into what ruled when.

    A value that never ruled, because a source of higher rank had spoken, is kept beside.
    """
    past: list[Ruling] = []
    beside: list[Ruling] = []
    last: dict[str, int] = {}
    for one in sorted(statements, key=lambda s: (s.known_at, s.rank, s.tie)):
        before = last.get(one.source)
        last[one.source] = one.value
        ruling = past[-1] if past else None
        if ruling and one.rank < RANKS.get(ruling.source, 2):
            if one.value not in (ruling.value, before):
                beside.append(_ruling(one, one.known_at, one.known_at))
        elif ruling and (one.value, one.source) == (ruling.value, ruling.source):
            past[-1] = replace(
                ruling,
                first_seen_at=min(ruling.first_seen_at, one.seen_at),
                is_marked=ruling.is_marked or one.is_marked,
            )
        else:
            same = ruling is not None and ruling.value == one.value
            since = ruling.since if ruling and same else one.known_at
            if ruling and same and ruling.known_at == one.known_at:
                past.pop()
            elif ruling:
                past[-1] = replace(ruling, superseded_at=one.known_at)
            past.append(_ruling(one, since, None))
    return past + beside


def _ruling(one: Statement, since: dt.datetime, superseded_at: dt.datetime | None) -> Ruling:
    return Ruling(
        value=one.value,
        source=one.source,
        known_at=one.known_at,
        is_assumed=one.is_assumed,
        published_at=one.published_at,
        first_seen_at=one.seen_at,
        is_marked=one.is_marked,
        since=since,
        superseded_at=superseded_at,
    )
