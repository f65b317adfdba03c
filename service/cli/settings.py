"""The settings and the database of a command while it runs; its help needs neither."""

from __future__ import annotations

__all__ = ["open_for_command", "pass_settings"]

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from service.core.context import Context
    from service.core.settings import Settings


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


def open_for_command(settings: Settings) -> Context:
    """Open the database that `settings` name until the command ends."""
    from service.core.context import open_context

    context = open_context(settings)
    click.get_current_context().call_on_close(context.database.close)
    return context
