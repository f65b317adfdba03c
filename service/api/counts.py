"""Counts of requests, kept in memory.

The memory storage that the limiter brings starts a thread for about every second request to
forget what has expired; this one forgets as it counts.
"""

from __future__ import annotations

__all__ = ["SCHEME", "Counts"]

import threading
import time
from typing import Any

from limits.storage import Storage

SCHEME = "crossings-memory"
_SWEEP_EVERY = 4096


class Counts(Storage):
    """Counts in fixed windows, each worker for itself."""

    STORAGE_SCHEME = [SCHEME]

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._counts: dict[str, tuple[int, float]] = {}
        self._until_sweep = _SWEEP_EVERY
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong beneath: nothing of its own."""
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count, which begins anew once its window is over."""
        now = time.time()
        with self._lock:
            self._sweep(now)
            count, ends = self._counts.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + expiry
            self._counts[key] = count + amount, ends
            return count + amount

    def get(self, key: str) -> int:
        """Return the count of a window that is not over."""
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return the moment at which a window is over."""
        return self._counts.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Tell that it works."""
        return True

    def reset(self) -> int:
        """Forget everything."""
        with self._lock:
            forgotten = len(self._counts)
            self._counts.clear()
            return forgotten

    def clear(self, key: str) -> None:
        """Forget one count."""
        with self._lock:
            self._counts.pop(key, None)

    def _sweep(self, now: float) -> None:
        """Now and then let go of what is over, so that strangers' addresses do not pile up."""
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            self._until_sweep = max(_SWEEP_EVERY, len(self._counts))
            over = [key for key, (_, ends) in self._counts.items() if ends <= now]
            for key in over:
                del self._counts[key]
