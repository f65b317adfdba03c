"""Log a repeated warning once."""

from __future__ import annotations

__all__ = ["over", "warn"]

import logging

_last_logged: dict[str, str] = {}


def warn(log: logging.Logger, about: str, error: Exception | str) -> None:
    """Log `error` as a warning; log the same error again at debug level until `over`."""
    level = logging.DEBUG if _last_logged.get(about) == str(error) else logging.WARNING
    log.log(level, "%s: %s", about, error)
    _last_logged[about] = str(error)


def over(about: str) -> None:
    """Record that `about` succeeded, so that its next error is a warning again."""
    _last_logged.pop(about, None)
