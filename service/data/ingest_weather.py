"""Weather: what was, what was foreseen, and what is foreseen, into the store."""

from __future__ import annotations

__all__ = ["weather"]

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from service.core.clock import uk_day, utc_now
from service.core.context import Context
from service.core.job_runner import JobError, Outcome, perform
from service.data import openmeteo
from service.data import weather_store as store
from service.data.collect import fetcher, weather_service
from service.data.daily_weather import Weather
from service.data.openmeteo import Service
from service.data.source import SourceError
from service.data.weather_store import Told

_BEGIN = {"archive": dt.date(2018, 1, 1), "past_forecast": dt.date(2022, 9, 1)}
_PART_DAYS = 366
_ONE_DAY = dt.timedelta(days=1)
_WEEK = 7 * _ONE_DAY  # reanalysis is corrected, and its last days come late
Span = tuple[dt.date, dt.date]
Ask = Callable[[], Weather]


def weather(context: Context, period: str | None = None) -> Outcome:
    """Fetch what of the past is not stored yet, the coming week and the ensemble.

    Each part is stored by itself; the run fails when one could not be had, and the next one asks
    for that part again.

    Raises
    ------
    JobError
        When a part could not be fetched, or its form was broken.
    """
    if context.settings.weather == "off":
        return Outcome("skipped", "CROSSINGS_WEATHER is off")
    return perform(context, "weather", lambda _: _weather(context), period)


def _weather(context: Context) -> Outcome:
    stored, refusals = [], []
    for name, begin, ask in _parts(context, uk_day(utc_now())):
        try:
            told = _told(ask(), begin)
        except SourceError as error:
            refusals.append(error)
            continue
        with context.database.writing() as connection:
            if store.put(connection, told):
                stored.append(name)
    said = f"{', '.join(stored)} stored" if stored else "nothing new"
    if refusals:
        failed = "; ".join(dict.fromkeys(str(refusal) for refusal in refusals))
        raise JobError(f"{failed} ({said})") from refusals[0]
    return Outcome("done", f"weather: {said}", {"stored": stored})


def _parts(context: Context, today: dt.date) -> Iterator[tuple[str, dt.date | None, Ask]]:
    """What to ask for, and the day from which it is: the past, then the coming days."""
    ask, service = fetcher(context.settings), weather_service(context.settings)
    for kind, read in (
        ("archive", openmeteo.archive),
        ("past_forecast", openmeteo.past_forecasts),
    ):
        with context.database.reading() as connection:
            told = store.spans(connection, kind)
        for first, last in _untold(told, _BEGIN[kind], today - _ONE_DAY):
            yield f"{kind} {first} to {last}", first, _past(read, ask, service, first, last)
    yield "forecast", None, lambda: openmeteo.coming(ask, service)
    yield "ensemble", None, lambda: openmeteo.ensemble(ask, service)


def _untold(told: Sequence[Span], begin: dt.date, yesterday: dt.date) -> Iterator[Span]:
    """The days that were not told yet, a year at a time, and always the last week.

    Each part reaches a week into what lies before and after it. So the last week is asked again,
    and days of which the source knows nothing are told as missing amid others, once and for all.
    """
    for first, last in _holes(told, begin, yesterday):
        while first <= last:
            end = min(first + (_PART_DAYS - 1) * _ONE_DAY, last)
            yield max(first - _WEEK, begin), min(end + _WEEK, yesterday)
            first = end + _ONE_DAY


def _holes(told: Sequence[Span], begin: dt.date, yesterday: dt.date) -> Iterator[Span]:
    """First and last day of each stretch that was not told; the last one ends yesterday."""
    for first, last in told:
        yield begin, first - _ONE_DAY
        begin = max(begin, last + _ONE_DAY)
    yield min(begin, yesterday), yesterday


def _past(
    read: Callable[..., Weather],
    ask: object,
    service: Service,
    first: dt.date,
    last: dt.date,
) -> Ask:
    return lambda: read(ask, service, first, last)


def _told(found: Weather, begin: dt.date | None) -> Told:
    """The days as one block from the day `begin` on, NaN where one is missing."""
    first = min(begin or found.dates[0], found.dates[0])
    at = [(day - first).days for day in found.dates]
    values = np.full((len(found.values), at[-1] + 1, len(found.names)), np.nan)
    values[:, at] = found.values
    return Told(found.kind, found.names, first, values, found.made_at, found.fetched_at)
