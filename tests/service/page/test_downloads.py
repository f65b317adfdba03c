"""Downloads of charts and tables, their metadata, embedded charts and the feed."""

import csv
import datetime as dt
import html
import io
import re
import xml.etree.ElementTree as ET

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.service.page.test_track_record import publish_weekly_issues
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import NOW, ROUTE, publish, random_paths, record_run, utc

PAGES = ("/", "/plan?threshold=250&our_share=3&horizon=14", "/compare", "/?series=boats")
ATOM = "{http://www.w3.org/2005/Atom}"


def find_links(page, extension):
    hrefs = re.findall(rf'href="(/[^"?]+\.{extension}\?[^"]*)"', page)
    return [html.unescape(href) for href in hrefs]


def read_csv(site, path):
    return list(csv.DictReader(io.StringIO(site.client.get(path).text)))


@pytest.mark.parametrize("path", PAGES)
def test_every_csv_has_matching_metadata(site, path):
    page = site.client.get(path).text
    tables = find_links(page, "csv")
    assert len(tables) >= 2
    metadata_paths = [one.partition("?")[0] for one in find_links(page, r"metadata\.json")]
    unit = "boats" if "boats" in path else "people"
    for table in tables:
        response = site.client.get(table)
        name = table.split("/")[2].split(".")[0]
        filename = response.headers["Content-Disposition"].split('"')[1]
        assert re.fullmatch(rf"{unit}-{name}-\d{{4}}-\d\d-\d\d\.csv", filename)
        columns = response.text.partition("\n")[0].split(",")
        metadata_path = table.replace(".csv", ".metadata.json")
        assert name == "plan" or metadata_path.partition("?")[0] in metadata_paths
        metadata = site.client.get(metadata_path).json
        assert [one["name"] for one in metadata["tableSchema"]["columns"]] == columns
        assert metadata["url"] == filename
        rows = csv.DictReader(io.StringIO(response.text))
        days = sorted(row[key] for row in rows for key in ("date", "from", "to") if row.get(key))
        span = f"{days[0]}/{days[-1]}" if days else None
        assert metadata.get("schema:temporalCoverage") == span
        assert "Open Government Licence" in metadata["dc:source"]
        identifier = metadata.get("dc:identifier", "As on 2 January 2026")
        assert identifier in metadata["dc:bibliographicCitation"]
        assert ("dc:identifier" in metadata) == ("/compare/" not in table)


def test_links_keep_the_issue_and_inputs(site):
    page = site.client.get(f"/plan?issue={site.earlier}&threshold=77").text
    for path in find_links(page, "csv"):
        assert f"issue={site.earlier}" in path and "threshold=77" in path
    page = site.client.get("/").text
    issue = site.client.get("/v1/series/people/issues").json["rows"][0]["issue_id"]
    assert f'href="/?issue={issue}&amp;from=2026-01-02#forecast"' in page
    assert f"Forecast {issue}, published" in page


def test_links_are_stable_after_a_newer_issue(context, client, clock):
    clock.now = NOW + dt.timedelta(days=3)  # after days without figures
    hrefs = find_links(client.get("/").text, "csv")
    (path,) = [href for href in hrefs if "/totals.csv" in href]
    page = client.get(path.replace("now/totals.csv", ""))
    data, heading = client.get(path).data, page.text.partition("<h1>")[2].partition("</h1>")[0]
    clock.now += dt.timedelta(days=1)
    assert client.get(path).data == data, "of the day shown, not of today"
    clock.now -= dt.timedelta(days=1)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)  # after the published issue
    publish(context.database, {"climatology": random_paths("2026-01-01", 28)}, 1, later)
    newer = client.get("/").text
    assert heading not in newer
    assert client.get(path).data == data
    past = client.get(path.replace("now/totals.csv", "")).text
    assert "This is a past forecast" in past and heading in past
    response = client.get(path.replace("from=2026-01-05", "from=tomorrow"))
    assert (response.status_code, "from: expected a day" in response.text) == (400, True)


def test_links_to_anchors_have_targets(site):
    for path in ("/", "/plan", "/record", "/compare", "/about"):
        for href in set(re.findall(r'href="(/[^"]*#[^"]+)"', site.client.get(path).text)):
            target, _, anchor = html.unescape(href).partition("#")
            assert f'id="{anchor}"' in site.client.get(target).text, href


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/now/nothing.csv", "expected one of forecast, no-arrivals,"),
        ("/now/totals.png", "is a table and has no picture"),
        ("/embed/now/totals", "only charts can be embedded"),
        ("/record/weeks-live.csv", "no charts yet"),
    ],
)
def test_unknown_download_is_404(site, path, words):
    response = site.client.get(path)
    assert response.status_code == 404
    assert words in response.json["detail"]


def test_embedding_is_allowed_for_configured_origins_only(site):
    response = site.client.get("/embed/now/forecast")
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert "&lt;iframe" not in site.client.get("/").text
    client = site.client_with(embed_origins="https://a.example, https://b.example")
    for path in ("//embed/now/forecast", "/embed/now/forecast"):
        response = client.get("/", environ_overrides={"PATH_INFO": path})
        assert response.status_code == 200
        policy = response.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://a.example https://b.example")
    assert "default-src 'none'" in policy
    assert "X-Frame-Options" not in response.headers
    assert "<script" not in response.text
    page = client.get("/")
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    (path,) = set(re.findall(r"/embed/now/year[^&\"]*", html.unescape(page.text)))
    assert client.get(path).status_code == 200
    (path,) = re.findall(r'/embed/now/forecast[^"&]*', client.get(f"/?issue={site.earlier}").text)
    assert "issue" not in path and "from" not in path, "the latest"


def test_embedded_chart_and_metadata_say_out_of_date(site, monkeypatch):
    assert "Out of date" not in site.client.get("/embed/now/forecast").text
    monkeypatch.setattr(site.clock, "now", NOW + dt.timedelta(days=9))
    page = site.client.get("/embed/now/forecast").text
    metadata = site.client.get("/now/forecast.metadata.json").json
    assert "latest figures are for 31 December 2025" in page
    assert "Status when downloaded: out of date." in metadata["dc:bibliographicCitation"]


def csv_links_by_heading(page):
    """The CSV links of each section with a chart or table, by its heading.

    The links of a section come after its charts and tables.
    """
    parts = {}
    shows, links, heading = False, [], ""
    for node in LexborHTMLParser(page).css_first("main").traverse():
        if node.tag in ("h1", "h2", "h3"):
            if shows:
                parts[heading] = links
            shows, links, heading = False, [], node.text().strip()
        shows |= node.tag == "table" or (node.tag == "svg" and "chart" in node.attributes["class"])
        if node.tag == "a" and ".csv" in (node.attributes.get("href") or ""):
            links.append(node.attributes["href"])
    return parts | ({heading: links} if shows else {})


def test_every_chart_and_table_has_a_csv(site, weather_site):
    publish_weekly_issues(site, 17)
    for path in (*PAGES, "/record"):
        page = site.client.get(path).text
        assert [heading for heading, links in csv_links_by_heading(page).items() if not links] == []
        anchors = re.findall(r'#([\w-]+)">Link to this', page)
        assert anchors and all(f'id="{anchor}"' in page for anchor in anchors)
    assert csv_links_by_heading(site.client.get("/about").text) == {}
    page = weather_site.client.get("/").text
    parts = csv_links_by_heading(page)
    assert all(parts.values())
    (sea,) = parts["Wind and waves in the coming days"]
    times = LexborHTMLParser(page).css("[aria-label^='Wind and waves'] tbody tr time:first-of-type")
    assert [row["date"] for row in read_csv(weather_site, sea)] == [
        time.attributes["datetime"] for time in times
    ]
    metadata = weather_site.client.get(sea.replace(".csv", ".metadata.json")).json
    assert "Open-Meteo" in metadata["dc:source"] and "by/4.0" in metadata["dc:license"]["@id"]
    units = {one.get("schema:unitText") for one in metadata["tableSchema"]["columns"]}
    assert units == {None, "km/h", "m"}


def read_feed(client, query=""):
    response = client.get(f"/feed.atom{query}")
    assert response.status_code == 200
    assert response.mimetype == "application/atom+xml"
    feed = ET.fromstring(response.data)
    parts = ("id", "title", "summary", "updated")
    return feed, [
        {name: (entry.findtext(ATOM + name) or "") for name in parts}
        for entry in feed.iter(f"{ATOM}entry")
    ]


def test_feed_lists_forecasts_and_corrections_newest_first(client, context):
    publish(context.database, {"climatology": random_paths("2025-12-25", 20)}, 1, utc(2025, 12, 25))
    publish(context.database, {"climatology": random_paths("2025-12-26", 3)}, 1, utc(2025, 12, 26))
    late = {"climatology": random_paths("2026-01-01", 28)}
    issue = publish(context.database, late, 1, NOW + dt.timedelta(days=2))
    newer = record_run(context.database, "newer")
    publish(context.database, late, newer, NOW + dt.timedelta(days=3))
    page = client.get(f"/?issue={issue.issue_id}").text
    assert re.search("<h1>4 to 10 January 2026: about ", page), "from its day of publication"
    day = dt.date(2025, 12, 3)
    overruled = Figure("people", day, 4320, "page", utc(2026, 1, 1, 13))
    figures = [Figure("people", day, 4321, "workbook", utc(2026, 1, 1, 12)), overruled]
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, figures, NOW)
    feed, entries = read_feed(client)
    times = [entry["updated"] for entry in entries]
    assert times == sorted(times, reverse=True)
    assert feed.findtext(f"{ATOM}updated") == times[0]
    assert len({entry["id"] for entry in entries}) == len(entries) == 6
    (correction,) = [
        e for e in entries if e["title"] == "Correction: the figure for 3 December 2025"
    ]
    assert correction["summary"].startswith("4,321 people, previously published as ")
    assert any(entry["summary"].startswith("4 to 10 January 2026: about ") for entry in entries)
    short, long = entries[-2:]
    assert short["summary"].startswith("Forecast people-"), "too short for a week"
    assert long["title"] == "Forecast published 25 December 2025, 00:00 UK time"
    assert long["summary"].startswith("25 to 31 December 2025: about ")
    assert read_feed(client)[1] == entries, "entries do not change"


def test_each_series_has_its_feed(site):
    feed, entries = read_feed(site.client, "?series=boats")
    assert feed.findtext(f"{ATOM}title") == "Channel crossings forecast: boats"
    assert " boats (90% chance of at most 20). Figures to 31 " in entries[0]["summary"]
    assert '<link rel="alternate" type="application/atom+xml"' in site.client.get("/").text
