"""Store weather: the past and the ensemble forecast."""

__all__ = ["weather"]

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial

from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError, Outcome, run_job
from service.data import openmeteo
from service.data import weather_store as store
from service.data.collect import weather_service
from service.data.covariates import why_no_weather
from service.data.daily_weather import WeatherReading
from service.data.source import SourceError, Unreachable

_BEGIN = dt.date(2018, 1, 1)
_PART_DAYS = 366
_ONE_DAY = dt.timedelta(days=1)
_WEEK = 7 * _ONE_DAY  # the reanalysis of recent days is late
Ask = Callable[[], list[WeatherReading]]


def weather(context: Context, period: str | None = None) -> Outcome:
    """Fetch the forecast, and the past days since the last stored one.

    Each part is stored separately, and an invalid one does not stop the others, but the archive is
    read in order of its days. After a limit or no answer there are no more requests this time.
    Raises `JobError` if any part failed.
    """
    if not context.reads_weather:
        return Outcome("skipped", why_no_weather(context))
    return run_job(context, "weather", lambda _: _weather(context), period)


def _weather(context: Context) -> Outcome:
    stored: dict[str, None] = {}
    errors: dict[str, SourceError] = {}
    for name, ask in _parts(context, context.route.day(utc_now())):
        if name in errors:
            continue
        try:
            readings = ask()
        except SourceError as error:
            errors[name] = error
            if isinstance(error, Unreachable):
                break  # further requests would prolong a limit
            continue
        with context.database.writing() as connection:
            if sum(store.save_reading(connection, context.route, reading) for reading in readings):
                stored[name] = None
    result = f"{', '.join(stored)} stored" if stored else "nothing new"
    if errors:
        reasons = list(errors.values())
        raise JobError(f"{'; '.join(map(str, reasons))} ({result})") from reasons[0]
    return Outcome("done", f"weather: {result}", {"stored": list(stored)})


def _parts(context: Context, today: dt.date) -> Iterator[tuple[str, Ask]]:
    """Yield the requests: forecast inputs first, then the waves, which are only shown."""
    service = weather_service(context.settings, context.route)
    yield "ensemble", partial(openmeteo.ensemble, service)
    with context.database.reading() as connection:
        read = store.get_last_read(connection, context.route, "archive")
    begin = read[1] if read else _BEGIN
    for number in range(begin.toordinal(), today.toordinal(), _PART_DAYS):
        day = dt.date.fromordinal(number)
        last = min(day + (_PART_DAYS - 1) * _ONE_DAY, today - _ONE_DAY)
        yield "archive", partial(openmeteo.archive, service, max(day - _WEEK, _BEGIN), last)
    yield "waves", partial(openmeteo.waves, service)
