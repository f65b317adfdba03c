"""Whether the port is free, told before any work."""

from __future__ import annotations

__all__ = ["require_free"]

import socket
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.core.settings import Settings


def require_free(settings: Settings) -> None:
    """Find out before the fits, not after, that the port is taken.

    Raises
    ------
    click.ClickException
        In one line, when the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"{settings.bind}: {error.strerror}; choose another with CROSSINGS_HOST and "
                "CROSSINGS_PORT"
            ) from error
