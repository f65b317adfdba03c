"""Children that end with their parent, in whatever way that ends."""

from __future__ import annotations

__all__ = ["OPTION", "follow"]

import os
import signal
import threading
import time

OPTION = "--end-with-input"
"""The option of a child that is to end when its standard input does.

The parent holds the other end of that pipe, and the system closes it however the parent dies.
"""

_INPUT, _SECONDS = 0, 15


def follow() -> None:
    """End this process as SIGTERM ends it, once its standard input has ended."""
    threading.Thread(target=_wait, args=(os.getpid(),), name="parent", daemon=True).start()


def _wait(process: int) -> None:
    while os.read(_INPUT, 1024):
        pass
    os.kill(process, signal.SIGTERM)
    time.sleep(_SECONDS)
    os.kill(process, signal.SIGKILL)
