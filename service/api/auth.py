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
from base64 import b64decode
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
    uses, seen = _Uses(), _Seen()

    def note() -> None:
        g.key, g.refused = None, ""
        g.presented = None if _is_for_all() else _presented()
        is_presented = g.presented is not None
        g.key_hash = key_store.hashed(g.presented) if is_presented else ""
        g.is_guess = is_presented and seen.lately(g.presented) is None

    def identify() -> None:
        if g.presented is None:
            return
        loader: IssueLoader = app.extensions["loader"]
        key = seen.look_up(loader, g.presented)
        state = key.state(loader.clock()) if key else "not known"
        if key is None or state != "active":
            g.refused = f"the key is {state}"
            _log.warning("refused %s: %s (%s…)", request.endpoint, g.refused, _shown(g.presented))
            return
        g.key = key
        uses.note(loader, key)

    def require() -> None:
        if _is_for_all():
            return
        identify()
        settings = app.extensions["loader"].context.settings
        if g.key is None:
            if g.refused or request.endpoint in OPERATE or not _is_open(settings):
                raise _unauthorised(g.refused or "expected a key")
        elif request.endpoint in OPERATE and g.key.scope != "operate":
            _log.warning("refused %s: key %s may only read", request.endpoint, g.key.prefix)
            raise Problem(403, "expected a key of the scope operate, found one that may read")

    app.extensions["require"] = require
    app.before_request(note)


def _is_for_all() -> bool:
    """Whether no key is wanted, and so no database."""
    return request.endpoint in OPEN or request.method == "OPTIONS"


def _presented() -> str | None:
    """The key that is presented: after Bearer, or, for browsers that read, as Basic's password."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic" and request.method in ("GET", "HEAD"):
        try:
            return b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
        except ValueError:
            return ""
    return "" if scheme else None


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


class _Seen:
    """Looks keys up, and keeps those that were valid when the database was asked last."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[Key, float]] = {}
        self._lock = threading.Lock()

    def lately(self, presented: str) -> Key | None:
        """The key, if it was valid within the hour."""
        name = key_store.hashed(presented)
        with self._lock:
            key, seen = self._keys.get(name, (None, 0.0))
        return key if time.monotonic() - seen < _BELIEVED_SECONDS else None

    def look_up(self, loader: IssueLoader, presented: str) -> Key | None:
        """The key that is presented, valid or not; None when it is none of ours.

        Raises
        ------
        Unavailable
            When the database does not answer and the key was not valid lately.
        """
        try:
            with loader.context.database.glancing() as connection:
                key = key_store.match(connection, presented)
        except Unavailable:
            believed = self.lately(presented)
            if believed is None:
                raise
            return believed
        is_valid = key is not None and key.state(loader.clock()) == "active"
        self._note(presented, key if is_valid else None)
        return key

    def _note(self, presented: str, valid: Key | None) -> None:
        name = key_store.hashed(presented)
        with self._lock:
            self._keys.pop(name, None)
            if valid is not None:
                self._keys[name] = valid, time.monotonic()
            if len(self._keys) > _MOST_BELIEVED:
                del self._keys[next(iter(self._keys))]  # the one not seen for longest


class _Uses:
    """Records when a key was used last, at most once a minute: no write for each request."""

    def __init__(self) -> None:
        self._noted: dict[int, float] = {}
        self._lock = threading.Lock()

    def note(self, loader: IssueLoader, key: Key) -> None:
        """Record that `key` is used now, unless that was just done."""
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(key.key_id, -_USED_SECONDS) < _USED_SECONDS:
                return
            self._noted[key.key_id] = now
        try:
            with loader.context.database.writing(waits=False) as connection:
                key_store.touch(connection, key.key_id, loader.clock())
        except Unavailable as error:  # reading goes on; a minute later it is tried again
            _log.warning("the use of key %s was not recorded: %s", key.prefix, error)
