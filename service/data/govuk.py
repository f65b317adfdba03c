"""GOV.UK: the newest workbook, linked from the publication, and the page of the last days."""

__all__ = ["documents"]

import contextlib
import datetime as dt
import re
from collections.abc import Iterable
from urllib.parse import unquote, urljoin, urlsplit

from service.data import govuk_page, govuk_workbook
from service.data.fetcher import Fetcher
from service.data.source import Place, SourceError, parse_json

_PUBLICATION = (
    "/government/publications/migrants-detected-crossing-the-english-channel-in-small-boats"
)
_PAGE = f"{_PUBLICATION}/{_PUBLICATION.rpartition('/')[2]}-last-7-days"
_DATED = re.compile(r"(\d{1,2} [a-z]+ \d{4})(.* v(\d{1,3})\b)?", re.ASCII)


def documents(fetcher: Fetcher, www: str) -> list[Place]:
    """Return for each document at `www` a function that finds its address, and its form."""
    return [
        (lambda: _newest_workbook(fetcher, www), govuk_workbook.FORM),
        (lambda: www + _PAGE, govuk_page.FORM),
    ]


def _newest_workbook(fetcher: Fetcher, www: str) -> str:
    """Return its address from the content API, otherwise from the page; never constructed."""
    most = govuk_page.FORM.largest_bytes
    with contextlib.suppress(SourceError, KeyError, TypeError, AttributeError):
        answer = fetcher.get(f"{www}/api/content{_PUBLICATION}", ("application/json",), most)
        files = parse_json(answer.content, answer.url)["details"]["attachments"]
        links = [(str(one.get("title", "")), str(one["url"])) for one in files if one.get("url")]
        return _choose(links, www, answer.url)
    answer = fetcher.get(www + _PUBLICATION, ("text/html",), most)
    anchors = govuk_page.parse_html(answer.content, answer.url).css("a[href]")
    links = [(link.text().strip(), str(link.attributes["href"])) for link in anchors]
    return _choose(links, www, answer.url)


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


def _age(name: str) -> tuple[dt.datetime, int]:
    """Return the date and the version in a workbook's name, for sorting."""
    if dated := _DATED.search(name):
        with contextlib.suppress(ValueError):
            return dt.datetime.strptime(dated[1], "%d %B %Y"), int(dated[3] or 0)
    return dt.datetime.min, 0
