"""Weather readings with two dates: the days they are for, and when they were first read."""

from __future__ import annotations

__all__ = [
    "STALE_HOURS",
    "WeatherReadings",
    "get_last_read",
    "save_reading",
]

import datetime as dt
import hashlib
import zlib
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from service.core.database import Connection, insert
from service.core.declared_series import Route
from service.core.tables import weather
from service.data.daily_weather import WeatherReading

STALE_HOURS = 36
"""A weather forecast that has not changed for longer is old and not used."""


class WeatherReadings:
    """Weather readings, unpacked once for queries about many moments."""

    def __init__(self, connection: Connection, route: Route) -> None:
        self.connection, self.route = connection, route
        self._heads: dict[str, tuple[list[dt.datetime], list[int]]] = {}
        self._unpacked: dict[int, WeatherReading] = {}

    def between(self, kind: str, after: dt.datetime, until: dt.datetime) -> list[WeatherReading]:
        """Return the readings of a kind first read within that time, in order."""
        moments, numbers = self._of(kind)
        return self._load(numbers[bisect_right(moments, after) : bisect_right(moments, until)])

    def newest_at(self, kind: str, moment: dt.datetime) -> WeatherReading | None:
        """Return the latest reading of a kind as of `moment`; None if missing or old."""
        return self.newest_at_each(kind, [moment])[0]

    def newest_at_each(
        self, kind: str, moments: Sequence[dt.datetime]
    ) -> list[WeatherReading | None]:
        """Return `newest_at` each of the `moments`, in one query."""
        seen, numbers = self._of(kind)
        found = []
        for moment in moments:
            at = bisect_right(seen, moment) - 1
            is_fresh = at >= 0 and moment - seen[at] <= dt.timedelta(hours=STALE_HOURS)
            found.append(numbers[at] if is_fresh else None)
        self._load([number for number in found if number is not None])
        return [None if number is None else self._unpacked[number] for number in found]

    def _of(self, kind: str) -> tuple[list[dt.datetime], list[int]]:
        """Return when each reading of a kind was first read, in order, and its id."""
        if kind not in self._heads:
            seen, number = weather.c.first_seen_at, weather.c.weather_id
            is_of = sa.and_(weather.c.route == self.route.name, weather.c.kind == kind)
            query = sa.select(seen, number).where(is_of).order_by(seen, number)
            rows = self.connection.execute(query).all()
            self._heads[kind] = [row[0] for row in rows], [row[1] for row in rows]
        return self._heads[kind]

    def _load(self, numbers: list[int]) -> list[WeatherReading]:
        lacking = set(numbers) - self._unpacked.keys()
        query = sa.select(weather).where(weather.c.weather_id.in_(lacking))
        for row in self.connection.execute(query) if lacking else ():
            self._unpacked[int(row.weather_id)] = _unpack(row)
        return [self._unpacked[number] for number in numbers]


def save_reading(connection: Connection, route: Route, reading: WeatherReading) -> bool:
    """Store `reading`; False if the same was read before."""
    content = np.ascontiguousarray(reading.values, dtype="<f4").tobytes()
    head = f"{route.name} {reading.kind} {reading.names} {reading.first} {reading.values.shape} "
    fingerprint = hashlib.sha256(head.encode() + content).hexdigest()
    query = insert(connection, weather).on_conflict_do_nothing(index_elements=["fingerprint"])
    stored = connection.execute(
        query.values(
            route=route.name,
            kind=reading.kind,
            fingerprint=fingerprint,
            first_seen_at=reading.read_at,
            first_date=reading.first,
            last_date=reading.last,
            n_members=len(reading.values),
            names=list(reading.names),
            content=zlib.compress(content, 6),
        ).returning(weather.c.weather_id)
    )
    return stored.first() is not None


def get_last_read(
    connection: Connection, route: Route, kind: str, as_of: dt.datetime | None = None
) -> tuple[dt.datetime, dt.date] | None:
    """Return when the newest reading of a kind was made, and its last day; None without one."""
    c = weather.c
    query = sa.select(c.first_seen_at, c.last_date).where(c.route == route.name, c.kind == kind)
    if as_of is not None:
        query = query.where(c.first_seen_at <= as_of)
    query = query.order_by(c.first_seen_at.desc(), c.weather_id.desc())
    row = connection.execute(query.limit(1)).first()
    return (row.first_seen_at, row.last_date) if row else None


def _unpack(row: sa.Row[tuple[object, ...]]) -> WeatherReading:
    """Unpack a reading; raise ValueError if the stored bytes are damaged."""
    shape = row.n_members, (row.last_date - row.first_date).days + 1, len(row.names)
    try:
        content = zlib.decompress(row.content)
    except zlib.error as error:
        raise ValueError(f"expected packed weather of {row.first_date}, found {error}") from error
    values = np.frombuffer(content, dtype="<f4").reshape(shape).astype(np.float64)
    return WeatherReading(row.kind, tuple(row.names), row.first_date, values, row.first_seen_at)
