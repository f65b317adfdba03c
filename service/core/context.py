"""What every job and every answer is handed: the settings and the database."""

from __future__ import annotations

__all__ = ["Context", "open_context"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.core.database import Database
    from service.core.settings import Settings


@dataclass(frozen=True)
class Context:
    """The settings, and the database they name."""

    settings: Settings
    database: Database


def open_context(settings: Settings) -> Context:
    """Open the database that `settings` name and bring its schema to this version."""
    from service.core.database import connect  # the help of a command opens no database

    database = connect(settings.database)
    database.migrate()
    return Context(settings, database)
