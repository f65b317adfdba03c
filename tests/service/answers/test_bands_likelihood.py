from __future__ import annotations

import csv
import io
import re

import numpy as np
from selectolax.lexbor import LexborHTMLParser

from forecast.paths import Paths
from service.app import create_app
from service.core.context import Context
from tests.service.support import ManualClock, publish, record_run
from tests.service.test_answers import BASE, Interfaces, format_mail_day


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
