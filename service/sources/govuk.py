"""GOV.UK: the newest workbook, by the link on the publication, and the page of the last days."""

from __future__ import annotations

__all__ = ["Published", "Site", "merge", "read"]

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from service.sources import page, workbook
from service.sources.base import RANKS, Document, SourceError
from service.sources.http import Fetcher, FetchError, Response

_PUBLICATION = (
    "/government/publications/migrants-detected-crossing-the-english-channel-in-small-boats"
)
_PAGE = f"{_PUBLICATION}/{_PUBLICATION.rpartition('/')[2]}-last-7-days"
_LARGEST_JSON, _LARGEST_PAGE, _LARGEST_WORKBOOK = 2_000_000, 2_000_000, 10_000_000
_MONTHS = (
    "january february march april may june july august september october november december"
).split()
_DATED = re.compile(r"(\d{1,2}) (" + "|".join(_MONTHS) + r") (\d{4})", re.ASCII)
_VERSION = re.compile(r" v(\d{1,3})\b", re.ASCII)

Validators = tuple[str | None, str | None]
Keep = Callable[[bytes, str], object]


@dataclass(frozen=True)
class Site:
    """Where GOV.UK is: the pages, and the files that they link to."""

    www: str = "https://www.gov.uk"
    assets: str = "https://assets.publishing.service.gov.uk"

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that may be asked."""
        return frozenset(urlsplit(base).netloc for base in (self.www, self.assets))


@dataclass(frozen=True)
class Published:
    """What was found.

    Attributes
    ----------
    documents : tuple of Document
        Each whole; one that did not change since the last time is not there.
    refusals : tuple of SourceError
        One for each document that was refused.
    validators : mapping of address to (etag, last_modified)
        To be given to the next `read`.
    unchanged : tuple of str
        Addresses whose content did not change.
    """

    documents: tuple[Document, ...] = ()
    refusals: tuple[SourceError, ...] = ()
    validators: Mapping[str, Validators] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()


def read(
    fetcher: Fetcher,
    site: Site,
    today: dt.date,
    keep: Keep,
    known: Mapping[str, Validators] | None = None,
) -> Published:
    """Fetch and read the newest workbook and the page; one refused does not cost us the other.

    Parameters
    ----------
    keep : callable
        Given the bytes of each answer and the end of its name, before they are read.
    known : mapping of address to (etag, last_modified)
        What the last `read` returned.
    """
    takings = _Takings(fetcher, keep, today, known or {})
    takings.take(
        lambda: _newest_workbook(fetcher, site, keep),
        (workbook.read, workbook.MEDIA_TYPES, _LARGEST_WORKBOOK, ".ods"),
    )
    takings.take(lambda: site.www + _PAGE, (page.read, page.MEDIA_TYPES, _LARGEST_PAGE, ".html"))
    return Published(
        tuple(takings.documents),
        tuple(takings.refusals),
        takings.validators,
        tuple(takings.unchanged),
    )


_Form = tuple[Callable[[bytes, str, dt.date], Document], tuple[str, ...], int, str]


class _Takings:
    """What one `read` gathers, document by document."""

    def __init__(
        self, fetcher: Fetcher, keep: Keep, today: dt.date, known: Mapping[str, Validators]
    ) -> None:
        self.fetcher, self.keep, self.today, self.known = fetcher, keep, today, known
        self.documents: list[Document] = []
        self.refusals: list[SourceError] = []
        self.validators: dict[str, Validators] = {}
        self.unchanged: list[str] = []

    def take(self, locate: Callable[[], str], form: _Form) -> None:
        """Locate, fetch, keep and parse one document, or note why not."""
        parse, kinds, largest, suffix = form
        try:
            url = locate()
            etag, last_modified = self.known.get(url, (None, None))
            answer = self.fetcher.get(url, kinds, largest, etag=etag, last_modified=last_modified)
            if answer.is_unchanged:
                self.unchanged.append(url)
                return
            self.keep(answer.content, suffix)
            self.documents.append(parse(answer.content, answer.url, self.today))
            self.validators[url] = (answer.etag, answer.last_modified)
        except SourceError as error:
            self.refusals.append(error)


def merge(documents: Iterable[Document]) -> dict[str, dict[dt.date, tuple[int, str]]]:
    """For each series and day the count that rules, and its source.

    The workbook rules for the days it covers, the page for later ones.
    """
    ruling: dict[str, dict[dt.date, tuple[int, str]]] = {}
    for document in sorted(documents, key=lambda d: RANKS[d.source]):
        for series_id, counts in document.figures.items():
            ruling.setdefault(series_id, {}).update(
                {day: (value, document.source) for day, value in counts.items()}
            )
    return ruling


def _newest_workbook(fetcher: Fetcher, site: Site, keep: Keep) -> str:
    """Address of the newest workbook: as the content API lists it, else as the page links to it."""
    failures: list[SourceError] = []
    ways: Sequence[tuple[str, str, str, Callable[[Response], list[tuple[str, str]]]]] = (
        ("/api/content", "application/json", ".json", _listed),
        ("", "text/html", ".html", _linked),
    )
    for prefix, kind, suffix, links in ways:
        try:
            answer = fetcher.get(site.www + prefix + _PUBLICATION, (kind,), _LARGEST_JSON)
            keep(answer.content, suffix)
            return _choose(links(answer), site, answer.url)
        except SourceError as error:
            failures.append(error)
    if all(isinstance(error, FetchError) for error in failures):
        raise failures[-1]
    raise next(error for error in failures if not isinstance(error, FetchError))


def _listed(answer: Response) -> list[tuple[str, str]]:
    """(title, address) of each attachment in an answer of the content API."""
    try:
        attachments = json.loads(answer.content)["details"]["attachments"]
        return [
            (str(one.get("title", "")), str(one["url"])) for one in attachments if one.get("url")
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        wanted = "a publication with details.attachments"
        raise SourceError(answer.url, wanted, f"{type(error).__name__}: {error}"[:200]) from error


def _linked(answer: Response) -> list[tuple[str, str]]:
    """(text, address) of each link on the publication's own page."""
    text = answer.content.decode("utf-8", "replace")
    links = LexborHTMLParser(text).css("a[href]")
    return [(link.text().strip(), str(link.attributes["href"])) for link in links]


def _choose(links: Iterable[tuple[str, str]], site: Site, where: str) -> str:
    found = {}
    for title, href in links:
        try:
            url = urljoin(site.www + "/", href)
            path = unquote(urlsplit(url).path)
        except ValueError:  # a link that is no address
            continue
        name = " ".join(re.split(r"[\s_%./+-]+", f"{title} {path.rpartition('/')[2]}".casefold()))
        if path.casefold().endswith(".ods") and "time series" in name:
            found[url] = name
    ranked = sorted(found, key=lambda url: _age(found[url]), reverse=True)
    if not ranked:
        raise SourceError(where, "a link to a time-series workbook (.ods)", "none")
    if len(ranked) > 1 and _age(found[ranked[0]]) == _age(found[ranked[1]]):
        both = f"{ranked[0]} and {ranked[1]}"
        raise SourceError(where, "one newest time-series workbook, told by its name", both)
    if urlsplit(ranked[0]).netloc not in site.hosts:
        raise SourceError(where, f"a link to {' or '.join(sorted(site.hosts))}", ranked[0])
    return ranked[0]


def _age(name: str) -> tuple[int, int, int, int]:
    """Year, month, day and version in the name of a workbook, for comparing; zeros when absent."""
    dated, version = _DATED.search(name), _VERSION.search(name)
    year, month, day = (
        (int(dated[3]), _MONTHS.index(dated[2]) + 1, int(dated[1])) if dated else (0, 0, 0)
    )
    return year, month, day, int(version[1]) if version else 0
