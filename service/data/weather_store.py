"""Weather as it was told, under two clocks: the day it is of, and when it was told."""

from __future__ import annotations

__all__ = ["STALE_HOURS", "Past", "Told", "covariates", "newest", "past", "prune", "put", "spans"]

import datetime as dt
import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from forecast.covariates import CovariateTable
from service.core.tables import weather

STALE_HOURS = 36
"""A forecast of the weather that was last new longer ago is not used, and said to be old."""

_ENCODING = "float32-zlib"
_ONE_DAY = dt.timedelta(days=1)
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Told:
    """Daily covariates, told at one time.

    Attributes
    ----------
    kind : str
        ``archive``, ``past_forecast``, ``forecast`` or ``ensemble``.
    names : tuple of str
        One a column, with its unit.
    first : date
        UTC day of the first row.
    values : ndarray, shape (n_members, n_days, n_columns)
        NaN on days that were not told.
    made_at : datetime
        When the forecast was made.
    seen_at : datetime
        When it was read; of what is stored, when it was first read, though it was told again.
    """

    kind: str
    names: tuple[str, ...]
    first: dt.date
    values: Array
    made_at: dt.datetime
    seen_at: dt.datetime

    @property
    def last(self) -> dt.date:
        """UTC day of the last row."""
        return self.first + dt.timedelta(days=int(self.values.shape[1]) - 1)


class Past:
    """What was told, read and unpacked once for whoever asks as of many moments."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[sa.Row[tuple[object, ...]]]] = {}
        self._told: dict[int, Told] = {}

    def of(self, kind: str, as_of: dt.datetime | None) -> list[Told]:
        """All of a kind as of `as_of`, in the order in which it was read."""
        if kind not in self._rows:
            self._rows[kind] = list(self._connection.execute(_of(kind, None)))
        rows = self._rows[kind]
        return [self._one(row) for row in rows if as_of is None or row.first_seen_at <= as_of]

    def _one(self, row: sa.Row[tuple[object, ...]]) -> Told:
        number = int(row.weather_id)
        if number not in self._told:
            self._told[number] = _told(row)
        return self._told[number]


def put(connection: sa.Connection, told: Told) -> bool:
    """Store `told`; False when the same was told before."""
    content = np.ascontiguousarray(told.values, dtype="<f4").tobytes()
    head = f"{told.kind} {told.names} {told.first} {told.values.shape} "
    fingerprint = hashlib.sha256(head.encode() + content).hexdigest()
    there = sa.select(weather.c.weather_id).where(weather.c.fingerprint == fingerprint)
    if connection.execute(there).first():
        return False
    connection.execute(
        weather.insert().values(
            kind=told.kind,
            fingerprint=fingerprint,
            made_at=told.made_at,
            first_seen_at=told.seen_at,
            first_date=told.first,
            last_date=told.last,
            n_members=len(told.values),
            names=list(told.names),
            encoding=_ENCODING,
            content=zlib.compress(content, 6),
        )
    )
    return True


def newest(connection: sa.Connection, kind: str, as_of: dt.datetime | None = None) -> Told | None:
    """The last of a kind that was read, as of `as_of`; None when there is none."""
    query = _of(kind, as_of).order_by(None).order_by(weather.c.weather_id.desc()).limit(1)
    row = connection.execute(query).first()
    return _told(row) if row else None


def spans(connection: sa.Connection, kind: str) -> list[tuple[dt.date, dt.date]]:
    """First and last day of each stretch of days that were told of a kind, in order.

    A day that is missing amid the days of one telling is no hole: the source was asked for it.
    """
    first, last = weather.c.first_date, weather.c.last_date
    query = sa.select(first, last).where(weather.c.kind == kind).distinct().order_by(first)
    found: list[tuple[dt.date, dt.date]] = []
    for begin, end in connection.execute(query):
        if found and begin <= found[-1][1] + _ONE_DAY:
            begin, end = found[-1][0], max(found.pop()[1], end)
        found.append((begin, end))
    return found


def past(told: Past, kind: str, as_of: dt.datetime | None = None) -> Told | None:
    """All that was told of a kind as one: where days overlap, what was read last."""
    rows = told.of(kind, as_of)
    if not rows:
        return None
    first, last = min(one.first for one in rows), max(one.last for one in rows)
    values = np.full((1, (last - first).days + 1, len(rows[0].names)), np.nan)
    for one in rows:
        at = (one.first - first).days
        where = values[:, at : at + one.values.shape[1]]
        np.copyto(where, one.values[:1], where=np.isfinite(one.values[:1]))
    end = rows[-1]
    return Told(kind, end.names, first, values, end.made_at, end.seen_at)


def covariates(
    connection: sa.Connection,
    names: tuple[str, ...],
    around: dt.date,
    as_of: dt.datetime | None = None,
    told: Past | None = None,
) -> CovariateTable | None:
    """The columns `names` as models take them: one past, then what is foreseen.

    The past is what was foreseen at the time, where it is kept, and what was, before that: a
    model that learns from what was trusts a forecast too much. The days to come are the ensemble's
    members, and of columns that it does not know the forecast, the same for each member.

    Parameters
    ----------
    around : date
        The days told of without a gap before and after this one are taken; up to it at least
        they are the past.
    told : Past | None
        What was read before on this connection; None reads it.

    Returns
    -------
    CovariateTable | None
        None when nothing was told of `around`.
    """
    kinds = ("archive", "past_forecast", "forecast")
    told = told or Past(connection)
    parts = [one for kind in kinds if (one := past(told, kind, as_of))]
    if not parts or any(name not in one.names for one in parts for name in names):
        return None
    ahead = newest(connection, "forecast", as_of)
    members = newest(connection, "ensemble", as_of)
    first, last = min(one.first for one in parts), max(one.last for one in parts)
    if not first <= around <= last:
        return None
    # What an earlier forecast said of days that have passed since is part of the past.
    single = max(ahead.first - _ONE_DAY if ahead else last, around)
    if members and ahead and members.first < ahead.first:
        members = None  # the wind that it tells of is not that of the forecast's waves
    n_members = len(members.values) if members else 1
    table = np.full((n_members, (last - first).days + 1, len(names)), np.nan)
    for one in parts:
        _lay(table, one, names, first)
    if members:
        _lay(table, members, names, first, single + _ONE_DAY)
    return _whole(table, names, first, (single - first).days + 1, (around - first).days)


def prune(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete of what was foreseen and read before that moment all that says nothing since.

    As of that moment and any later one every answer is the same: the newest ensemble stays, and
    so does each forecast that was the last to tell of one of its days, as models learn from it.

    Returns
    -------
    int
        How many.
    """
    c, later = weather.c, weather.alias("later")
    old = sa.and_(c.kind == "ensemble", c.first_seen_at < before)
    last = sa.select(sa.func.max(c.weather_id)).where(old).scalar_subquery()
    gone = connection.execute(weather.delete().where(old, c.weather_id < last)).rowcount
    pairs = (
        sa.select(c.weather_id, sa.func.max(later.c.weather_id).label("later_id"))
        .join(
            later,
            sa.and_(
                later.c.kind == c.kind,
                later.c.weather_id > c.weather_id,
                later.c.first_seen_at < before,
                later.c.first_date <= c.first_date,
                later.c.last_date >= c.last_date,
            ),
        )
        .where(c.kind == "forecast", c.first_seen_at < before)
        .group_by(c.weather_id)
    )
    unsaid = []
    for pair in connection.execute(pairs).all():
        rows = sa.select(weather).where(c.weather_id.in_(tuple(pair))).order_by(c.weather_id)
        if _says_all(*connection.execute(rows)):
            unsaid.append({"number": pair.weather_id})
    if unsaid:
        connection.execute(weather.delete().where(c.weather_id == sa.bindparam("number")), unsaid)
    return int(gone) + len(unsaid)


def _says_all(row: sa.Row[tuple[object, ...]], later: sa.Row[tuple[object, ...]]) -> bool:
    """Whether `later`, which reaches as far, tells of every day and column that `row` tells of."""
    try:
        one, other = _told(row), _told(later)
    except (ValueError, zlib.error):  # nobody can read it, and whoever looks shall find it
        return False
    if one.names != other.names or len(one.values) != len(other.values):
        return False
    at = (one.first - other.first).days
    there = other.values[:, at : at + one.values.shape[1]]
    return bool((np.isfinite(there) | ~np.isfinite(one.values)).all())


def _lay(
    table: Array, one: Told, names: tuple[str, ...], first: dt.date, since: dt.date = dt.date.min
) -> None:
    """Lay what was told of days from `since` on over the table, as far as it reaches."""
    begin = max(first, one.first, since)
    at, skip = (begin - first).days, (begin - one.first).days
    for column, name in enumerate(names):
        if name not in one.names:
            continue
        values = one.values[:, skip:, one.names.index(name)][:, : max(table.shape[1] - at, 0)]
        where = table[:, at : at + values.shape[1], column]
        np.copyto(where, values, where=np.isfinite(values))


def _whole(
    table: Array, names: tuple[str, ...], first: dt.date, n_single: int, around: int
) -> CovariateTable | None:
    """Cut at the last day with a gap before the day `around`, and at the first one after it."""
    gaps = np.flatnonzero(~np.isfinite(table).all(axis=(0, 2)))
    begin = int(max(gaps[gaps <= around], default=-1)) + 1
    end = int(min(gaps[gaps > around], default=table.shape[1]))
    if begin > around:
        return None
    start = np.datetime64(first + begin * _ONE_DAY, "D")
    return CovariateTable(names, start, table[:, begin:end], min(n_single, end) - begin)


def _of(kind: str, as_of: dt.datetime | None) -> sa.Select[tuple[object, ...]]:
    query = sa.select(weather).where(weather.c.kind == kind).order_by(weather.c.weather_id)
    return query if as_of is None else query.where(weather.c.first_seen_at <= as_of)


def _told(row: sa.Row[tuple[object, ...]]) -> Told:
    if row.encoding != _ENCODING:
        raise ValueError(f"expected weather encoded as {_ENCODING}, found {row.encoding!r}")
    shape = row.n_members, (row.last_date - row.first_date).days + 1, len(row.names)
    values = np.frombuffer(zlib.decompress(row.content), dtype="<f4").reshape(shape)
    return Told(
        row.kind,
        tuple(row.names),
        row.first_date,
        values.astype(np.float64),
        row.made_at,
        row.first_seen_at,
    )
