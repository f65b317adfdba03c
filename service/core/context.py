"""What every job and every answer is handed: settings, database and declared series."""

from __future__ import annotations

__all__ = ["Context", "open_context"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.core.database import Database
    from service.core.declared_series import Route
    from service.core.settings import Settings


@dataclass(frozen=True)
class Context:
    """The settings, the database they name and the series that they declare, read once."""

    settings: Settings
    database: Database
    route: Route = field(init=False, compare=False)

    def __post_init__(self) -> None:
        from service.core.declared_series import read_route  # the help of a command reads nothing

        object.__setattr__(self, "route", read_route(self.settings.series_dir))


def open_context(settings: Settings) -> Context:
    """Open the database that `settings` name and bring its schema to this version.

    Raises
    ------
    DatabaseError
        If there is none that this version can use.
    RegistryError
        If the declared series do not hold.
    """
    from service.core.database import connect  # the help of a command opens no database

    context = Context(settings, connect(settings.database))
    try:
        context.database.migrate()
    except BaseException:
        context.database.close()
        raise
    return context
