"""How often one may ask: by key, and without one by address.

The counting is that of the `limits` library, asked directly: a fixed window, in memory or in Redis.
"""

from __future__ import annotations

__all__ = ["register_limits", "require_store"]

import logging
import time

from flask import Flask, g, request
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from service.api.counts import SCHEME
from service.api.errors import Problem
from service.core.addresses import network
from service.core.settings import Settings, SettingsError

_UNCOUNTED = frozenset({"health.livez", "health.readyz", "page.static", "docs.static"})
_PATIENCE_SECONDS = 0.5
_REST_SECONDS = 10.0
_log = logging.getLogger(__name__)


def register_limits(app: Flask, settings: Settings) -> None:
    """Count each request, and refuse those beyond the limits with 429 and Retry-After."""
    per_key, per_address = map(_limit, (settings.rate_per_key, settings.rate_per_address))
    window = FixedWindowRateLimiter(_storage(settings))
    away_until = 0.0

    def hit(limit: RateLimitItem | None, who: str) -> None:
        nonlocal away_until
        if limit is None or time.monotonic() < away_until:
            return
        try:
            within = window.hit(limit, who)
        except StorageError as error:  # better to answer uncounted than nobody
            _log.error("requests are not counted for %g s: %s", _REST_SECONDS, error)
            away_until = time.monotonic() + _REST_SECONDS
            return
        if not within:
            seconds = max(1, round(window.get_window_stats(limit, who).reset_time - time.time()))
            raise Problem(
                429,
                f"expected at most {limit}; wait {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    def count() -> None:
        if request.endpoint in _UNCOUNTED or request.method == "OPTIONS" or g.refused:
            return
        if g.key is None:
            hit(per_address, network(request.remote_addr or ""))
        else:
            hit(per_key, f"key {g.key.key_id}")

    def count_guess() -> None:
        """Count a key that may be a guess, before it is looked at; by itself, as some are right."""
        hit(per_address, f"guesses of {network(request.remote_addr or '')}")

    app.extensions["count_guess"] = count_guess
    app.before_request(count)


def require_store(settings: Settings) -> None:
    """Raise `SettingsError` when requests are to be counted where they cannot be."""
    _storage(settings)


def _storage(settings: Settings) -> Storage:
    """Where requests are counted; nobody waits for it longer than is worth it."""
    store = settings.rate_store
    if store == "memory://":
        return storage_from_string(f"{SCHEME}://")  # type: ignore[return-value]
    patience = {"socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}
    try:
        return storage_from_string(store, wrap_exceptions=True, **patience)  # type: ignore[return-value]
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(
            "CROSSINGS_RATE_STORE: expected memory://, or a redis:// URL and the extra `redis` "
            f"installed, found that {error}"
        ) from error


def _limit(text: str) -> RateLimitItem | None:
    return parse(text) if text else None
