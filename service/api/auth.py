"""Authentication by a key in the Authorization header; anonymous reading where allowed.

All endpoints except `OPEN` require a key with scope ``read``; those in `OPERATE` require
``operate``, even locally. Keys are looked up in the database each time, so that revocation is
immediate. While it does not answer, a key is accepted that was found within the hour, so that
``/metrics`` can say so.
"""

__all__ = ["OPEN", "OPERATE", "register_auth"]

import datetime as dt
import ipaddress
import logging
import threading
from functools import lru_cache

from cachetools import TTLCache
from flask import Flask, g, request

from service.answers.issue_loader import IssueLoader
from service.api import key_store
from service.api.errors import Problem
from service.api.key_store import Key
from service.api.limits import Limits
from service.api.media_types import HTML, PROBLEM, preferred_type
from service.core.database import Unavailable
from service.core.settings import Settings

OPEN = frozenset(
    {
        *("health.livez", "health.readyz"),
        *("openapi.spec", "docs.page", "docs.reference", "docs.static", "page.static"),
        *("page.about", "page.icon"),
        *("subscriptions.form", "subscriptions.ask"),
        *("subscriptions.show_confirmation", "subscriptions.confirm"),
        *("subscriptions.show_leaving", "subscriptions.leave"),
    }
)
"""Endpoints without figures, which need no key."""
OPERATE = frozenset({"jobs.ask", "jobs.state"})
"""Endpoints that need a key of the scope ``operate``."""

_FORWARDED = {
    f"HTTP_{name}"
    for name in ("FORWARDED", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_REAL_IP", "VIA")
}
_USED = dt.timedelta(minutes=1)
_BELIEVED_SECONDS = 3600.0
_MOST_KEYS = 1024
_log = logging.getLogger(__name__)


def register_auth(app: Flask, limits: Limits) -> None:
    """Count each request against the limits, then look up its key, if it needs one."""
    loader: IssueLoader = app.extensions["loader"]
    found: TTLCache[str, Key] = TTLCache(_MOST_KEYS, _BELIEVED_SECONDS)
    lock = threading.Lock()

    def identify(presented: str) -> Key:
        name = key_store.hash_key(presented)
        with lock:
            earlier = found.get(name)
        limits.count(name, is_guess=earlier is None)
        try:
            with loader.context.database.reading() as connection:
                key = key_store.find_key(connection, presented)
        except Unavailable:
            if earlier is None:
                raise
            return _require_active(earlier, loader.clock())
        if key is not None:
            with lock:
                found[name] = key
        active = _require_active(key, loader.clock())
        _record_use(loader, active)
        return active

    def check() -> None:
        g.key = None
        is_for_all = request.endpoint in OPEN or request.method == "OPTIONS"
        presented = None if is_for_all else _presented_key()
        if presented is None:
            limits.count("", is_guess=False)
        else:
            g.key = identify(presented)
        if is_for_all:  # no key is needed, and so no database
            return
        must_operate = request.endpoint in OPERATE
        if g.key is None and (must_operate or not _is_open(loader.context.settings)):
            raise _unauthorised("expected a key")
        if must_operate and g.key.scope != "operate":
            _log.warning("refused %s: key %s may only read", request.endpoint, g.key.prefix)
            raise Problem(
                403, "expected a key with the scope operate, found one that may only read"
            )

    app.before_request(check)


def _presented_key() -> str | None:
    """Return the presented key: a bearer token or, for reading, the password of Basic."""
    if not request.headers.get("Authorization"):
        return None
    given = request.authorization
    if given and given.type == "basic" and request.method in ("GET", "HEAD"):
        return given.password or ""
    return given.token or "" if given and given.type == "bearer" else ""


def _is_open(settings: Settings) -> bool:
    """Whether anonymous reading is allowed."""
    if settings.anonymous_reading != "local":
        return settings.anonymous_reading == "yes"
    # Behind a proxy on this machine every client looks like loopback. A proxy is detected by the
    # settings, by a foreign address, or by the headers that proxies add.
    return (
        _is_loopback(settings.host)
        and _is_loopback(request.remote_addr or "")
        and not settings.trusted_proxies
        and not settings.public_url
        and _FORWARDED.isdisjoint(request.environ)
    )


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unauthorised(why: str) -> Problem:
    challenge = 'Bearer realm="crossings"'
    if preferred_type(PROBLEM, HTML) == HTML:  # else a browser does not prompt
        challenge = 'Basic realm="crossings", charset="UTF-8"'
    detail = f"{why}: Authorization: Bearer KEY, with a key from `crossings keys create`"
    return Problem(401, detail, headers={"WWW-Authenticate": challenge})


def _require_active(key: Key | None, now: dt.datetime) -> Key:
    """Return `key` if it is valid, otherwise raise `Problem` 401."""
    state = key.state(now) if key else "not known"
    if key is None or state != "active":
        shown = f" ({key.prefix})" if key else ""
        _log.warning("refused %s: the key is %s%s", request.endpoint, state, shown)
        raise _unauthorised(f"the key is {state}")
    return key


def _record_use(loader: IssueLoader, key: Key) -> None:
    """Record the use of `key`, at most once a minute and only if nothing else is writing."""
    now = loader.clock()
    if key.last_used_at and now - key.last_used_at < _USED:
        return
    try:
        with loader.context.database.writing(waits=False) as connection:
            key_store.record_use(connection, key.key_id, now)
    except Unavailable as error:
        _log.debug("the use of key %s was not recorded: %s", key.prefix, error)
