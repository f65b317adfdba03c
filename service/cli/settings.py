"""The settings that a command is given when it runs; its help needs none."""

from __future__ import annotations

__all__ = ["pass_settings"]

from collections.abc import Callable
from functools import wraps
from typing import Any


def pass_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Call `command` with the settings first, and with the log set up by them."""

    @wraps(command)
    def call(*arguments: Any, **options: Any) -> Any:
        from service.core import logs
        from service.core.settings import load

        settings = load()
        logs.configure(settings.log_level, settings.log_format, settings.secrets())
        return command(settings, *arguments, **options)

    return call
