"""The four faces, JSON, page, mail and Grafana, asked the same: they give the same number."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser

from service.answers.desk import Desk
from service.answers.headline import per_cent
from service.context import Context
from service.dashboard.words import FILTERS
from service.digest.edition import gather
from service.digest.render import Press, Reader
from service.digest.words import FILTERS as MAILED
from tests.service.support import NOW, ROOT, Hand

BASE = "/v1/series/people"
THRESHOLD = 500
BOARD = json.loads((ROOT / "grafana" / "dashboards" / "crossings.json").read_text("utf-8"))


class Faces:
    """The same issue, as each face shows it."""

    def __init__(self, client: FlaskClient, context: Context, clock: Hand) -> None:
        self.client = client
        desk = Desk(context, clock)
        settings = context.settings.model_copy(update={"mail_from": "a@b.org"})
        edition = gather(desk, "2026-W01")
        press = Press(edition, desk.view("people").paths, settings)
        self.mail = press.text(Reader("reader@example.org", THRESHOLD))

    def api(self, question: str) -> Any:
        answer = self.client.get(f"{BASE}/{question}")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def page(self, path: str) -> LexborHTMLParser:
        return LexborHTMLParser(self.client.get(path).text)

    def grafana(self, name: str) -> Any:
        """What the dashboard's own request for a path gets, its variables as they are set."""
        texts = re.findall(rf'"(/v1/series/[^"]*/{name}\?[^"]*)"', json.dumps(BOARD))
        assert texts, name
        values = {one["name"]: one["current"]["value"] for one in BOARD["templating"]["list"]}
        url = re.sub(r"\$\{(\w+)\}", lambda found: str(values[found[1]]), texts[0])
        url = url.replace("${__timeFrom:date:iso}", "2025-12-01T00:00:00Z")
        answer = self.client.get(url.replace("${__timeTo:date:iso}", "2026-01-28T00:00:00Z"))
        assert answer.status_code == 200, url
        return answer.get_json()

    def simpod(self, field: str) -> list[int]:
        asked = {
            "range": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-07T12:00:00Z"},
            "targets": [{"target": f"people.{field}"}],
        }
        (found,) = self.client.post("/grafana/query", json=asked).get_json()
        return [point[0] for point in found["datapoints"]]


@pytest.fixture
def faces(client: FlaskClient, context: Context, clock: Hand) -> Faces:
    assert clock.now == NOW
    return Faces(client, context, clock)


def words(node: Any) -> str:
    return re.sub(r"\s+", " ", node.text(separator=" ")).strip()


def span(row: dict[str, Any], level: int) -> str:
    return f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}"


def test_the_bands_of_a_day(faces: Faces) -> None:
    rows = faces.api("forecast?horizon=7&levels=50,80,95")["rows"]
    on_page = faces.page("/").css("table.days tbody tr")[:7]
    panel = {row["date"]: row for row in faces.grafana("panel")["rows"]}
    for at, row in enumerate(rows):
        shown = words(on_page[at])
        day = re.search(rf"^{_weekday(row)} .*$", faces.mail, re.MULTILINE)
        assert day
        mailed = re.sub(r"\s+", " ", day[0])
        assert f" {row['median']:,} " in mailed
        for level in (50, 80, 95):
            assert span(row, level) in shown
            assert span(row, level) in mailed
            for bound in ("lo", "hi"):
                assert panel[row["date"]][f"{bound}{level}"] == row[f"{bound}{level}"]
        assert panel[row["date"]]["median"] == row["median"]
        none = per_cent(row["p_zero"])
        assert none in mailed
        assert FILTERS["short_per_cent"](row["p_zero"]).replace("\xa0", " ") in shown
    for field in ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95"):
        assert faces.simpod(field) == [row[field] for row in rows]


@pytest.mark.parametrize("period", ["next_7_days", "this_month", "calendar_year"])
def test_a_total(faces: Faces, period: str) -> None:
    (row,) = faces.api(f"totals?periods={period}&levels=80,95")["rows"]
    shown = [words(one) for one in faces.page("/").css("table.totals tbody tr")]
    median, band = f"{row['median']:,}", span(row, 80)
    assert any(f" {median} {band} " in f" {one} " for one in shown)
    mailed = re.sub(r" +", " ", faces.mail)
    assert f" {median} {band} {span(row, 95)}\n" in mailed
    board = {one["period"]: one for one in faces.grafana("totals")["rows"]}[period]
    for name in ("from", "to", "known", "median", "lo80", "hi80", "lo95", "hi95"):
        assert board[name] == row[name]
    if period == "next_7_days":
        assert f"about {median} people, 8 weeks in 10 between {row['lo80']:,} and" in mailed
        assert faces.page("/").css_first("h1").text().count(f"about {median} people") == 1


def test_the_chance_of_passing_a_threshold(faces: Faces) -> None:
    within = {
        horizon: faces.api(f"exceedance?threshold={THRESHOLD}&window=1&horizon={horizon}")
        for horizon in (7, 28)
    }
    near, far = (per_cent(within[horizon]["p_any"]) for horizon in (7, 28))
    tile = words(faces.page("/").css("dl.tiles .tile")[-1])
    assert f"{near} within 7 days" in tile
    assert f"{far} within 28 days" in tile
    plan = faces.page(f"/plan?threshold={THRESHOLD}&window=1&horizon=28")
    assert words(plan.css_first("p.answer strong")) == far
    assert f"{near} chance that at least one of the 7 days" in re.sub(r" +", " ", faces.mail)
    together = faces.api(f"exceedance?threshold={THRESHOLD}&window=7&horizon=7")["p_any"]
    assert f"{per_cent(together)} chance that the 7 days together" in re.sub(r" +", " ", faces.mail)
    by_day = {row["date"]: row["p_above"] for row in within[28]["rows"]}
    listed = plan.css("#above-heading ~ details tbody tr")
    assert [words(row.css_first("td")) for row in listed] == [per_cent(p) for p in by_day.values()]
    board = faces.grafana("exceedance")
    threshold = board["threshold"]
    gauge = faces.grafana("gauges/chance")["rows"][0]
    same = faces.api(f"exceedance?threshold={threshold}&window=1&horizon=28")
    assert gauge["value"] == board["p_any"] == same["p_any"]
    assert board["rows"] == same["rows"]


def test_the_places_that_suffice(faces: Faces) -> None:
    """The mail says nothing of places: nobody\'s stay is known to it."""
    board = faces.grafana("capacity")
    stay, share = board["stay_days"], board["share"]
    same = faces.api(f"capacity?stay_days={stay}&share={share}&horizon=28")
    assert (board["places_peak"], board["rows"]) == (same["places_peak"], same["rows"])
    plan = faces.page(f"/plan?stay_days={stay}&share={100 * share:.0f}&horizon=28")
    peak = plan.css_first("#places-heading ~ p.answer strong")
    assert words(peak) == f"{same['places_peak']:,} places"
    for shown, row in zip(
        plan.css("#places-heading ~ details tbody tr"), same["rows"], strict=True
    ):
        cells = [words(cell) for cell in shown.css("td")]
        assert cells == [f"{row['median']:,}", span(row, 80), f"{row['places']:,}"]


def _weekday(row: dict[str, Any]) -> str:
    """The day as the mail writes it."""
    return str(MAILED["weekday"](row["date"]))
