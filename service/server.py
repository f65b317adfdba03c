"""gunicorn, set up by our settings."""

from __future__ import annotations

__all__ = ["serve"]

from typing import Any

from gunicorn.app.base import BaseApplication

from service.app import create_app
from service.context import open_context
from service.settings import Settings


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
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
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application in the worker: database connections do not survive a fork."""
        return create_app(open_context(self.settings))


def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    _Server(settings).run()
