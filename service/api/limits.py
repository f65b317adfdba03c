"""Rate limits: per key, or per address for requests without a key."""

from __future__ import annotations

__all__ = ["register_limits", "require_store"]

import logging
import time

from flask import Flask, Response, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded
from limits.errors import ConfigurationError

from service.api.errors import Problem, answer
from service.core.addresses import network
from service.core.settings import Settings, SettingsError

_UNCOUNTED = frozenset({"health.livez", "health.readyz"})
_PATIENCE_SECONDS = 0.5
# Its INFO messages contain addresses.
logging.getLogger("flask-limiter").setLevel(logging.WARNING)


def register_limits(app: Flask, settings: Settings) -> None:
    """Count requests and reject those over the limits with 429 and Retry-After.

    A key not recently confirmed may be a guess; it also counts for its address, before it is looked
    up. While Redis is unavailable each worker counts separately.

    Raises
    ------
    SettingsError
        If the store of the counts cannot be used.
    """
    by_address, by_key = settings.rate_per_address, settings.rate_per_key
    limiter = Limiter(
        lambda: network(request.remote_addr or ""),
        application_limits=[
            ApplicationLimit(by_address, scope="address", exempt_when=lambda: bool(g.key_hash)),
            ApplicationLimit(by_address, scope="guesses", exempt_when=lambda: not g.is_guess),
            ApplicationLimit(
                by_key,
                lambda: str(g.key_hash),
                scope="key",
                exempt_when=lambda: not g.key_hash,
            ),
        ],
        request_identifier=lambda: request.endpoint or "no route",
        storage_uri=settings.rate_store,
        storage_options={
            "socket_timeout": _PATIENCE_SECONDS,  # type: ignore[dict-item]
            "socket_connect_timeout": _PATIENCE_SECONDS,  # type: ignore[dict-item]
        },
        in_memory_fallback_enabled=True,
    )
    limiter.request_filter(lambda: request.endpoint in _UNCOUNTED or request.method == "OPTIONS")
    try:
        limiter.init_app(app)
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(
            "CROSSINGS_RATE_STORE: expected memory://, or a redis:// URL and the extra `redis` "
            f"installed, found that {error}"
        ) from error

    def refuse(_: RateLimitExceeded) -> Response:
        broken = limiter.current_limit
        assert broken is not None
        seconds = max(1, int(broken.reset_at - time.time()))
        detail = f"expected at most {broken.limit}; wait {seconds} s"
        return answer(Problem(429, detail, headers={"Retry-After": str(seconds)}))

    app.register_error_handler(RateLimitExceeded, refuse)


def require_store(settings: Settings) -> None:
    """Raise `SettingsError` if the store of the counts cannot be used."""
    register_limits(Flask(__name__), settings)
