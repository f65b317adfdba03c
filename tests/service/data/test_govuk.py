"""Reading GOV.UK: the newest linked workbook and the page of the last days."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from service.data import govuk
from service.data.collect import Collected, fetch_documents
from service.data.fetcher import Fetcher
from tests.support import ods, pages
from tests.support.sites import ODS, PUBLICATION, SiteResponse, Sites, act_as_govuk

TODAY = dt.date(2024, 2, 1)
DAYS = ods.some_days(dt.date(2024, 1, 1), 26)
WORKBOOK = ods.workbook(DAYS, "2024-01-27T13:00:00Z")
COUNTS = [(0, 0), (90, 2), (*DAYS[24][1:],), (*DAYS[25][1:],), (0, 0), (120, 3), (7, 1)]
PAGE_BYTES = pages.page(
    pages.table(pages.week(dt.date(2024, 1, 29), COUNTS)), "2024-01-30T13:20:00+00:00"
)
API = f"/api/content{PUBLICATION}"


class Collector:
    """Reads one site and collects the raw documents that are kept."""

    def __init__(self, fetcher: Fetcher, sites: Sites) -> None:
        self.fetcher, self.sites = fetcher, sites
        self.documents: list[tuple[bytes, str]] = []

    def read(self) -> Collected:
        def keep(content: bytes, suffix: str) -> None:
            self.documents.append((content, suffix))

        documents = govuk.documents(self.fetcher, self.sites.url)
        return fetch_documents(self.fetcher, documents, TODAY, keep, {})


@pytest.fixture
def collector(fetcher: Fetcher, sites: Sites) -> Collector:
    act_as_govuk(sites, WORKBOOK, PAGE_BYTES)
    return Collector(fetcher, sites)


def publish_listing(sites: Sites, *attachments: dict[str, Any]) -> None:
    item = {"details": {"attachments": list(attachments)}}
    sites.replies[API] = SiteResponse(json.dumps(item).encode(), "application/json")


def publish_file(
    sites: Sites, name: str, title: str = "Small boats: time series"
) -> dict[str, Any]:
    sites.replies[f"/media/1/{name}"] = SiteResponse(WORKBOOK, ODS)
    return {"attachment_type": "file", "title": title, "url": f"{sites.url}/media/1/{name}"}


def only_refusal(published: Collected) -> str:
    (error,) = published.refusals
    return str(error)


def test_workbook_and_page_are_read_and_kept(collector: Collector) -> None:
    published = collector.read()
    assert [d.source for d in published.documents] == ["workbook", "page"]
    assert [str(d.data_through) for d in published.documents] == ["2024-01-26", "2024-01-29"]
    assert published.refusals == []
    assert collector.documents == [(WORKBOOK, ".ods"), (PAGE_BYTES, ".html")]


def test_links_are_read_from_the_page_if_the_api_fails(collector: Collector) -> None:
    for response in (
        SiteResponse(status=404),
        SiteResponse(b"<html>", "text/html"),
        SiteResponse(b"{", "application/json"),
        SiteResponse(b'{"details": {"attachments": [1]}}', "application/json"),
    ):
        collector.sites.replies[API] = response
        published = collector.read()
        assert [d.source for d in published.documents] == ["workbook", "page"]


def test_page_is_read_if_there_is_no_workbook_link(collector: Collector) -> None:
    publish_listing(collector.sites)
    collector.sites.replies[PUBLICATION] = SiteResponse(
        b'<a href="/x.pdf">x</a><a href="http://[">y</a>'
    )
    published = collector.read()
    assert "(.ods), by its name, found none" in only_refusal(published)
    assert [d.source for d in published.documents] == ["page"]


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (["24_December_2025_time_series.ods", "31_December_2025_time_series.ods"], 1),
        (["2_January_2026_time_series.ods", "31_December_2025_time_series.ods"], 0),
        (["31_December_2025_time_series.ods", "31_December_2025_time_series_v2.ods"], 1),
        (["small-boats-time-series.ods", "31 December 2025 time series.ods"], 1),
    ],
)
def test_newest_of_several_workbooks_is_read(
    collector: Collector, names: list[str], newest: int
) -> None:
    names = [name.replace(" ", "%20") for name in names]
    publish_listing(collector.sites, *(publish_file(collector.sites, name) for name in names))
    collector.read()
    assert collector.sites.times(f"/media/1/{names[newest]}") == 1
    assert collector.sites.times(f"/media/1/{names[1 - newest]}") == 0


def test_workbooks_of_unclear_order_are_rejected(collector: Collector) -> None:
    files = [publish_file(collector.sites, f"{name}_time_series.ods") for name in "ab"]
    publish_listing(collector.sites, *files)
    links = "".join(f'<a href="{file["url"]}">time series</a>' for file in files)
    collector.sites.replies[PUBLICATION] = SiteResponse(links.encode())
    assert "expected a link to one newest time-series workbook" in only_refusal(collector.read())


@pytest.mark.parametrize("name", ["\ud800", "\x00", "x" * 5000])
def test_page_is_read_if_the_workbook_address_is_invalid(collector: Collector, name: str) -> None:
    url = f"{collector.sites.url}/media/1/{name}_time_series.ods"
    publish_listing(collector.sites, {"title": "time series", "url": url})
    published = collector.read()
    assert only_refusal(published).isprintable()
    assert "/media/1/" in only_refusal(published)
    assert [d.source for d in published.documents] == ["page"]
