"""The history of one figure, derived from all statements about it, in whatever order read."""

__all__ = ["RANKS", "Ruling", "Statement", "history"]

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

RANKS = {"figures": 0, "page": 1}
"""Of sources that state the same day the highest rank counts, 2 for all others; then the newest."""


@dataclass(frozen=True)
class Statement:
    """A count as stated by one document; fields are named like the columns of `observations`.

    `known_at` is the publication time, or a substitute. Among statements of the same moment and
    rank, the one with the greater `tie` is newer.
    """

    value: int
    source: str
    known_at: dt.datetime
    published_at: dt.datetime | None
    first_seen_at: dt.datetime
    marked_revised: bool
    tie: str

    @property
    def rank(self) -> int:
        """Rank of its source."""
        return RANKS.get(self.source, 2)


@dataclass(frozen=True)
class Ruling(Statement):
    """A count that applied from `known_at` to `superseded_at`; never if these are equal.

    `since` is when this value first applied: earlier if another source stated it before.
    """

    since: dt.datetime
    superseded_at: dt.datetime | None


def history(statements: Iterable[Statement]) -> list[Ruling]:
    """Return which statement about one figure applied when, and those that never did."""
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
