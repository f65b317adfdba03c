from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter

import numpy as np
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser

from forecast.paths import Paths
from service.app import create_app
from service.core.context import Context
from service.issues.score import score
from tests.service.support import ManualClock, publish, random_paths, record_run, utc
from tests.service.test_answers import BASE, Interfaces, format_mail_day, get_text


def test_json_page_mail_and_grafana_show_the_same_class(
    filled: Context, clock: ManualClock
) -> None:
    """With chances at the thresholds and next to them, from today on."""
    arrivals = {1101: "likely", 1100: "possible", 1099: "possible", 701: "possible"}
    arrivals |= {700: "possible", 699: "unlikely", 0: "unlikely", 2000: "likely"}
    expected = list(arrivals.values())
    values = np.zeros((2000, 60), np.int32)
    for day, count in enumerate(arrivals, 1):  # after the first day, which is past
        values[:count, day] = 40
    paths = {"climatology": Paths(np.datetime64("2026-01-01"), values)}
    publish(filled.database, paths, record_run(filled.database, "thresholds"))
    client = create_app(filled, clock).test_client()
    interfaces = Interfaces(client, filled, clock)
    rows = interfaces.api("forecast?horizon=8")["rows"]
    assert [row["likelihood"] for row in rows] == expected
    assert [row["p_any"] for row in rows] == [count / 2000 for count in arrivals]
    table = csv.DictReader(io.StringIO(client.get(f"{BASE}/forecast?horizon=8&format=csv").text))
    assert [row["likelihood"] for row in table] == expected
    on_page = interfaces.page("/").css("table.days tbody tr")[:8]
    chips = [row.css_first("td .likelihood") for row in on_page]
    assert [chip.text().lower() for chip in chips] == expected
    assert [chip.attributes["class"] for chip in chips] == [
        f"likelihood {name}" for name in expected
    ]
    for row, name in zip(rows[:7], expected[:7], strict=True):
        assert re.search(rf"^{format_mail_day(row)} .* {name}$", interfaces.mail, re.MULTILINE)
    in_html_mail = [
        cell.text().lower() for cell in LexborHTMLParser(interfaces.html).css("td.word span")
    ]
    assert in_html_mail == expected[:7]
    assert [row["likelihood"] for row in interfaces.grafana("forecast")["rows"]][:8] == expected
    panel = {row["date"]: row["likelihood"] for row in interfaces.grafana("panel")["rows"]}
    assert [panel[row["date"]] for row in rows] == expected
    assert panel["2025-12-31"] is None


def test_track_record_counts_published_classes(client: FlaskClient, context: Context) -> None:
    """Weekly issues, so no date has two forecasts; the chance on day 1 is just over 0.55."""
    published: Counter[tuple[str, str]] = Counter()
    for week in range(6):
        issued_at = utc(2025, 9, 3, 15) + dt.timedelta(weeks=week)
        run_id = record_run(context.database, f"{issued_at}", issued_at)
        values = random_paths(str(issued_at.date()), 28, 3001, week).values.copy()
        values[:, 0] = np.arange(3001) < 1651
        paths = {"climatology": Paths(np.datetime64(issued_at.date()), values)}
        issue = publish(context.database, paths, run_id, issued_at).issue_id
        days = client.get(f"{BASE}/forecast?issue={issue}&horizon=7").get_json()["rows"]
        for lead, row in enumerate(days):
            measure = ("day_1", *["days_2_3"] * 2, *["days_4_7"] * 4)[lead]
            published[measure, row["likelihood"]] += 1
    score(context)
    rows = client.get(f"{BASE}/track-record").get_json()["likelihood"]
    counted = {(row["measure"], row["likelihood"]): row["days"] for row in rows}
    assert counted == {key: published[key] for key in counted}
    assert counted["day_1", "likely"] == 6
    page = LexborHTMLParser(client.get("/record").text)
    cells = [get_text(cell) for cell in page.css("#likelihood-live ~ table.likelihoods tbody td")]
    for cell, row in zip(cells, rows, strict=True):
        share, lo, hi = (f"{100 * (row[f'share{end}'] or 0):.0f}%" for end in ("", "_lo", "_hi"))
        days = "1 day" if row["days"] == 1 else f"{row['days']} days"
        assert cell == (f"{share} of {days} {lo} to {hi}" if row["days"] else "–")
