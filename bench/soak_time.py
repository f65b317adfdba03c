"""A clock that is set by hand, for this process and for the web server beside it."""

from __future__ import annotations

import datetime as dt
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service import clock

_SHAPE = struct.Struct("d")


class Hand:
    """Shows what it is set to; the time lies in a file that other processes map."""

    def __init__(self, file: Path, now: dt.datetime | None = None) -> None:
        if now is not None:
            file.write_bytes(_SHAPE.pack(now.timestamp()))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _SHAPE.size)
        self.file = file

    def __call__(self) -> dt.datetime:
        """The time that it shows."""
        return dt.datetime.fromtimestamp(_SHAPE.unpack(self._shared[:])[0], dt.UTC)

    def set(self, now: dt.datetime) -> None:
        """Show `now` from here on."""
        self._shared[:] = _SHAPE.pack(now.timestamp())


def _shown() -> dt.datetime:
    return _hand()  # type: ignore[name-defined] # noqa: F821 - a name of service.clock, where this runs


@contextmanager
def take_over(hand: Hand) -> Iterator[Hand]:
    """Let `hand` tell the time to everything of the service in this process.

    The body of the one function that all of it asks is changed, not the name: defaults of
    arguments and names imported long ago are that very function.
    """
    before = clock.utc_now.__code__
    clock._hand = hand  # type: ignore[attr-defined]
    clock.utc_now.__code__ = _shown.__code__
    try:
        yield hand
    finally:
        clock.utc_now.__code__ = before
        del clock._hand  # type: ignore[attr-defined]
