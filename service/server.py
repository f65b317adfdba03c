"""gunicorn, set up by our settings."""

from __future__ import annotations

__all__ = ["serve"]

from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from service.app import create_app
from service.context import open_context
from service.settings import Settings


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, make: Callable[[Settings], Any]) -> None:
        self.settings = settings
        self.make = make
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": self.settings.bind,
            "workers": self.settings.workers,
            "threads": self.settings.threads,
            "worker_class": "gthread",
            "timeout": 30,
            "graceful_timeout": 10,
            "keepalive": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            # A request line and headers larger than any of ours are refused at once.
            "limit_request_line": 4094,
            "limit_request_fields": 50,
            "limit_request_field_size": 4096,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application in the worker: database connections do not survive a fork."""
        return self.make(self.settings)


def serve(settings: Settings, make: Callable[[Settings], Any] | None = None) -> None:
    """Serve until told to stop.

    Parameters
    ----------
    make : callable
        Makes the WSGI application in each worker; ours unless given.
    """
    _Server(settings, make or (lambda own: create_app(open_context(own)))).run()
