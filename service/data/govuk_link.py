"""The link to the newest workbook, read from the publication; its address is not constructed."""

from __future__ import annotations

__all__ = ["newest_workbook"]

import json
import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from service.core.clock import MONTHS
from service.data.fetcher import Fetcher, Response
from service.data.size_limits import LARGEST_PAGE, MOST_TAGS
from service.data.source import FetchError, SourceError

_MONTHS = [month.casefold() for month in MONTHS]
_DATED = re.compile(r"(\d{1,2}) (" + "|".join(_MONTHS) + r") (\d{4})", re.ASCII)
_VERSION = re.compile(r" v(\d{1,3})\b", re.ASCII)

Keep = Callable[[bytes, str], object]


def newest_workbook(fetcher: Fetcher, www: str, path: str, keep: Keep) -> str:
    """Address of the newest workbook: as the content API lists it, else as the page links to it."""
    failures: list[SourceError] = []
    ways: Sequence[tuple[str, str, str, Callable[[Response], list[tuple[str, str]]]]] = (
        ("/api/content", "application/json", ".json", _listed),
        ("", "text/html", ".html", _linked),
    )
    for prefix, kind, suffix, links in ways:
        try:
            answer = fetcher.get(www + prefix + path, (kind,), LARGEST_PAGE)
            keep(answer.content, suffix)
            return _choose(links(answer), www, answer.url)
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
        expected = "a publication with details.attachments"
        raise SourceError(answer.url, expected, f"{type(error).__name__}: {error}"[:200]) from error


def _linked(answer: Response) -> list[tuple[str, str]]:
    """(text, address) of each link on the publication's own page."""
    if answer.content.count(b"<") > MOST_TAGS:
        raise SourceError(answer.url, f"a page of at most {MOST_TAGS:,} tags", "more")
    text = answer.content.decode("utf-8", "replace")
    links = LexborHTMLParser(text).css("a[href]")
    return [(link.text().strip(), str(link.attributes["href"])) for link in links]


def _choose(links: Iterable[tuple[str, str]], www: str, where: str) -> str:
    names = {}
    for title, href in links:
        try:
            url = urljoin(www + "/", href)
            path = unquote(urlsplit(url).path)
        except ValueError:  # a link that is no address
            continue
        name = " ".join(re.split(r"[\s_%./+-]+", f"{title} {path.rpartition('/')[2]}".casefold()))
        if path.casefold().endswith(".ods") and "time series" in name:
            names[url] = name
    ranked = sorted(names, key=lambda url: _age(names[url]), reverse=True)
    if not ranked:
        raise SourceError(where, "a link to a time-series workbook (.ods)", "none")
    if len(ranked) > 1 and _age(names[ranked[0]]) == _age(names[ranked[1]]):
        both = f"{ranked[0]} and {ranked[1]}"
        raise SourceError(where, "one newest time-series workbook, told by its name", both)
    return ranked[0]


def _age(name: str) -> tuple[int, int, int, int]:
    """Year, month, day and version in the name of a workbook, for comparing; zeros when absent."""
    dated, version = _DATED.search(name), _VERSION.search(name)
    year, month, day = (
        (int(dated[3]), _MONTHS.index(dated[2]) + 1, int(dated[1])) if dated else (0, 0, 0)
    )
    return year, month, day, int(version[1]) if version else 0
