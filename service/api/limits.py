"""Rate limits: per key, or per address for requests without a key."""

__all__ = ["Limits"]

import logging
import math
import threading
import time

from flask import request
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from service.api.errors import Problem
from service.core.addresses import network_of
from service.core.settings import Settings, SettingsError

_UNCOUNTED = frozenset({"health.livez", "health.readyz"})
_PATIENCE_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_DROP_SECONDS = 60.0
_log = logging.getLogger(__name__)


def _limit(text: str) -> RateLimitItem | None:
    return parse(text) if text else None


class Limits:
    """The limits, counted in the configured store, or in this process while it does not answer.

    Raises `SettingsError` if the store cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._per_address = _limit(settings.rate_per_address)
        self._per_key = _limit(settings.rate_per_key)
        self._memory = MemoryStorage()
        # Its timer would start a thread every 10 ms to drop expired counts; `_count` drops them.
        self._memory.timer = threading.main_thread()  # type: ignore[assignment]
        self._drop_at = 0.0
        self._local = self._shared = FixedWindowRateLimiter(self._memory)
        self._retry_at = 0.0
        if settings.rate_store == "memory://":
            return
        patience = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _PATIENCE_SECONDS)
        try:
            shared = storage_from_string(settings.rate_store, wrap_exceptions=True, **patience)
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(
                "CROSSINGS_RATE_STORE: expected memory://, or a redis:// URL and the extra `redis` "
                f"installed, but {error}"
            ) from error
        self._shared = FixedWindowRateLimiter(shared)

    def count(self, key_hash: str, is_guess: bool) -> None:
        """Count this request; raise `Problem` 429 with Retry-After if it is over a limit.

        A key not recently used may be a guess; it also counts for its address.
        """
        if request.endpoint in _UNCOUNTED or request.method == "OPTIONS":
            return
        address = network_of(request.remote_addr or "")
        if is_guess:
            self._count(self._per_address, "guesses", address)
        if key_hash:
            self._count(self._per_key, "key", key_hash)
        else:
            self._count(self._per_address, "address", address)

    def _count(self, limit: RateLimitItem | None, *who: str) -> None:
        if limit is None:
            return
        now = time.monotonic()
        if now >= self._drop_at:
            self._drop_at = now + _DROP_SECONDS
            for key in list(self._memory.expirations):
                self._memory.get(key)  # drops the count if it has expired
        if now >= self._retry_at:
            try:
                return _hit(self._shared, limit, *who)
            except StorageError as error:
                _log.warning("each worker counts requests separately: %s", error)
                self._retry_at = now + _RETRY_SECONDS
        _hit(self._local, limit, *who)


def _hit(counter: FixedWindowRateLimiter, limit: RateLimitItem, *who: str) -> None:
    if not counter.hit(limit, *who):
        reset = counter.get_window_stats(limit, *who).reset_time
        seconds = max(1, math.ceil(reset - time.time()))
        detail = f"expected at most {limit}; wait {seconds} s"
        raise Problem(429, detail, headers={"Retry-After": str(seconds)})
