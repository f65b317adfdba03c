"""Ingest: the newest figures, into the store."""

from __future__ import annotations

__all__ = ["ingest"]

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

from forecast.joint import SERIES
from forecast.series import DailySeries, as_date
from service.clock import uk_day, utc_now
from service.context import Context
from service.jobs.record import JobError, Outcome, perform
from service.sources import csv, figures
from service.sources.base import SourceError
from service.store import observations
from service.store.observations import Figure


def ingest(
    context: Context, source: str | None = None, file: Path | None = None, period: str | None = None
) -> Outcome:
    """Read a source whole and store what is new or revised, in one transaction.

    Parameters
    ----------
    source : str | None
        ``figures`` or ``csv``; None: the one that the settings name.
    file : Path | None
        The file of the source ``csv``.

    Raises
    ------
    JobError
        When the source is refused; nothing is stored then.
    """
    name = source or context.settings.source
    return perform(context, "ingest", lambda _: _ingest(context, name, file), period)


def _ingest(context: Context, source: str, file: Path | None) -> Outcome:
    try:
        series = _from_file(file) if file else figures.read()
    except SourceError as error:
        raise JobError(str(error)) from error
    with context.database.writing() as connection:
        stored = observations.record(
            connection, _figures(series, source), utc_now(), assume_known=True
        )
    through = max(one.data_through for one in series.values())
    reason = (
        f"{stored.new} new, {stored.revised} revised, {stored.unchanged} unchanged "
        f"from {source}, through {through}"
    )
    return Outcome("done", reason, {"source": source, "new": stored.new, "revised": stored.revised})


def _from_file(file: Path) -> dict[str, DailySeries]:
    """The series of a CSV file, which may hold anything that somebody wrote."""
    series = csv.read(file, SERIES[:1])
    if not set(series) <= set(SERIES):
        allowed = ", ".join(("date", *SERIES))
        raise SourceError(f"{file}, row 1", f"only the columns {allowed}", ", ".join(series))
    today, last = uk_day(utc_now()), as_date(series[SERIES[0]].data_through)
    if last > today:
        raise SourceError(str(file), f"days up to {today}", str(last))
    return series


def _figures(series: Mapping[str, DailySeries], source: str) -> Iterator[Figure]:
    for series_id, one in series.items():
        first = as_date(one.start)
        for day, value in enumerate(one.values.tolist()):
            yield Figure(series_id, first + dt.timedelta(days=day), value, source)
