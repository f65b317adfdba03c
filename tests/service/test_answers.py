"""The four faces, JSON, page, mail and Grafana, asked the same: they give the same number."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser

from service.answers.issue_loader import IssueLoader
from service.answers.wording import FILTERS, approximate_headline, per_cent
from service.app import create_app
from service.core.context import Context
from service.issues import refit as refits
from service.issues.refit import refit
from service.mail.edition import gather, iso_week
from service.mail.render import MailRenderer, Reader
from tests.service.support import NOW, ROOT, ROUTE, Hand, utc

D = dt.date

BASE = "/v1/series/people"
THRESHOLD = 500
BOARD = json.loads((ROOT / "grafana" / "dashboards" / "crossings.json").read_text("utf-8"))


class Faces:
    """The same issue, as each face shows it."""

    def __init__(
        self, client: FlaskClient, context: Context, clock: Hand, week: str = "2026-W01"
    ) -> None:
        self.client, self.clock = client, clock
        loader = IssueLoader(context, clock)
        settings = context.settings.model_copy(update={"mail_from": "a@b.org"})
        edition = gather(loader, week)
        press = MailRenderer(edition, loader.view("people").paths, settings)
        self.mail = press.text(Reader("reader@example.org", THRESHOLD))
        self.html = press.html(Reader("reader@example.org", THRESHOLD))

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
        values: dict[str, Any] = {"threshold": THRESHOLD}  # the dashboard asks for it
        for one in BOARD["templating"]["list"]:
            values |= {one["name"]: one["current"]["value"]} if "current" in one else {}
        url = re.sub(r"\$\{(\w+)\}", lambda found: str(values[found[1]]), texts[-1])
        url = url.replace("${__timeFrom:date:iso}", "2025-12-01T00:00:00Z")
        last = ROUTE.day(self.clock()) + dt.timedelta(days=27)
        answer = self.client.get(url.replace("${__timeTo:date:iso}", f"{last}T12:00:00Z"))
        assert answer.status_code == 200, url
        return answer.get_json()

    def simpod(self, field: str, first: D, last: D) -> list[int]:
        asked = {
            "range": {"from": f"{first}T12:00:00Z", "to": f"{last}T12:00:00Z"},
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
        day = re.search(rf"^{weekday(row)} .*$", faces.mail, re.MULTILINE)
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
        assert faces.simpod(field, NOW.date(), D(2026, 1, 8)) == [row[field] for row in rows]


@pytest.mark.parametrize("period", ["next_7_days", "this_month", "calendar_year"])
def test_a_total(faces: Faces, period: str) -> None:
    (row,) = faces.api(f"totals?periods={period}&levels=80,95")["rows"]
    shown = [words(one) for one in faces.page("/").css("table.totals tbody tr")]
    median, band = f"{row['median']:,}", span(row, 80)
    assert any(f" {median} {band} " in f" {one} " for one in shown)
    mailed = re.sub(r" +", " ", faces.mail)
    before = "-" if row["last_year"] is None else f"{row['last_year']:,}"
    assert f" {median} {band} {span(row, 95)} {before}\n" in mailed
    board = {one["period"]: one for one in faces.grafana("totals")["rows"]}[period]
    for name in ("from", "to", "known", "median", "lo80", "hi80", "lo95", "hi95"):
        assert board[name] == row[name]
    if period == "next_7_days":
        about, lo80, hi80 = approximate_headline(row)
        sentence = f"about {about} people (80% chance of between {lo80} and {hi80})"
        assert sentence in mailed
        assert faces.page("/").css_first("h1").text().count(sentence) == 1


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
    assert f"{near} chance of exceeding it on at least one of the 7 days" in re.sub(
        r" +", " ", faces.mail
    )
    together = faces.api(f"exceedance?threshold={THRESHOLD}&window=7&horizon=7")["p_any"]
    assert f"{per_cent(together)} chance that the total for the 7 days exceeds it" in re.sub(
        r" +", " ", faces.mail
    )
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


def weekday(row: dict[str, Any]) -> str:
    """The day as the mail writes it."""
    return f"{dt.date.fromisoformat(row['date']):%a %-d %b}"


@pytest.fixture
def moved(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Faces]]:
    """The four faces of an issue made on the first of two moments, asked at the second."""

    def ask(made: dt.datetime, asked: dt.datetime, horizon: int = 40) -> Faces:
        monkeypatch.setattr(refits, "utc_now", Hand(made))
        settings = filled.settings.model_copy(update={"horizon": horizon})
        context, clock = Context(settings, filled.database), Hand(asked)
        refit(context)
        app = create_app(context, clock)
        return Faces(app.test_client(), context, clock, iso_week(ROUTE, asked))

    yield ask


@pytest.mark.parametrize(
    ("asked", "today"),
    [
        (utc(2026, 1, 1, 23, 59, 59), D(2026, 1, 1)),
        (utc(2026, 1, 2), D(2026, 1, 2)),
        (utc(2026, 6, 30, 22, 59, 59), D(2026, 6, 30)),  # British Summer Time
        (utc(2026, 6, 30, 23), D(2026, 7, 1)),
        (utc(2026, 3, 29, 0, 30), D(2026, 3, 29)),  # a day of 23 hours
        (utc(2026, 3, 29, 22, 59, 59), D(2026, 3, 29)),
        (utc(2026, 3, 29, 23), D(2026, 3, 30)),
        (utc(2026, 10, 25, 0, 30), D(2026, 10, 25)),  # a day of 25 hours
        (utc(2026, 10, 25, 23, 59, 59), D(2026, 10, 25)),
        (utc(2026, 10, 26), D(2026, 10, 26)),
        (utc(2026, 12, 31, 23, 59, 59), D(2026, 12, 31)),
        (utc(2027, 1, 1), D(2027, 1, 1)),
    ],
)
def test_next_means_from_today_on_every_face(
    moved: Callable[..., Faces], asked: dt.datetime, today: D
) -> None:
    faces = moved(asked - dt.timedelta(hours=8), asked)
    forecast = faces.api("forecast?horizon=7")
    rows = forecast["rows"]
    assert (forecast["from"], rows[0]["date"]) == (today.isoformat(),) * 2
    assert rows[0]["horizon_days"] == (today - D(2025, 12, 31)).days
    assert {row["note"] for row in rows} == {None}
    (total,) = faces.api("totals?periods=next_7_days")["rows"]
    assert total["from"] == today.isoformat()
    for name in ("exceedance", "capacity", "explanation"):
        assert faces.api(name)["rows"][0]["date"] == today.isoformat()
    about, _, _ = approximate_headline(total)
    page, week = faces.page("/"), f"Next 7 days: about {about} people"
    assert page.css_first("h1").text().startswith(week)
    first = page.css_first("table.days tbody tr time")
    assert first.attributes["datetime"] == today.isoformat()
    assert week in re.sub(r"\s+", " ", faces.mail)
    assert re.search(rf"^{weekday(rows[0])} +{rows[0]['median']:,} ", faces.mail, re.MULTILINE)
    chance = faces.grafana("gauges/chance")["rows"][0]
    same = faces.api(f"exceedance?threshold={chance['threshold']}&window=1&horizon=28")
    assert chance["value"] == same["p_any"]
    assert faces.grafana("exceedance")["rows"][0]["date"] == today.isoformat()
    end = today + dt.timedelta(days=6)
    medians = [row["median"] for row in rows]
    assert faces.simpod("median", today, end) == medians
    listed = faces.api(f"forecast?from=2026-01-01&horizon={rows[0]['horizon_days']}")["rows"]
    notes = [row["note"] for row in listed]
    assert notes == ["not yet published"] * (len(listed) - 1) + [None]
    if (today - D(2025, 12, 31)).days > 3:
        caution = "There are no figures after 31 December 2025, so this reflects the season"
        assert caution in page.css_first("p.caution").text()
        assert caution in re.sub(r"\s+", " ", faces.mail)
    else:
        assert not page.css("p.caution")


def test_at_midnight_the_tag_changes_and_no_answer_is_kept_beyond_it(
    moved: Callable[..., Faces],
) -> None:
    faces = moved(utc(2026, 3, 29, 12), utc(2026, 3, 29, 22, 59, 30))
    before = faces.client.get(f"{BASE}/forecast")
    assert before.headers["Cache-Control"] == "public, max-age=30"
    assert before.headers["X-Crossings-From"] == "2026-03-29"
    faces.clock.now += dt.timedelta(seconds=30)
    held = {"If-None-Match": before.headers["ETag"]}
    after = faces.client.get(f"{BASE}/forecast", headers=held)
    assert (after.status_code, after.get_json()["from"]) == (200, "2026-03-30")
    assert after.headers["Cache-Control"] == "public, max-age=60"
    assert faces.client.get("/", headers=held).status_code == 200


def test_people_who_came_on_days_not_yet_published_are_counted(moved: Callable[..., Faces]) -> None:
    faces = moved(utc(2026, 1, 4, 12), utc(2026, 1, 5, 12))
    whole = faces.api("capacity?stay_days=4&horizon=10&from=2026-01-01")["rows"]
    from_today = faces.api("capacity?stay_days=4&horizon=6")["rows"]
    assert [row["median"] for row in from_today] == [row["median"] for row in whole[4:]]
    assert from_today[0]["mean"] > 0
    (month,) = faces.api("totals?periods=this_month")["rows"]
    assert (month["from"], month["simulated_days"]) == ("2026-01-01", 31)


def test_an_issue_reaches_400_days_beyond_its_day_and_says_where_it_ends(
    moved: Callable[..., Faces],
) -> None:
    faces = moved(utc(2026, 2, 1, 12), utc(2026, 2, 1, 13), 400)
    assert len(faces.api("forecast?horizon=401")["rows"]) == 401
    last = "2027-03-08"
    refused = faces.client.get(f"{BASE}/forecast?horizon=402")
    assert refused.status_code == 400
    assert f"as {last} is the last day that can be answered" in refused.get_json()["detail"]
    faces.clock.now = utc(2027, 3, 9, 12)
    for path in (f"{BASE}/forecast", f"{BASE}/gauges/chance", "/"):
        refused = faces.client.get(path)
        assert refused.status_code == 409
        assert f"can answer is {last}, and 2027-03-09 is asked" in refused.text


def test_an_issue_reaches_at_most_1600_days_beyond_its_figures() -> None:
    assert refits.reach(D(2025, 12, 31), D(2026, 1, 2), 400) == 402
    assert refits.reach(D(2025, 12, 31), D(2029, 12, 31), 400) == 1600
    assert refits.reach(D(2025, 12, 31), D(2025, 12, 31), 400) == 400


def test_an_issue_that_is_named_or_stood_then_is_asked_from_its_day(
    moved: Callable[..., Faces],
) -> None:
    faces = moved(utc(2026, 1, 3, 12), utc(2026, 1, 20, 12), 400)
    named = faces.api("forecast")["issue_id"]
    for question, first in (
        (f"issue={named}", "2026-01-01"),
        ("as_of=2026-01-05", "2026-01-06"),
        ("as_of=2026-01-05T23:59:59Z", "2026-01-05"),
        ("as_of=2026-01-20", "2026-01-21"),
        ("as_of=2026-01-05&from=2026-01-10", "2026-01-10"),
        ("", "2026-01-20"),
    ):
        found = faces.api(f"forecast?horizon=3&{question}")
        assert (found["from"], found["rows"][0]["date"]) == (first, first), question
    refused = faces.client.get(f"{BASE}/forecast?as_of=2026-01-21")
    assert "as_of: expected today, 2026-01-20, or before" in refused.get_json()["detail"]
    refused = faces.client.get(f"{BASE}/forecast?from=2025-12-31")
    assert refused.status_code == 400
    assert "from: expected a day from 2026-01-01 to 2027-02-07" in refused.get_json()["detail"]
    asked = {"level_percent": 10, "horizon": 3, "from": "2026-01-10"}
    found = faces.client.post(f"{BASE}/scenarios", json=asked).get_json()
    assert [found["rows"][0]["date"], found["totals"][0]["from"]] == ["2026-01-10"] * 2
