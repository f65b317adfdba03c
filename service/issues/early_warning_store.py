"""Early warnings given, each once, whoever received it."""

__all__ = ["EarlyWarning", "insert_warnings", "list_warnings"]

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from service.core.tables import early_warnings


@dataclass(frozen=True)
class EarlyWarning:
    """A warning that the sum of some days may exceed a threshold."""

    made_on: dt.date
    window_days: int  # 1: any one of the days; more: their total
    threshold: int
    first_date: dt.date
    last_date: dt.date
    p: float  # the stated chance
    route: str


def insert_warnings(connection: sa.Connection, warnings: Iterable[EarlyWarning]) -> None:
    """Store the warnings of a day."""
    rows = [asdict(one) for one in warnings]
    if rows:
        connection.execute(early_warnings.insert(), rows)


def list_warnings(connection: sa.Connection, route: str) -> list[EarlyWarning]:
    """Return every warning about `route`."""
    query = sa.select(early_warnings).where(early_warnings.c.route == route)
    return [EarlyWarning(**row._mapping) for row in connection.execute(query)]
