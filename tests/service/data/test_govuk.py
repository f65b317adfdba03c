"""GOV.UK: the newest workbook found by its link, and the page; both in one reading."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from service.data import govuk
from service.data.collect import Gathered, fetch
from service.data.fetcher import Fetcher
from tests.support import ods, pages, shared
from tests.support.sites import ODS, PAGE, PUBLICATION, Answer, Sites, publish, tagged

TODAY = dt.date(2024, 2, 1)
DAYS = ods.some_days(dt.date(2024, 1, 1), 26)
WORKBOOK = ods.workbook(DAYS, "2024-01-27T13:00:00Z")
COUNTS = [(0, 0), (90, 2), (*DAYS[24][1:],), (*DAYS[25][1:],), (0, 0), (120, 3), (7, 1)]
PAGE_BYTES = pages.page(
    pages.table(pages.week(dt.date(2024, 1, 29), COUNTS)), "2024-01-30T13:20:00+00:00"
)
API = f"/api/content{PUBLICATION}"


class Reading:
    """One site and what was kept of it."""

    def __init__(self, fetcher: Fetcher, sites: Sites) -> None:
        self.fetcher, self.sites = fetcher, sites
        self.kept: list[tuple[bytes, str]] = []

    def read(self, known: Any = None) -> Gathered:
        def keep(content: bytes, suffix: str) -> None:
            self.kept.append((content, suffix))

        documents = govuk.documents(self.fetcher, self.sites.url, keep)
        return fetch(self.fetcher, documents, TODAY, keep, known or {})


@pytest.fixture
def reading(fetcher: Fetcher, sites: Sites) -> Reading:
    publish(sites, WORKBOOK, PAGE_BYTES)
    return Reading(fetcher, sites)


def listing(sites: Sites, *attachments: dict[str, Any]) -> None:
    item = {"details": {"attachments": list(attachments)}}
    sites.replies[API] = Answer(json.dumps(item).encode(), "application/json")


def file(sites: Sites, name: str, title: str = "Small boats: time series") -> dict[str, Any]:
    sites.replies[f"/media/1/{name}"] = Answer(WORKBOOK, ODS)
    return {"attachment_type": "file", "title": title, "url": f"{sites.url}/media/1/{name}"}


def refusal(published: Gathered) -> str:
    (error,) = published.refusals
    return str(error)


def test_both_documents_are_read_and_kept(reading: Reading) -> None:
    published = reading.read()
    assert [d.source for d in published.documents] == ["workbook", "page"]
    assert [str(d.data_through) for d in published.documents] == ["2024-01-26", "2024-01-29"]
    assert published.refusals == []
    assert [suffix for _, suffix in reading.kept] == [".json", ".ods", ".html"]
    assert reading.kept[1:] == [(WORKBOOK, ".ods"), (PAGE_BYTES, ".html")]


def test_what_did_not_change_is_not_fetched_again(reading: Reading) -> None:
    path = publish(reading.sites, WORKBOOK, PAGE_BYTES)
    reading.sites.replies[path] = tagged(Answer(WORKBOOK, ODS), '"w1"')
    reading.sites.replies[PAGE] = tagged(Answer(PAGE_BYTES), '"p1"')
    first = reading.read()
    again = reading.read(first.validators)
    assert len(first.documents) == 2
    assert again.documents == []
    assert again.unchanged == [reading.sites.url + path, reading.sites.url + PAGE]


def test_the_page_is_the_fallback_when_the_api_fails(reading: Reading) -> None:
    for broken in (
        Answer(status=404),
        Answer(b"<html>", "text/html"),
        Answer(b"{", "application/json"),
        Answer(b'{"details": {"attachments": [1]}}', "application/json"),
        Answer(b"[" * 100_000, "application/json"),
    ):
        reading.sites.replies[API] = broken
        published = reading.read()
        assert [d.source for d in published.documents] == ["workbook", "page"]


def test_without_a_link_the_workbook_is_refused_and_the_page_read(reading: Reading) -> None:
    listing(reading.sites)
    reading.sites.replies[PUBLICATION] = Answer(b'<a href="/x.pdf">x</a><a href="http://[">y</a>')
    published = reading.read()
    assert "expected a link to a time-series workbook (.ods), found none" in refusal(published)
    assert [d.source for d in published.documents] == ["page"]


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (["24_December_2025_time_series.ods", "31_December_2025_time_series.ods"], 1),
        (["2_January_2026_time_series.ods", "31_December_2025_time_series.ods"], 0),
        (["31_December_2025_time_series.ods", "31_December_2025_time_series_v2.ods"], 1),
        (["small-boats-time-series.ods", "31 December 2025 time series.ods"], 1),
        (["31_December_2025_Time_Series.ODS", "31_December_2025_time_series.pdf"], 0),
    ],
)
def test_the_newest_of_several_workbooks_is_taken(
    reading: Reading, names: list[str], newest: int
) -> None:
    listing(reading.sites, *(file(reading.sites, name.replace(" ", "%20")) for name in names))
    asked = [name.replace(" ", "%20") for name in names]
    reading.read()
    assert reading.sites.times(f"/media/1/{asked[newest]}") == 1
    assert reading.sites.times(f"/media/1/{asked[1 - newest]}") == 0


def test_two_newest_workbooks_are_refused(reading: Reading) -> None:
    listing(reading.sites, *(file(reading.sites, f"{name}_time_series.ods") for name in "ab"))
    reading.sites.replies[PUBLICATION] = Answer(status=404)
    assert "expected one newest time-series workbook, told by its name" in refusal(reading.read())


def test_a_workbook_elsewhere_is_not_fetched(reading: Reading) -> None:
    elsewhere = {"title": "time series", "url": "http://127.0.0.2:1/time_series.ods"}
    listing(reading.sites, elsewhere)
    reading.sites.replies[PUBLICATION] = Answer(status=404)
    assert "expected a host of 127.0.0.1" in refusal(reading.read())


@pytest.mark.parametrize("name", ["\ud800", "\x00", "x" * 5000])
def test_a_workbook_at_an_odd_address_is_refused_and_the_page_read(
    reading: Reading, name: str
) -> None:
    url = f"{reading.sites.url}/media/1/{name}_time_series.ods"
    listing(reading.sites, {"title": "time series", "url": url})
    published = reading.read()
    assert refusal(published).isprintable()
    assert "/media/1/" in refusal(published)
    assert [d.source for d in published.documents] == ["page"]


def test_everything_down_is_two_refusals(fetcher: Fetcher, sites: Sites) -> None:
    published = Reading(fetcher, sites).read()
    assert published.documents == []
    assert len(published.refusals) == 2
    assert all("expected 200 OK, found 404 Not Found" in str(e) for e in published.refusals)


@shared.needed
def test_the_links_of_a_real_page_are_read(fetcher: Fetcher, sites: Sites) -> None:
    """A page of GOV.UK that links to no workbook, with all that surrounds its links."""
    content = Path(shared.pages()[0]).read_bytes()
    sites.replies[PUBLICATION] = Answer(content)
    published = Reading(fetcher, sites).read()
    assert "expected a link to a time-series workbook" in str(published.refusals[0])
