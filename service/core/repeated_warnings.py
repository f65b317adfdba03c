"""What would be said every few seconds while it lasts is said once."""

from __future__ import annotations

__all__ = ["over", "warn"]

import logging

_said: dict[str, str] = {}


def warn(log: logging.Logger, about: str, error: Exception | str) -> None:
    """Warn of `error`; a second time only for those who debug, until it differs or is over."""
    level = logging.DEBUG if _said.get(about) == str(error) else logging.WARNING
    log.log(level, "%s: %s", about, error)
    _said[about] = str(error)


def over(about: str) -> None:
    """Say that this went well."""
    _said.pop(about, None)
