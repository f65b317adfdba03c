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
    """A count as one document states it; named as the columns of `observations`.

    `known_at` is the time of publication, or what stands for it. Of statements of the same moment
    and rank the one with the greater `tie` is the newer.
    """

    value: int
    source: str
    known_at: dt.datetime
    known_at_assumed: bool
    published_at: dt.datetime | None
    first_seen_at: dt.datetime
    marked_revised: bool
    tie: str

    @property
    def rank(self) -> int:
        """Of its source."""
        return RANKS.get(self.source, 2)


@dataclass(frozen=True)
class Ruling(Statement):
    """A count that ruled from `known_at` to `superseded_at`; not at all if these are the same.

    `since` is when this very value came to rule: earlier where another source stated it before.
    """

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
        if ruling is None:
            past.append(Ruling(**vars(one), since=one.known_at, superseded_at=None))
        elif one.rank < ruling.rank:
            if one.value not in (ruling.value, before):
                beside.append(Ruling(**vars(one), since=one.known_at, superseded_at=one.known_at))
        elif (one.value, one.source) == (ruling.value, ruling.source):
            past[-1] = replace(
                ruling,
                first_seen_at=min(ruling.first_seen_at, one.first_seen_at),
                marked_revised=ruling.marked_revised or one.marked_revised,
            )
        else:
            is_same = ruling.value == one.value
            if is_same and ruling.known_at == one.known_at:
                past.pop()
            else:
                past[-1] = replace(ruling, superseded_at=one.known_at)
            since = ruling.since if is_same else one.known_at
            past.append(Ruling(**vars(one), since=since, superseded_at=None))
    return past + beside
