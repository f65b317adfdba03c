"""Charts and tables leave the page with the numbers that it shows, and say where they come from."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser

from service.app import create_app
from service.core.context import Context
from service.page import exhibits
from tests.service.page.test_track_record import weekly
from tests.service.support import NOW, Hand, publish, random_paths

PAGES = ("/", "/plan?threshold=250&our_share=3&horizon=14", "/compare", "/?series=boats")


def links(site: Any, path: str, end: str) -> list[str]:
    page = site.client.get(path).get_data(as_text=True)
    found = re.findall(rf'href="(/[^"?]+\.{end}\?[^"]*)"', page)
    return [html.unescape(one) for one in found]


def rows_of(site: Any, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(site.client.get(path).get_data(as_text=True))))


@pytest.mark.parametrize("path", PAGES)
def test_every_table_that_a_page_offers_comes_with_its_description(site: Any, path: str) -> None:
    tables = links(site, path, "csv")
    assert len(tables) >= 2
    described = [one.partition("?")[0] for one in links(site, path, r"metadata\.json")]
    unit = "boats" if "boats" in path else "people"
    for table in tables:
        answer = site.client.get(table)
        what = table.split("/")[2].split(".")[0]
        name = answer.headers["Content-Disposition"].split('"')[1]
        assert re.fullmatch(rf"{unit}-{what}-\d{{4}}-\d\d-\d\d\.csv", name)
        columns = answer.get_data(as_text=True).partition("\n")[0].split(",")
        description = table.replace(".csv", ".metadata.json")
        assert what == "plan" or description.partition("?")[0] in described
        content = json.loads(site.client.get(description).get_data())
        assert [one["name"] for one in content["tableSchema"]["columns"]] == columns
        assert content["url"] == name
        assert "Open Government Licence" in content["dc:source"]
        which = content.get("dc:identifier", "As on 2 January 2026")
        assert which in content["dc:bibliographicCitation"]
        assert ("dc:identifier" in content) == ("/compare/" not in table)
        if what not in ("changes", "drivers"):
            known = [any(re.fullmatch(p, name) for p in exhibits._COLUMNS) for name in columns]
            assert all(known), columns


def test_the_table_of_the_chart_has_the_numbers_of_the_api(site: Any) -> None:
    days = site.client.get("/v1/series/people/forecast?horizon=28&levels=50,80,95").get_json()
    (path,) = [one for one in links(site, "/", "csv") if "/forecast.csv" in one]
    coming = {row["date"]: row for row in rows_of(site, path) if row["median"]}
    for day in days["rows"]:
        for name in ("median", "lo50", "hi80", "hi95", "p_zero"):
            assert coming[day["date"]][name] == str(day[name])


def test_links_keep_to_the_forecast_and_the_question_that_are_shown(site: Any) -> None:
    for path in links(site, f"/plan?issue={site.earlier}&threshold=77", "csv"):
        assert f"issue={site.earlier}" in path and "threshold=77" in path
    page = site.client.get("/").get_data(as_text=True)
    issue = site.client.get("/v1/series/people/issues").get_json()["rows"][0]["issue_id"]
    assert f'href="/?issue={issue}&amp;from=2026-01-02#forecast"' in page
    assert f"Forecast {issue}, published" in page


def test_links_show_the_same_days_and_numbers_once_a_newer_forecast_is_there(
    context: Context, clock: Hand
) -> None:
    client = create_app(context, clock).test_client()
    clock.now = NOW + dt.timedelta(days=3)  # days that are over and not published lie before it
    shown = links(SimpleNamespace(client=client), "/", "csv")
    (path,) = [one for one in shown if "/totals.csv" in one]
    page = client.get(path.replace("now/totals.csv", ""))
    before, heading = client.get(path).data, page.text.partition("<h1>")[2].partition("</h1>")[0]
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)  # than the first, made just now
    publish(context.database, {"climatology": random_paths("2026-01-01", 28)}, 1, later)
    newer = client.get("/").text
    assert heading not in newer
    assert client.get(path).data == before
    past = client.get(path.replace("now/totals.csv", "")).text
    assert "This is a past forecast" in past and heading in past
    wrong = client.get(path.replace("from=2026-01-05", "from=tomorrow"))
    assert (wrong.status_code, "from: expected a day" in wrong.text) == (400, True)


def test_a_past_forecast_begins_on_the_day_on_which_it_was_published(
    context: Context, client: FlaskClient
) -> None:
    issued = NOW + dt.timedelta(days=2)
    paths = {"climatology": random_paths("2026-01-01", 28)}
    past = publish(context.database, paths, 1, issued).issue_id
    page = client.get(f"/?issue={past}").text
    days = re.search(r"<h1>[^<]*for 4 to 10 January 2026", page) or "Next 7 days" in page
    assert days, page.partition("<h1>")[2][:200]
    feed = client.get("/feed.atom").text.replace("\xa0", " ")
    assert "4 to 10 January 2026: about" in feed


def test_a_chart_of_a_past_forecast_is_embedded_as_the_latest(site: Any) -> None:
    settings = site.context.settings.model_copy(update={"embed_origins": "https://a.example"})
    client = create_app(Context(settings, site.context.database), Hand(NOW)).test_client()
    page = client.get(f"/?issue={site.earlier}").text
    (address,) = re.findall(r'/embed/now/forecast[^"&]*', page)
    assert "issue" not in address and "from" not in address


def test_links_within_the_pages_lead_to_a_place(site: Any) -> None:
    for path in ("/", "/plan", "/record", "/compare", "/about"):
        for href in set(re.findall(r'href="(/[^"]*#[^"]+)"', site.client.get(path).text)):
            target, _, place = html.unescape(href).partition("#")
            assert f'id="{place}"' in site.client.get(target).text, href


@pytest.mark.parametrize("path", PAGES[:2])
def test_every_chart_is_a_picture(site: Any, path: str) -> None:
    pictures = links(site, path, "png")
    assert len(pictures) >= 4
    for picture in pictures[:2]:
        answer = site.client.get(picture)
        assert answer.content_type == "image/png"
        assert answer.data.startswith(b"\x89PNG")
        assert answer.headers["Content-Disposition"].endswith('.png"')


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/now/nothing.csv", "expected one of forecast, no-arrivals,"),
        ("/now/totals.png", "is a table and has no picture"),
        ("/embed/now/totals", "only charts can be embedded"),
        ("/record/weeks-live.csv", "no charts yet"),
    ],
)
def test_what_is_not_there_is_said(site: Any, path: str, words: str) -> None:
    answer = site.client.get(path)
    assert answer.status_code == 404
    assert words in answer.get_json()["detail"]


def test_nobody_frames_a_chart_unless_a_setting_names_them(
    context: Context, client: FlaskClient
) -> None:
    bare = client.get("/embed/now/forecast")
    assert "frame-ancestors 'none'" in bare.headers["Content-Security-Policy"]
    assert "&lt;iframe" not in client.get("/").text
    settings = context.settings.model_copy(
        update={"embed_origins": "https://a.example, https://b.example"}
    )
    framed = create_app(Context(settings, context.database), Hand(NOW)).test_client()
    for path in ("//embed/now/forecast", "/embed/now/forecast"):
        answer = framed.get("/", environ_overrides={"PATH_INFO": path})
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://a.example https://b.example")
    assert "default-src 'none'" in policy
    assert "X-Frame-Options" not in answer.headers
    assert "<script" not in answer.text
    page = framed.get("/")
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    (address,) = set(re.findall(r"/embed/now/year[^&\"]*", html.unescape(page.text)))
    assert framed.get(address).status_code == 200


def test_a_copy_says_that_its_forecast_is_out_of_date(site: Any) -> None:
    fresh = site.client.get("/embed/now/forecast").text
    site.clock.now += dt.timedelta(days=9)
    page = site.client.get("/embed/now/forecast").text
    facts = site.client.get("/now/forecast.metadata.json").get_json()
    site.clock.now -= dt.timedelta(days=9)
    assert "Out of date" not in fresh
    assert "latest figures are for 31 December 2025" in page.replace("\xa0", " ")
    assert "Status when downloaded: out of date." in facts["dc:bibliographicCitation"]


def offered(page: str) -> dict[str, list[str]]:
    """The names of the CSVs that follow each chart and table, by the heading that they stand under.

    A heading begins a part of the page, and the links of a part come after its charts and tables.
    """
    parts: dict[str, list[str]] = {}
    shows, links = False, []
    heading = ""
    main = LexborHTMLParser(page).css_first("main")
    assert main is not None
    for node in main.traverse():
        if node.tag in ("h1", "h2", "h3"):
            if shows:
                parts[heading] = links
            shows, links, heading = False, [], node.text().strip()
        shows |= node.tag == "table" or (node.tag == "svg" and "chart" in node.attributes["class"])
        if node.tag == "a" and ".csv" in (node.attributes.get("href") or ""):
            links.append(str(node.attributes["href"]))
    return parts | ({heading: links} if shows else {})


def test_no_chart_or_table_of_a_page_is_without_its_numbers(site: Any, windy: Any) -> None:
    weekly(site, 17)
    for path in (*PAGES, "/record"):
        page = site.client.get(path).text
        assert [heading for heading, links in offered(page).items() if not links] == []
        anchors = re.findall(r'#([\w-]+)">Link to this', page)
        assert anchors and all(f'id="{anchor}"' in page for anchor in anchors)
    assert offered(site.client.get("/about").text) == {}
    parts = offered(windy.client.get("/").text)
    assert all(parts.values())
    (sea,) = parts["Wind and waves in the coming days"]
    shown = LexborHTMLParser(windy.client.get("/").text).css(
        "[aria-label^='Wind and waves'] tbody tr"
    )
    assert [row["date"] for row in rows_of(windy, sea)] == [
        row.css_first("time").attributes["datetime"] for row in shown
    ]
    facts = json.loads(windy.client.get(sea.replace(".csv", ".metadata.json")).text)
    assert "Open-Meteo" in facts["dc:source"] and "by/4.0" in facts["dc:license"]["@id"]
    assert {one.get("schema:unitText") for one in facts["tableSchema"]["columns"]} == {
        *(None, "km/h", "m")
    }


def test_the_table_of_likelihoods_is_that_of_the_api(site: Any) -> None:
    rows = site.client.get("/v1/series/people/track-record").get_json()["likelihood"]
    found = rows_of(site, "/record/likelihood-live.csv")
    assert [(row["measure"], row["days"], row["share_arrived"]) for row in found] == [
        (row["measure"], str(row["days"]), str("" if row["share"] is None else row["share"]))
        for row in rows
    ]
