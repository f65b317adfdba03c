"""Shared by all tables: the type of moments, the names of constraints, and two shorthands."""

__all__ = ["Instant", "metadata", "table", "unique_while"]

import datetime as dt
from typing import Any

import sqlalchemy as sa


class Instant(sa.TypeDecorator[dt.datetime]):
    """A moment in UTC, time zone aware in Python even where the database stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Refuse a naive moment; store UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"expected a moment with a time zone, found {value}")
        return value and value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Return UTC."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=dt.UTC)
        return value and value.astimezone(dt.UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    """Declare a table of this service."""
    return sa.Table(name, metadata, *parts, **options)


def unique_while(condition: str, name: str, *columns: str) -> sa.Index:
    """Declare that `columns` are unique among the rows that meet `condition`."""
    where = sa.text(condition)
    return sa.Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)
