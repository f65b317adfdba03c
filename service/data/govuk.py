"""GOV.UK: the newest workbook, linked from the publication, and the page of the last days."""

__all__ = ["documents"]

import calendar
import contextlib
import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urljoin, urlsplit

from service.data import govuk_page, govuk_workbook
from service.data.fetcher import Fetcher, Response
from service.data.source import Place, SourceError, parse_json

_PUBLICATION = (
    "/government/publications/migrants-detected-crossing-the-english-channel-in-small-boats"
)
_PAGE = f"{_PUBLICATION}/{_PUBLICATION.rpartition('/')[2]}-last-7-days"
_MONTHS = [month.casefold() for month in calendar.month_name]
_DATED = re.compile(
    r"(\d{1,2}) (" + "|".join(_MONTHS[1:]) + r") (\d{4})(.* v(\d{1,3})\b)?", re.ASCII
)

Keep = Callable[[bytes, str], object]
"""Receives the bytes of an answer and its file suffix."""


def documents(fetcher: Fetcher, www: str, keep: Keep) -> list[Place]:
    """Return for each document at `www` a function that finds its address, and its form."""
    return [
        (lambda: _newest_workbook(fetcher, www, keep), govuk_workbook.FORM),
        (lambda: www + _PAGE, govuk_page.FORM),
    ]


def _newest_workbook(fetcher: Fetcher, www: str, keep: Keep) -> str:
    """Return its address from the content API, otherwise from the page; never constructed."""
    try:
        answer = _get(fetcher, f"{www}/api/content{_PUBLICATION}", "application/json", keep)
        return _choose(_listed(answer), www, answer.url)
    except SourceError:
        answer = _get(fetcher, www + _PUBLICATION, "text/html", keep)
        return _choose(_linked(answer), www, answer.url)


def _get(fetcher: Fetcher, url: str, kind: str, keep: Keep) -> Response:
    answer = fetcher.get(url, (kind,), govuk_page.FORM.largest_bytes)
    keep(answer.content, f".{kind.rpartition('/')[2]}")
    return answer


def _listed(answer: Response) -> list[tuple[str, str]]:
    """Return (title, address) of each attachment in an answer of the content API."""
    stated = parse_json(answer.content, answer.url)
    try:
        files = [one for one in stated["details"]["attachments"] if one.get("url")]
        return [(str(one.get("title", "")), str(one["url"])) for one in files]
    except (KeyError, TypeError, AttributeError) as error:
        expected = "a publication with details.attachments"
        raise SourceError(answer.url, expected, f"{type(error).__name__}: {error}"[:200]) from error


def _linked(answer: Response) -> list[tuple[str, str]]:
    """Return (text, address) of each link on the publication's page."""
    links = govuk_page.parse_html(answer.content, answer.url).css("a[href]")
    return [(link.text().strip(), str(link.attributes["href"])) for link in links]


def _choose(links: Iterable[tuple[str, str]], www: str, where: str) -> str:
    """Return the address of the newest workbook among the `links`."""
    ages = {}
    for title, href in links:
        with contextlib.suppress(ValueError):  # an invalid link
            url = urljoin(www + "/", href)
            file = unquote(urlsplit(url).path).casefold().rpartition("/")[2]
            name = " ".join(re.split(r"[\s_%./+-]+", f"{title.casefold()} {file}"))
            if file.endswith(".ods") and "time series" in name:
                ages[url] = _age(name)
    newest = [url for url, age in ages.items() if age == max(ages.values())]
    if len(newest) != 1:
        expected = "a link to one newest time-series workbook (.ods), by its name"
        raise SourceError(where, expected, " and ".join(newest) or "none")
    return newest[0]


def _age(name: str) -> tuple[int, int, int, int]:
    """Return year, month, day and version in a workbook's name, for sorting; zeros if absent."""
    dated = _DATED.search(name)
    if not dated:
        return 0, 0, 0, 0
    return int(dated[3]), _MONTHS.index(dated[2]), int(dated[1]), int(dated[5] or 0)
