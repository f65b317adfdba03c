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

from forecast.series import DailySeries, as_date
from service.core.declared_series import GovUk, Route, Table
from service.core.settings import Settings
from service.data import (
    declared_table,
    figures_csv,
    govuk,
    govuk_page,
    govuk_workbook,
    openmeteo,
    raw_documents,
    rules,
)
from service.data.csv_rows import LARGEST_BYTES, CsvFile
from service.data.fetcher import Fetcher
from service.data.govuk import Keep
from service.data.openmeteo import Service
from service.data.source import Document, Form, SourceError, Validators, read_file

_LONGEST_WAIT_SECONDS = 120  # that a site may request
_FORMS = {"workbook": govuk_workbook.FORM, "page": govuk_page.FORM}


@dataclass
class Collected:
    """Result of reading a source: valid documents, and reasons for rejecting others.

    `validators`, by URL, are for the next `collect_documents` as `earlier`; documents at the
    `unchanged` URLs are not among `documents`.
    """

    documents: list[Document] = field(default_factory=list)
    refusals: list[SourceError] = field(default_factory=list)
    validators: dict[str, Validators] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)


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

    `today` is that of the route; `earlier` has the HTTP validators of the last answers by URL; raw
    bytes are stored if `is_kept`.
    """
    keep: Keep = (
        partial(raw_documents.save_document, settings.var_dir) if is_kept else lambda *_: None
    )
    if source == "declared" and isinstance(route.source, GovUk):
        how, www = _govuk_fetcher(settings), settings.govuk_url.rstrip("/")
        return fetch_documents(how, govuk.documents(how, www, keep), today, keep, earlier)
    if source == "declared" and isinstance(route.source, Table) and route.source.address:
        address, form = route.source.address, declared_table.form(route, route.source)
        return fetch_documents(fetcher(settings), [(lambda: address, form)], today, keep, earlier)
    try:
        return Collected([_from_file(route, source, file, today, keep)])
    except SourceError as error:
        return Collected(refusals=[error])


def fetch_documents(
    how: Fetcher,
    documents: Iterable[tuple[Callable[[], str], Form]],
    today: dt.date,
    keep: Keep,
    earlier: Mapping[str, Validators],
) -> Collected:
    """Fetch and read each document; a rejected one does not affect the others.

    Each of `documents` has a function that returns its URL, or raises `SourceError`, and a form.
    `keep` is called with the bytes of each answer and its file suffix, before parsing.
    """
    collected = Collected()
    for locate, form in documents:
        try:
            url = locate()
            validators = earlier.get(url, (None, None))
            answer = how.get(url, form.media_types, form.largest_bytes, validators=validators)
            if answer.is_unchanged:
                collected.unchanged.append(url)
                continue
            keep(answer.content, form.suffix)
            collected.documents.append(form.parse(answer.content, url, today))
            collected.validators[url] = answer.validators
        except SourceError as error:
            collected.refusals.append(error)
    return collected


def check_source(settings: Settings, route: Route) -> str:
    """Request the route's source once, if it is enabled; raises `SourceError`."""
    source = route.source
    if settings.source != "declared":
        return "not read: CROSSINGS_SOURCE is figures"
    if isinstance(source, GovUk):
        how, form = _govuk_fetcher(settings), govuk_page.FORM
        address = settings.govuk_url.rstrip("/") + govuk.PUBLICATION
    elif source is not None and source.address:
        how, form = fetcher(settings), declared_table.form(route, source)
        address = source.address
    else:
        return "a file, so no site is read"
    replace(how, attempts=1).get(address, form.media_types, form.largest_bytes)
    return f"{address} answers"


def read_once(settings: Settings, route: Route, today: dt.date) -> Document:
    """Read the route's declared table without storing anything; raises `SourceError`.

    For a route without a declared table, read its local file of figures.
    """
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
    """Return the configured weather service for the points of `route`.

    After a rate limit it sends no request before the next weather time.
    """
    usual = fetcher(settings)
    how = replace(usual, passing=usual.passing - {429})
    key = settings.weather_key.get_secret_value()
    return Service(how, route.weather_points, settings.weather_url, key)


def fetcher(settings: Settings) -> Fetcher:
    """Return a fetcher with the given settings."""
    return Fetcher(
        contact=settings.agent_contact or settings.public_url,
        attempts=settings.fetch_attempts,
        connect_seconds=min(5.0, settings.fetch_seconds),
        read_seconds=min(15.0, settings.fetch_seconds),
        attempt_seconds=settings.fetch_seconds,
        longest_wait_seconds=_LONGEST_WAIT_SECONDS,
        all_seconds=settings.fetch_attempts * (settings.fetch_seconds + 30) + _LONGEST_WAIT_SECONDS,
    )


def _govuk_fetcher(settings: Settings) -> Fetcher:
    """Return a fetcher for GOV.UK pages and the files they link to."""
    return replace(fetcher(settings), sites=(settings.govuk_url, settings.govuk_assets_url))


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
    path = route.folder / route.figures
    content = read_file(path, LARGEST_BYTES)
    series = figures_csv.read(Path(path.name), (route.leading,), route.forecast, content)
    return _document("figures", "embedded figures", series)


def _from_csv(route: Route, file: CsvFile | Path, today: dt.date) -> Document:
    """Read a hand-written CSV file and apply the rules of every source."""
    series = figures_csv.read(file, (route.leading,), route.forecast)
    last = as_date(series[route.leading].data_through)
    if last > today:
        raise SourceError(str(file), f"days up to {today}", str(last))
    document = _document("csv", str(file), series)
    notes = _check_counts(route, document, today)
    _, more = rules.check_stamp(None, last, today, document.name, route.zone)
    return replace(document, notes=(*notes, *more))


def _check_counts(route: Route, document: Document, today: dt.date) -> list[str]:
    """Check the counts, and those of following series against the leading one."""
    for series_id, counts in document.figures.items():
        largest = max(counts, key=lambda day: counts[day])
        if counts[largest] > rules.LARGEST_COUNT:
            where = f"{document.name}, {series_id} on {largest}"
            raise SourceError(where, f"at most {rules.LARGEST_COUNT}", str(counts[largest]))
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
    figures = {
        series_id: dict(zip(one.dates.tolist(), one.values.tolist(), strict=True))
        for series_id, one in series.items()
    }
    return Document(source, name, None, figures)
