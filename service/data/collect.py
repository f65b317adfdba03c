"""Read sources: returns valid documents, and rejections with reasons."""

__all__ = [
    "Collected",
    "check_source",
    "check_weather",
    "fetch_documents",
    "fetcher",
    "collect_documents",
    "read_once",
    "weather_service",
]

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from service.core.declared_series import GovUk, Route, Table
from service.core.settings import Settings
from service.data import (
    declared_table,
    document_store,
    govuk,
    govuk_page,
    govuk_workbook,
    openmeteo,
    rules,
)
from service.data.csv_rows import LARGEST_BYTES, CsvFile, read_series
from service.data.fetcher import Fetcher
from service.data.openmeteo import Service
from service.data.source import Document, Place, SourceError, Validators, read_file

Keep = Callable[[bytes, str], object]
"""Receives the bytes of a document and its file suffix, before they are parsed."""
_FORMS = {"workbook": govuk_workbook.FORM, "page": govuk_page.FORM}


@dataclass
class Collected:
    """Result of reading a source: valid documents, and reasons for rejecting others.

    `validators` are by URL; unchanged documents are not among `documents`.
    """

    documents: list[Document] = field(default_factory=list)
    refusals: list[SourceError] = field(default_factory=list)
    validators: dict[str, Validators] = field(default_factory=dict)


def collect_documents(
    settings: Settings,
    route: Route,
    source: str,
    file: CsvFile | Path | None,
    today: dt.date,
    earlier: Mapping[str, Validators],
    is_kept: bool = True,
) -> Collected:
    """Read `source`: ``figures``, ``declared``, or a `file`: ``workbook``, ``page``, ``csv``.

    `today` is that of the route, `earlier` the validators of the last answers; raw bytes are stored
    if `is_kept`.
    """
    save = partial(document_store.save_raw_document, settings.var_dir)
    keep: Keep = save if is_kept else lambda *_: None
    if source == "declared":
        how, documents = _site(settings, route)
        if documents:
            return fetch_documents(how, documents, today, keep, earlier)
    try:
        return Collected([_from_file(route, source, file, today, keep)])
    except SourceError as error:
        return Collected(refusals=[error])


def _site(settings: Settings, route: Route) -> tuple[Fetcher, list[Place]]:
    """Return how and where the route's source is fetched; no places for a file."""
    how, source = fetcher(settings), route.source
    if isinstance(source, GovUk):
        how = replace(how, sites=(settings.govuk_url, settings.govuk_assets_url))
        return how, govuk.documents(how, settings.govuk_url.rstrip("/"))
    if source is None or not source.address:
        return how, []
    address = source.address
    return how, [(lambda: address, declared_table.form(route, source))]


def fetch_documents(
    how: Fetcher,
    documents: Iterable[Place],
    today: dt.date,
    keep: Keep,
    earlier: Mapping[str, Validators],
) -> Collected:
    """Fetch and read each document; a rejected one does not affect the others."""
    collected = Collected()
    for locate, form in documents:
        try:
            url = locate()
            validators = earlier.get(url, (None, None))
            answer = how.get(url, form.media_types, form.largest_bytes, validators=validators)
            if answer.is_unchanged:
                continue
            keep(answer.content, form.suffix)
            collected.documents.append(form.parse(answer.content, url, today))
            collected.validators[url] = answer.validators
        except SourceError as error:
            collected.refusals.append(error)
    return collected


def check_source(settings: Settings, route: Route) -> str:
    """Request the route's source once, if it is enabled; raises `SourceError`."""
    if settings.source != "declared":
        return "not read: CROSSINGS_SOURCE is figures"
    how, documents = _site(settings, route)
    if not documents:
        return "a file, so no site is read"
    locate, form = documents[-1]
    address = locate()
    replace(how, attempts=1).get(address, form.media_types, form.largest_bytes)
    return f"{address} answers"


def read_once(settings: Settings, route: Route, today: dt.date) -> Document:
    """Read the declared table, or else the local file of figures; raises `SourceError`."""
    source = "declared" if isinstance(route.source, Table) else "figures"
    collected = collect_documents(settings, route, source, None, today, {}, is_kept=False)
    if collected.refusals:
        raise collected.refusals[0]
    return collected.documents[0]


def check_weather(settings: Settings, route: Route) -> str:
    """Request Open-Meteo once, if enabled, and return the result; raises `SourceError`."""
    if not (settings.reads_weather and route.weather_points):
        return "not read (CROSSINGS_WEATHER, and the points that the route declares)"
    service = weather_service(settings, route)
    members, _ = openmeteo.ensemble(replace(service, fetcher=replace(service.fetcher, attempts=1)))
    return f"answers, to {members.last}"


def weather_service(settings: Settings, route: Route) -> Service:
    """Return the configured weather service for the points of `route`."""
    usual = fetcher(settings)
    how = replace(usual, passing=usual.passing - {429})  # a limit lasts until the next weather time
    key = settings.weather_key.get_secret_value()
    return Service(how, route.weather_points, settings.weather_url, key)


def fetcher(settings: Settings) -> Fetcher:
    """Return a fetcher with the given settings."""
    return Fetcher(
        contact=settings.agent_contact or settings.public_url,
        attempts=settings.fetch_attempts,
        attempt_seconds=settings.fetch_seconds,
    )


def _from_file(
    route: Route, source: str, file: CsvFile | Path | None, today: dt.date, keep: Keep
) -> Document:
    if source in ("figures", "declared"):
        return _beside_declaration(route, source, today)
    assert file is not None  # the command requires it
    if source == "csv":
        return _from_csv(route, file, today)
    assert isinstance(file, Path)
    form = _FORMS[source]
    content = read_file(file, form.largest_bytes)
    keep(content, form.suffix)
    return form.parse(content, str(file), today)


def _beside_declaration(route: Route, source: str, today: dt.date) -> Document:
    """Read the local file of figures, or the declared table in a file."""
    table = route.source if isinstance(route.source, Table) else None
    if table and table.file and (source == "declared" or not route.figures):
        path = route.folder / table.file
        document = declared_table.read(read_file(path, LARGEST_BYTES), path.name, route, today)
        return replace(document, source=source)
    if not route.figures:
        raise SourceError(f"{route.name}.toml", "a file of figures beside the declaration", "none")
    file = CsvFile(route.folder / route.figures, name=route.figures)
    return _figures(route, file, "figures", "embedded figures")


def _from_csv(route: Route, file: CsvFile | Path, today: dt.date) -> Document:
    """Read a hand-written CSV file and apply the rules of every source."""
    document = _figures(route, file, "csv", str(file))
    if document.data_through > today:
        raise SourceError(str(file), f"days up to {today}", str(document.data_through))
    for series_id, counts in document.figures.items():
        largest = max(counts, key=counts.__getitem__)
        if counts[largest] > rules.LARGEST_COUNT:
            where = f"{document.name}, {series_id} on {largest}"
            raise SourceError(where, f"at most {rules.LARGEST_COUNT}", str(counts[largest]))
    notes = []
    for follower in document.figures.keys() & route.followers:
        rows = [
            rules.Row(f"{file}, {day}", day, count, document.figures[follower][day])
            for day, count in document.figures[route.leading].items()
        ]
        notes += rules.check_rows(rows, today)
    notes += rules.check_stamp(None, document.data_through, today, str(file), route.zone)[1]
    return replace(document, notes=tuple(notes))


def _figures(route: Route, file: CsvFile | Path, source: str, name: str) -> Document:
    series = read_series(file, (route.leading,), route.forecast)
    figures = {
        series_id: dict(zip(one.dates.tolist(), one.values.tolist(), strict=True))
        for series_id, one in series.items()
    }
    return Document(source, name, None, figures)
