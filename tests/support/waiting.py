"""Waiting for what must happen, with the same generous bounds everywhere.

A bound only ends a test that hangs. No test passes or fails by how long something took.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

BOUND = 300.0
"""Seconds within which any awaited event happens, on however busy a machine."""

PROCESS = 300.0
"""Seconds within which any child process comes to its end by itself."""

T = TypeVar("T")


def wait_until(event: Callable[[], T], what: str, every: float = 0.05) -> T:
    """Return what `event` gives as soon as it is true; fail, naming `what`, beyond the bound.

    It is looked for `every` so many seconds.
    """
    deadline = time.monotonic() + BOUND
    while not (value := event()):
        assert time.monotonic() < deadline, f"waited {BOUND:g} s in vain: {what}"
        time.sleep(every)
    return value
