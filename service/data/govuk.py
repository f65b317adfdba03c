"""GOV.UK: the newest workbook, by the link on the publication, and the page of the last days."""

from __future__ import annotations

__all__ = ["Published", "Site", "reach", "read"]

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from service.data import govuk_page, govuk_workbook
from service.data.fetcher import Fetcher
from service.data.govuk_link import newest_workbook
from service.data.size_limits import LARGEST_PAGE, LARGEST_WORKBOOK
from service.data.source import Document, SourceError

_PUBLICATION = (
    "/government/publications/migrants-detected-crossing-the-english-channel-in-small-boats"
)
_PAGE = f"{_PUBLICATION}/{_PUBLICATION.rpartition('/')[2]}-last-7-days"

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


def reach(fetcher: Fetcher, site: Site) -> str:
    """Ask for the page of the publication, and return its address.

    Raises
    ------
    SourceError
        When it does not come.
    """
    bound = replace(fetcher, hosts=site.hosts)
    return bound.get(f"{site.www}{_PUBLICATION}", ("text/html",), LARGEST_PAGE).url


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
    fetcher = replace(fetcher, hosts=site.hosts)
    takings = _Takings(fetcher, keep, today, known or {})
    takings.take(
        lambda: newest_workbook(fetcher, site.www, _PUBLICATION, keep),
        (govuk_workbook.read, govuk_workbook.MEDIA_TYPES, LARGEST_WORKBOOK, ".ods"),
    )
    takings.take(
        lambda: site.www + _PAGE, (govuk_page.read, govuk_page.MEDIA_TYPES, LARGEST_PAGE, ".html")
    )
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
            self.documents.append(parse(answer.content, url, self.today))
            self.validators[url] = (answer.etag, answer.last_modified)
        except SourceError as error:
            self.refusals.append(error)
