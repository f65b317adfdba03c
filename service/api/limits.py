"""How often one may ask: by key, and without one by address."""

from __future__ import annotations

__all__ = ["register_limits"]

import ipaddress
import time
from typing import Any

from flask import Flask, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded

from service.api.errors import Problem
from service.settings import Settings

_UNCOUNTED = frozenset({"health.livez", "health.readyz", "dashboard.static", "docs.static"})


def register_limits(app: Flask, settings: Settings) -> None:
    """Count each request, and refuse those beyond the limits with 429 and Retry-After."""
    limits: list[Any] = []
    if settings.rate_per_key:
        limits.append(
            ApplicationLimit(settings.rate_per_key, key_function=_key, exempt_when=_has_no_key)
        )
    if settings.rate_per_address:
        limits.append(
            ApplicationLimit(settings.rate_per_address, key_function=_address, exempt_when=_has_key)
        )
    if not limits:
        return
    limiter = Limiter(
        key_func=_address,
        app=app,
        application_limits=limits,
        storage_uri=settings.rate_store,
        in_memory_fallback_enabled=settings.rate_store != "memory://",
        in_memory_fallback=[limit.limit_provider for limit in limits][-1:],
        strategy="fixed-window",
    )
    limiter.request_filter(lambda: request.endpoint in _UNCOUNTED or request.method == "OPTIONS")

    def refuse(error: RateLimitExceeded) -> Any:
        now = limiter.current_limit
        seconds = max(1, round(now.reset_at - time.time())) if now else 60
        problem = Problem(
            429,
            f"expected at most {error.limit.limit}; wait {seconds} s",
            headers={"Retry-After": str(seconds)},
        )
        return app.handle_user_exception(problem)

    app.register_error_handler(RateLimitExceeded, refuse)


def _has_key() -> bool:
    return g.key is not None


def _has_no_key() -> bool:
    return g.key is None


def _key() -> str:
    return f"key {g.key.key_id}"


def _address() -> str:
    """The address; of an IPv6 one the network, as one reader has a whole network of them."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "no address"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
