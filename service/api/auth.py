"""Who may ask: a key in the header Authorization, or, where that is allowed, anyone.

Every endpoint wants a key that may read, save those of `OPEN`; those of `OPERATE` want one that
may operate, wherever the question comes from. Keys are looked up in the database each time, so that
one that is revoked ends at once; only while the database is away is a key believed that this
process saw to be valid within the hour.
"""

from __future__ import annotations

__all__ = ["OPEN", "OPERATE", "register_auth"]

import ipaddress
import logging
import threading
import time
from functools import lru_cache

from flask import Flask, g, request

from service.answers.issue_loader import IssueLoader
from service.api import key_store
from service.api.errors import Problem
from service.api.key_store import Key
from service.api.media_types import HTML, PROBLEM, preferred
from service.core.database import Unavailable
from service.core.settings import Settings

OPEN = frozenset(
    {
        *("health.livez", "health.readyz"),
        *("openapi.spec", "docs.page", "docs.reference", "docs.static", "page.static"),
        *("page.about", "downloads.icon"),
        *("subscriptions.form", "subscriptions.ask"),
        *("subscriptions.show_confirmation", "subscriptions.confirm"),
        *("subscriptions.show_leaving", "subscriptions.leave"),
    }
)
"""Endpoints that hold no figure and want no key."""
OPERATE = frozenset({"jobs.ask", "jobs.state"})
"""Endpoints that want a key of the scope ``operate``."""

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
_USED_SECONDS = 60.0
_BELIEVED_SECONDS = 3600.0
_MOST_BELIEVED = 1024
_log = logging.getLogger(__name__)


def register_auth(app: Flask) -> None:
    """Note before each request what key is presented; `require` is for after the limits."""
    keys = _Keys(app.extensions["loader"])
    settings: Settings = app.extensions["loader"].context.settings

    def note() -> None:
        g.key, g.refused = None, ""
        g.presented = None if _is_for_all() else _presented()
        is_presented = g.presented is not None
        g.key_hash = key_store.hashed(g.presented) if is_presented else ""
        g.is_guess = is_presented and keys.lately(g.presented) is None

    def require() -> None:
        if _is_for_all():
            return
        must_operate = request.endpoint in OPERATE
        if g.presented is not None:
            g.key = keys.identify(g.presented)
        elif must_operate or not _is_open(settings):
            raise _unauthorised("expected a key")
        if must_operate and g.key.scope != "operate":
            _log.warning("refused %s: key %s may only read", request.endpoint, g.key.prefix)
            raise Problem(403, "expected a key of the scope operate, found one that may read")

    app.extensions["require"] = require
    app.before_request(note)


def _is_for_all() -> bool:
    """Whether no key is wanted, and so no database."""
    return request.endpoint in OPEN or request.method == "OPTIONS"


def _presented() -> str | None:
    """The key that is presented: after Bearer, or, for browsers that read, as Basic's password."""
    if not request.headers.get("Authorization"):
        return None
    given = request.authorization
    if given and given.type == "basic" and request.method in ("GET", "HEAD"):
        return given.password or ""
    return given.token or "" if given and given.type == "bearer" else ""


def _is_open(settings: Settings) -> bool:
    """Whether anyone may read."""
    if settings.anonymous_reading != "local":
        return settings.anonymous_reading == "yes"
    # A proxy on this machine turns the whole world into loopback: it shows by the setting, by an
    # address that is not ours, or by the headers that proxies add.
    return (
        _is_loopback(settings.host)
        and _is_loopback(request.remote_addr or "")
        and not settings.trusted_proxies
        and not settings.public_url
        and not any(name in request.headers for name in _FORWARDED)
    )


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unauthorised(why: str) -> Problem:
    challenge = 'Bearer realm="crossings"'
    if preferred(PROBLEM, HTML) == HTML:  # a browser asks its reader only so
        challenge = 'Basic realm="crossings", charset="UTF-8"'
    detail = f"{why}: Authorization: Bearer KEY, as `crossings keys create` makes it"
    return Problem(401, detail, headers={"WWW-Authenticate": challenge})


def _shown(presented: str) -> str:
    """As much of a key as may stand in a log: its prefix, and nothing of what is not a key."""
    prefix = presented[:20]
    return prefix if prefix.startswith("crossings_") and prefix.isascii() else "of another form"


class _Keys:
    """Looks keys up, and keeps those that were valid when the database was asked last."""

    def __init__(self, loader: IssueLoader) -> None:
        self._loader = loader
        self._seen: dict[str, tuple[Key, float]] = {}
        self._used: dict[int, float] = {}
        self._lock = threading.Lock()

    def lately(self, presented: str) -> tuple[Key, float] | None:
        """The key, if it was valid within the hour, and when that was."""
        with self._lock:
            remembered = self._seen.get(key_store.hashed(presented))
        is_recent = remembered and time.monotonic() - remembered[1] < _BELIEVED_SECONDS
        return remembered if is_recent else None

    def identify(self, presented: str) -> Key:
        """The key that is presented, if it is valid.

        Raises
        ------
        Problem
            401 when it is not.
        Unavailable
            When the database does not answer and the key was not valid lately.
        """
        key: Key | None
        name, seen = key_store.hashed(presented), time.monotonic()
        try:
            with self._loader.context.database.glancing() as connection:
                key = key_store.match(connection, presented)
        except Unavailable:
            remembered = self.lately(presented)
            if remembered is None:
                raise
            key, seen = remembered  # the hour is counted from the last answer of the database
        state = key.state(self._loader.clock()) if key else "not known"
        with self._lock:
            self._seen.pop(name, None)
            if key and state == "active":
                self._seen[name] = key, seen
            if len(self._seen) > _MOST_BELIEVED:
                del self._seen[next(iter(self._seen))]  # the one not seen for longest
        if key is None or state != "active":
            shown = _shown(presented)
            _log.warning("refused %s: the key is %s (%s…)", request.endpoint, state, shown)
            raise _unauthorised(f"the key is {state}")
        self._record_use(key)
        return key

    def _record_use(self, key: Key) -> None:
        """Record that `key` is used now, at most once a minute: no write for each request."""
        now = time.monotonic()
        with self._lock:
            if now - self._used.get(key.key_id, -_USED_SECONDS) < _USED_SECONDS:
                return
            self._used[key.key_id] = now
        try:
            with self._loader.context.database.writing(waits=False) as connection:
                key_store.touch(connection, key.key_id, self._loader.clock())
        except Unavailable as error:  # reading goes on; a minute later it is tried again
            _log.warning("the use of key %s was not recorded: %s", key.prefix, error)
