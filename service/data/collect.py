"""What a source has to say: documents, each whole, and refusals, each with its reason."""

from __future__ import annotations

__all__ = [
    "SOURCES",
    "Gathered",
    "check_source",
    "check_weather",
    "fetcher",
    "gather",
    "prune",
    "read_once",
    "weather_fetcher",
    "weather_service",
]

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from forecast.series import DailySeries, as_date
from service.core.clock import utc_now
from service.core.context import Context
from service.core.declared_series import Route
from service.core.declared_source import GovUk, Table
from service.core.settings import Settings
from service.data import (
    csv_rows,
    declared_table,
    figures_csv,
    govuk,
    govuk_page,
    govuk_workbook,
    openmeteo,
    raw_documents,
    rules,
)
from service.data.csv_rows import CsvFile
from service.data.fetcher import Fetcher, Response
from service.data.govuk import Site, Validators
from service.data.openmeteo import Service
from service.data.size_limits import LARGEST_WORKBOOK, read_file
from service.data.source import Document, SourceError

SOURCES = ("figures", "declared", "workbook", "page", "csv")
"""``declared``: what the route declares; ``workbook``, ``page`` and ``csv`` are from a file."""

_PARSERS: dict[str, Callable[[bytes, str, dt.date], Document]] = {
    "workbook": govuk_workbook.read,
    "page": govuk_page.read,
}
_SUFFIXES = {"workbook": ".ods", "page": ".html"}


@dataclass(frozen=True)
class Gathered:
    """What came of it; see `service.data.govuk.Published`."""

    documents: tuple[Document, ...]
    refusals: tuple[SourceError, ...] = ()
    validators: Mapping[str, Validators] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()


def gather(
    context: Context,
    source: str,
    file: CsvFile | Path | None,
    today: dt.date,
    known: Mapping[str, Validators],
    is_kept: bool = True,
) -> Gathered:
    """Read `source`, one of `SOURCES`.

    Parameters
    ----------
    file : Path | None
        For a source that is read from a file.
    today : date
        The present day of the route.
    known : mapping of address to (etag, last_modified)
        What sites said of their last answers.
    is_kept : bool
        Whether the bytes are kept as they came.
    """
    settings, declared = context.settings, context.route.source

    def keep(content: bytes, suffix: str) -> None:
        if is_kept:
            raw_documents.keep(_raw_folder(settings), content, suffix)

    if source == "declared" and isinstance(declared, GovUk):
        found = govuk.read(fetcher(settings), _govuk_site(settings), today, keep, known)
        return Gathered(found.documents, found.refusals, found.validators, found.unchanged)
    try:
        if source == "declared" and isinstance(declared, Table):
            return _declared(settings, context.route, declared, today, keep, known)
        return Gathered((_one(context, source, file, today, is_kept),))
    except SourceError as error:
        return Gathered((), (error,))


def check_source(settings: Settings, route: Route) -> str:
    """Ask the source of the route once, if it is read; raises `SourceError`."""
    source = route.source
    if settings.source != "declared":
        return "not read: CROSSINGS_SOURCE is figures"
    if source is None or not route.is_followed:
        return "a file, which asks nobody"
    once = fetcher(settings, attempts=1)
    if isinstance(source, GovUk):
        return f"{govuk.reach(once, _govuk_site(settings))} answers"
    _fetched(once, source)
    return f"{source.address} answers"


def read_once(settings: Settings, route: Route, today: dt.date) -> Document:
    """Read the table that the route declares, and keep nothing; raises `SourceError`.

    Of a route that declares no table, the figures that are there without any network.
    """
    if not isinstance(route.source, Table):
        return _figures(route, today)
    found = _declared(settings, route, route.source, today, lambda *_: None, {})
    return found.documents[0]


def check_weather(settings: Settings, route: Route) -> str:
    """Ask Open-Meteo once, if it is read, and return the result; raises `SourceError`."""
    if not (settings.reads_weather and route.weather_points):
        return "not read (CROSSINGS_WEATHER, and the points that the route declares)"
    once = fetcher(settings, attempts=1)
    members, _ = openmeteo.ensemble(once, weather_service(settings, route))
    return f"answers, through {members.last}"


def _govuk_site(settings: Settings) -> Site:
    return Site(settings.govuk_url.rstrip("/"), settings.govuk_assets_url.rstrip("/"))


def weather_service(settings: Settings, route: Route) -> Service:
    """The weather service that the settings name, asked about the points of `route`."""
    return Service(
        route.weather_points, settings.weather_url, settings.weather_key.get_secret_value()
    )


def weather_fetcher(settings: Settings) -> Fetcher:
    """The same, but a limit is not asked again before the next time at which weather is read."""
    usual = fetcher(settings)
    return replace(usual, passing=usual.passing - {429})


def fetcher(settings: Settings, attempts: int | None = None) -> Fetcher:
    """The fetcher that `settings` describe; `attempts` in place of theirs."""
    return Fetcher(
        contact=settings.agent_contact or settings.public_url,
        attempts=attempts or settings.fetch_attempts,
        connect_seconds=min(5.0, settings.fetch_seconds),
        read_seconds=min(15.0, settings.fetch_seconds),
        attempt_seconds=settings.fetch_seconds,
        longest_wait_seconds=settings.fetch_wait_seconds,
        all_seconds=settings.fetch_attempts * (settings.fetch_seconds + 30)
        + settings.fetch_wait_seconds,
    )


def _raw_folder(settings: Settings) -> Path:
    """Where the bytes are kept as they came."""
    return settings.var_dir / "raw"


def _one(
    context: Context, source: str, file: CsvFile | Path | None, today: dt.date, is_kept: bool
) -> Document:
    if source in ("figures", "declared"):  # the latter of a route that declares none
        return _figures(context.route, today)
    assert file is not None  # the command asks for it
    if source == "csv":
        return _from_csv(context.route, CsvFile.of(file), today)
    assert isinstance(file, Path)
    content = read_file(file, LARGEST_WORKBOOK)  # the larger of the two kinds of files
    if is_kept:
        raw_documents.keep(_raw_folder(context.settings), content, _SUFFIXES[source])
    return _PARSERS[source](content, str(file), today)


def _declared(
    settings: Settings,
    route: Route,
    table: Table,
    today: dt.date,
    keep: Callable[[bytes, str], object],
    known: Mapping[str, Validators],
) -> Gathered:
    """Read the table that the route declares, from its file or its address."""
    if table.file:
        path = route.folder / table.file
        content = read_file(path, csv_rows.LARGEST_BYTES)
        return Gathered((declared_table.read(content, path.name, route, today),))
    answer = _fetched(fetcher(settings), table, known.get(table.address, (None, None)))
    if answer.is_unchanged:
        return Gathered((), unchanged=(table.address,))
    keep(answer.content, f".{table.kind}")
    document = declared_table.read(answer.content, table.address, route, today)
    return Gathered((document,), (), {table.address: (answer.etag, answer.last_modified)})


def _fetched(how: Fetcher, table: Table, validators: Validators = (None, None)) -> Response:
    kinds = declared_table.MEDIA_TYPES[table.kind]
    etag, last_modified = validators
    return how.get(
        table.address, kinds, csv_rows.LARGEST_BYTES, etag=etag, last_modified=last_modified
    )


def _figures(route: Route, today: dt.date) -> Document:
    """Read the figures that are there without any network."""
    if route.figures:
        path = route.folder / route.figures
        content = read_file(path, csv_rows.LARGEST_BYTES)
        series = figures_csv.read_bytes(content, path.name, (route.leading,), route.forecast)
        return _document("figures", "embedded figures", series)
    if isinstance(route.source, Table) and route.source.file:
        path = route.folder / route.source.file
        content = read_file(path, csv_rows.LARGEST_BYTES)
        return replace(declared_table.read(content, path.name, route, today), source="figures")
    raise SourceError(f"{route.name}.toml", "a file of figures beside the declaration", "none")


def _from_csv(route: Route, file: CsvFile, today: dt.date) -> Document:
    """Read a CSV file that a person wrote, and hold it to the rules of every source."""
    series = figures_csv.read(file, (route.leading,), route.forecast)
    last = as_date(series[route.leading].data_through)
    if last > today:
        raise SourceError(str(file), f"days up to {today}", str(last))
    document = _document("csv", str(file), series)
    notes = _check_counts(route, document, today)
    _, more = rules.check_stamp(None, last, today, document.name, route.zone)
    return replace(document, notes=(*notes, *more))


def _check_counts(route: Route, document: Document, today: dt.date) -> list[str]:
    """Hold the counts to the rules, each series that follows to the leading one."""
    for series_id, counts in document.figures.items():
        for day, value in counts.items():
            if value > rules.LARGEST_COUNT:
                where = f"{document.name}, {series_id} on {day}"
                raise SourceError(where, f"at most {rules.LARGEST_COUNT}", str(value))
    notes = []
    for follower in route.followers:
        if follower in document.figures:
            counts = document.figures[follower]
            rows = [
                rules.Row(f"{document.name}, {day}", day, count, counts[day])
                for day, count in document.figures[route.leading].items()
            ]
            notes += rules.check_rows(rows, today)
    return notes


def _document(source: str, name: str, series: Mapping[str, DailySeries]) -> Document:
    return Document(
        source,
        name,
        None,
        {
            series_id: dict(zip(one.dates.tolist(), one.values.tolist(), strict=True))
            for series_id, one in series.items()
        },
    )


def prune(settings: Settings) -> None:
    """Remove the kept bytes that are older than the settings say."""
    age = dt.timedelta(days=settings.raw_keep_days)
    raw_documents.prune(_raw_folder(settings), age, utc_now())
