from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET

from service.app import create_app
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import NOW, ROUTE, publish, random_paths, utc

ATOM = "{http://www.w3.org/2005/Atom}"


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
    day = dt.date(2025, 12, 3)
    overruled = Figure("people", day, 4320, "page", utc(2026, 1, 1, 13))
    figures = [Figure("people", day, 4321, "workbook", utc(2026, 1, 1, 12)), overruled]
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, figures, NOW)
    feed, entries = read_feed(client)
    times = [entry["updated"] for entry in entries]
    assert times == sorted(times, reverse=True)
    assert feed.findtext(f"{ATOM}updated") == times[0]
    assert len({entry["id"] for entry in entries}) == len(entries) == 4
    (correction,) = [
        e for e in entries if e["title"] == "Correction: the figure for 3 December 2025"
    ]
    assert correction["summary"].startswith("4,321 people, previously published as ")
    short, long = entries[-2:]
    assert short["summary"].startswith("Forecast people-"), "too short for a week"
    assert long["title"] == "Forecast published 25 December 2025, 00:00 UK time"
    assert long["summary"].startswith("25 to 31 December 2025: about ")
    assert read_feed(client)[1] == entries, "entries do not change"


def test_each_series_has_its_feed(client):
    feed, entries = read_feed(client, "?series=boats")
    assert feed.findtext(f"{ATOM}title") == "Channel crossings forecast: boats"
    assert " boats (90% chance of at most 21). Figures to 31 " in entries[0]["summary"]
    assert '<link rel="alternate" type="application/atom+xml"' in client.get("/").text


def test_feed_before_the_first_issue_is_503(empty, clock):
    response = create_app(empty, clock).test_client().get("/feed.atom")
    assert (response.status_code, "published yet" in response.text) == (503, True)
