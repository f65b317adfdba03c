"""What every job and answer needs: the settings, the database and the enabled routes."""

from __future__ import annotations

__all__ = ["Context", "open_context"]

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.core.database import Database
    from service.core.declared_series import Route
    from service.core.settings import Settings


@dataclass(frozen=True)
class Context:
    """The settings, the database they name and the enabled routes, read once.

    `route` is the route of this context: the first enabled one unless another is given.
    """

    settings: Settings
    database: Database
    routes: tuple[Route, ...] = field(default=(), compare=False)
    route: Route = field(default=None, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if not self.routes:
            # Command help needs no routes.
            from service.core.route_files import enabled_routes

            routes = enabled_routes(self.settings.series_dir, self.settings.routes)
            object.__setattr__(self, "routes", routes)
        if self.route is None:
            object.__setattr__(self, "route", self.routes[0])

    @property
    def reads_weather(self) -> bool:
        """Whether weather is read for this route."""
        return self.settings.reads_weather and bool(self.route.weather_points)

    @property
    def to_route(self) -> dict[str, str]:
        """Query parameters of a link to the pages of this route; none for the first."""
        return {} if self.route is self.routes[0] else {"series": self.route.leading}

    def for_route(self, route: Route) -> Context:
        """Return a copy for another route."""
        return replace(self, route=route)

    def each_route(self) -> Iterator[Context]:
        """Yield a copy for each enabled route."""
        return map(self.for_route, self.routes)


def open_context(settings: Settings) -> Context:
    """Open the database that `settings` name and migrate its schema to this version.

    Raises `DatabaseError` if the database cannot be used by this version, `RegistryError` if the
    declared routes are invalid.
    """
    from service.core.database import connect  # command help loads no database

    context = Context(settings, connect(settings.database))
    try:
        context.database.migrate()
    except BaseException:
        context.database.close()
        raise
    return context
