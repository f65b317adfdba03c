"""Reading GOV.UK: the newest linked workbook and the page of the last days."""

import datetime as dt
import json

import pytest

from service.data import govuk
from service.data.collect import fetch_documents
from tests.service.data.test_collect import WORKBOOK, make_page
from tests.support.sites import ODS, PUBLICATION, SiteResponse, act_as_govuk

TODAY = dt.date(2024, 2, 1)
API = f"/api/content{PUBLICATION}"


@pytest.fixture
def collect(fetcher, sites):
    """Return a function that reads the site."""
    act_as_govuk(sites, WORKBOOK, make_page())
    return lambda: fetch_documents(
        fetcher, govuk.documents(fetcher, sites.url), TODAY, lambda *_: None, {}
    )


def publish_listing(sites, *attachments):
    item = {"details": {"attachments": list(attachments)}}
    sites.replies[API] = SiteResponse(json.dumps(item).encode(), "application/json")


def publish_file(sites, name, title="Small boats: time series"):
    sites.replies[f"/media/1/{name}"] = SiteResponse(WORKBOOK, ODS)
    return {"attachment_type": "file", "title": title, "url": f"{sites.url}/media/1/{name}"}


def only_refusal(published):
    (error,) = published.refusals
    return str(error)


def test_links_are_read_from_the_page_if_the_api_fails(collect, sites):
    for response in (
        SiteResponse(status=404),
        SiteResponse(b"<html>", "text/html"),
        SiteResponse(b"{", "application/json"),
        SiteResponse(b'{"details": {"attachments": [1]}}', "application/json"),
    ):
        sites.replies[API] = response
        published = collect()
        assert [d.source for d in published.documents] == ["workbook", "page"]


def test_page_is_read_if_there_is_no_workbook_link(collect, sites):
    publish_listing(sites)
    sites.replies[PUBLICATION] = SiteResponse(b'<a href="/x.pdf">x</a><a href="http://[">y</a>')
    published = collect()
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
def test_newest_of_several_workbooks_is_read(collect, sites, names, newest):
    names = [name.replace(" ", "%20") for name in names]
    publish_listing(sites, *(publish_file(sites, name) for name in names))
    collect()
    assert sites.times(f"/media/1/{names[newest]}") == 1
    assert sites.times(f"/media/1/{names[1 - newest]}") == 0


def test_workbooks_of_unclear_order_are_rejected(collect, sites):
    files = [publish_file(sites, f"{name}_time_series.ods") for name in "ab"]
    publish_listing(sites, *files)
    links = "".join(f'<a href="{file["url"]}">time series</a>' for file in files)
    sites.replies[PUBLICATION] = SiteResponse(links.encode())
    assert "expected a link to one newest time-series workbook" in only_refusal(collect())


@pytest.mark.parametrize("name", ["\ud800", "\x00", "x" * 5000])
def test_page_is_read_if_the_workbook_address_is_invalid(collect, sites, name):
    url = f"{sites.url}/media/1/{name}_time_series.ods"
    publish_listing(sites, {"title": "time series", "url": url})
    published = collect()
    assert only_refusal(published).isprintable()
    assert "/media/1/" in only_refusal(published)
    assert [d.source for d in published.documents] == ["page"]
