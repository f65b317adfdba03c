"""The last lines that a run has logged, to be kept with it."""

from __future__ import annotations

__all__ = ["excerpt"]

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator

_LINES, _LENGTH = 40, 300


class _Keeper(logging.Handler):
    """Keeps the last lines of one thread."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__(logging.INFO)
        self._mask = mask
        self.lines: deque[str] = deque(maxlen=_LINES)
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message's first line, without any traceback."""
        if record.thread == self._thread:
            said = self._mask(record.getMessage().partition("\n")[0])[:_LENGTH]
            self.lines.append(f"{record.levelname} {record.name}: {said}")


@contextlib.contextmanager
def excerpt(mask: Callable[[str], str] = str) -> Iterator[deque[str]]:
    """Collect what this thread logs within, as far as the level of the log lets it through.

    Parameters
    ----------
    mask : callable
        Takes out of a line what nobody should read.
    """
    keeper = _Keeper(mask)
    root = logging.getLogger()
    root.addHandler(keeper)
    try:
        yield keeper.lines
    finally:
        root.removeHandler(keeper)
