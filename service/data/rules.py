"""Rules for published figures; notes are about unlikely but possible ones, which are accepted."""

__all__ = [
    "LARGEST_COUNT",
    "Row",
    "check_changes",
    "check_rows",
    "check_stamp",
    "check_steps",
    "check_weeks",
    "document",
    "is_possible",
    "is_revised",
]

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

from service.core.declared_series import Route
from service.data.source import BOATS, PEOPLE, UK, Counts, Document, SourceError

LARGEST_COUNT = 99_999
"""Far above any day or week so far; larger numbers are typing errors."""

_DAILY = (PEOPLE, BOATS)  # also fields of `Row`
_MOST_LIKELY_PER_BOAT = 120
_FREE_SHARE = 0.2
"""Limit for changes without "Revised", or the series' declared number if that is more."""

_LONGEST_DELAY_DAYS = 180
"""Documents are published within weeks of their last day; after this the year is wrong."""
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """One day, or the week ending on `date`, as stated by a source."""

    where: str
    date: dt.date
    people: int
    boats: int
    note: str = ""
    preventions: int | None = None


def is_possible(day: dt.date) -> bool:
    """Whether a date is plausible: others would break date arithmetic."""
    return 1900 <= day.year <= 2200


def is_revised(note: str) -> bool:
    """Whether the note beside a figure says that it was revised."""
    return note.strip().casefold().startswith("revised")


def document(
    source: str,
    name: str,
    rows: Sequence[Row],
    published_at: dt.datetime | None,
    today: dt.date,
    notes: Iterable[str] = (),
) -> Document:
    """Check the daily `rows` of a GOV.UK document; raises `SourceError`."""
    unlikely = check_rows(rows, today)
    published_at, more = check_stamp(published_at, rows[-1].date, today, name, UK)
    return Document(
        source=source,
        name=name,
        published_at=published_at,
        figures={series: {row.date: getattr(row, series) for row in rows} for series in _DAILY},
        revised=frozenset((s, row.date) for row in rows if is_revised(row.note) for s in _DAILY),
        notes=(*notes, *unlikely, *more),
    )


def check_steps(days: Iterable[tuple[str, dt.date]], step: dt.timedelta = _ONE_DAY) -> None:
    """Raise `SourceError` at the first of the `days` (with places) that is not consecutive."""
    for (_, before), (where, day) in pairwise(days):
        if day != before + step:
            later = "the day after" if step == _ONE_DAY else "a week after"
            raise SourceError(where, f"{before + step}, {later} {before}", str(day))


def check_rows(rows: Sequence[Row], today: dt.date) -> list[str]:
    """Check daily `rows`, and return notes on unlikely figures; raises `SourceError`."""
    check_steps((row.where, row.date) for row in rows)
    notes = []
    for row in rows:
        if row.date > today:
            raise SourceError(row.where, f"a day up to today, {today}", str(row.date))
        counts = _check_boats(row)
        if row.people > _MOST_LIKELY_PER_BOAT * row.boats:
            notes.append(
                f"{row.where}: {counts} on {row.date} are unlikely "
                f"(expected at most {_MOST_LIKELY_PER_BOAT} in each); taken as stated"
            )
    return notes


def _check_boats(row: Row) -> str:
    """Check the people and boats of a day or week; return them in words."""
    counts = f"{row.people} people in {row.boats} boats"
    if (row.people == 0) != (row.boats == 0):
        raise SourceError(row.where, "boats exactly when there are people", counts)
    if row.people < row.boats:
        raise SourceError(row.where, "at least as many people as boats", counts)
    return counts


def check_weeks(weeks: Sequence[Row], rows: Sequence[Row]) -> None:
    """Check weekly totals against the daily `rows`; raises `SourceError`."""
    days = {row.date: row for row in rows}
    check_steps(((week.where, week.date) for week in weeks), 7 * _ONE_DAY)
    for week in weeks:
        if week.date.weekday() != 6:
            ending = f"{week.date:%A} {week.date}"
            raise SourceError(week.where, "a week that ends on a Sunday", ending)
        if week.date not in days:
            expected = f"a week of the days {rows[0].date} to {rows[-1].date}"
            raise SourceError(week.where, expected, f"the week ending {week.date}")
        _check_boats(week)
        of_week = [days[day] for day in (week.date - n * _ONE_DAY for n in range(7)) if day in days]
        if len(of_week) < 7:  # the first week may start before the first day
            continue
        for name in _DAILY:
            stated, total = getattr(week, name), sum(getattr(row, name) for row in of_week)
            if stated != total:
                expected = f"{total} {name}, the sum of the days of the week"
                raise SourceError(week.where, expected, str(stated))


def check_stamp(
    published_at: dt.datetime | None, last: dt.date, today: dt.date, name: str, zone: ZoneInfo
) -> tuple[dt.datetime | None, list[str]]:
    """Check a document's publication time against its `last` day; raises `SourceError`.

    Returns the time, None if missing or implausible, and notes. Without a publication time the
    delay is measured up to `today` and only reported, as an old document may be read on purpose.
    """
    if published_at is None:
        days = (today - last).days
        note = f"{name}: its last day, {last}, is {days} days before today; taken as stated"
        return None, [note] if days > _LONGEST_DELAY_DAYS else []
    stated = f"{published_at:%Y-%m-%dT%H:%M:%SZ}"
    if not is_possible(published_at) or (day := published_at.astimezone(zone).date()) > today:
        raise SourceError(name, f"a publication time up to today, {today}", stated)
    if (day - last).days > _LONGEST_DELAY_DAYS:
        expected = f"a last day within {_LONGEST_DELAY_DAYS} days of the publication on {day}"
        raise SourceError(name, expected, str(last))
    # A page may show the time of an earlier version on the very day whose full count it gives.
    if day <= last:
        early = f"its publication time {stated} is before the end of {last}, which it covers"
        return None, [f"{name}: {early}; not used"]
    return published_at, []


def check_changes(document: Document, published: Mapping[str, Counts], route: Route) -> None:
    """Raise `SourceError` if a `published` figure changes too much without a note "Revised".

    A declared table must not lack a published day either.
    """
    for series_id, counts in published.items():
        figures = document.figures.get(series_id, {})
        for day, before in counts.items():
            where = f"{document.name}, {series_id} on {day}"
            if day not in figures and document.source == "declared":
                raise SourceError(where, f"{before} as published before", "no such day")
            if day not in figures or (series_id, day) in document.revised:
                continue
            free = max(route.series[series_id].change_without_note, _FREE_SHARE * before)
            if abs(figures[day] - before) > free:
                expected = f'{before} as published before, within {free:.0f}, or a note "Revised"'
                raise SourceError(where, expected, str(figures[day]))
