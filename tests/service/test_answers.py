"""JSON, page, email and Grafana give the same numbers."""

import datetime as dt
import re
from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser

from service.answers.issue_loader import IssueLoader
from service.answers.wording import FILTERS, approximate_headline, per_cent, range_chance
from service.app import create_app
from service.core.context import Context
from service.issues import refit as refits
from service.issues.refit import refit
from service.mail import chart
from service.mail.delivery_store import Reader
from service.mail.edition import build_edition, iso_week
from service.mail.render import weekly_messages
from tests.service.api.test_grafana import fill_variables, targets
from tests.service.mailbox import read_body
from tests.service.support import NOW, ROUTE, ManualClock, utc

D = dt.date

BASE = "/v1/series/people"
THRESHOLD = 500


class Interfaces:
    """One issue, as each interface shows it."""

    def __init__(self, client, context, clock, week="2026-W01"):
        self.client, self.clock = client, clock
        settings = context.settings.model_copy(update={"mail_from": "a@b.org"})
        loader = IssueLoader(replace(context, settings=settings), clock)
        render = weekly_messages(loader, build_edition(loader, week))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chart, "draw", lambda _: {})  # drawing is slow
            message = render(Reader("reader@example.org", THRESHOLD))
        self.mail = re.sub(r" +", " ", read_body(message))
        self.mail_words = re.sub(r"\s+", " ", self.mail)

    def api(self, question):
        answer = self.client.get(f"{BASE}/{question}")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def page(self, path):
        return LexborHTMLParser(self.client.get(path).text)

    def grafana(self, name):
        """Send the dashboard's own request for a path, with its variables as set."""
        *_, url = (one["url"] for _, one in targets() if f"/{name}?" in one["url"])
        last = ROUTE.day(self.clock()) + dt.timedelta(days=27)
        variables = {"__timeFrom:date:iso": "2025-12-01", "__timeTo:date:iso": f"{last}T12:00:00Z"}
        answer = self.client.get(fill_variables(url, **variables))
        assert answer.status_code == 200, url
        return answer.get_json()

    def simpod(self, field, first, last):
        query = {
            "range": {"from": f"{first}T12:00:00Z", "to": f"{last}T12:00:00Z"},
            "targets": [{"target": f"people.{field}"}],
        }
        (series,) = self.client.post("/grafana/query", json=query).get_json()
        return [point[0] for point in series["datapoints"]]


@pytest.fixture
def interfaces(client, context, clock):
    assert clock.now == NOW
    return Interfaces(client, context, clock)


def get_text(node):
    return re.sub(r"\s+", " ", node.text(separator=" ")).strip()


def format_range(row, level):
    return f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}"


def test_intervals_of_each_day_are_the_same_everywhere(interfaces):
    rows = interfaces.api("forecast?horizon=7&levels=50,80,95")["rows"]
    page_rows = interfaces.page("/").css("table.days tbody tr")[:7]
    panel = {row["date"]: row for row in interfaces.grafana("panel")["rows"]}
    for at, row in enumerate(rows):
        on_page = get_text(page_rows[at])
        assert page_rows[at].css_first("td .likelihood").text().lower() == row["likelihood"]
        (in_mail,) = re.findall(rf"^{format_mail_day(row)} .*$", interfaces.mail, re.MULTILINE)
        assert f" {row['median']:,} " in in_mail
        for level in (50, 80, 95):
            assert format_range(row, level) in on_page
            assert format_range(row, level) in in_mail
            for bound in ("lo", "hi"):
                assert panel[row["date"]][f"{bound}{level}"] == row[f"{bound}{level}"]
        for name in ("median", "likelihood"):
            assert panel[row["date"]][name] == row[name]
        assert in_mail.endswith(f" {row['likelihood']}")
        assert per_cent(row["p_zero"]) in in_mail
        assert FILTERS["short_per_cent"](row["p_zero"]) in on_page
    for field in ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95"):
        assert interfaces.simpod(field, NOW.date(), D(2026, 1, 8)) == [row[field] for row in rows]


@pytest.mark.parametrize("period", ["next_7_days", "this_month", "calendar_year"])
def test_totals_are_the_same_everywhere(interfaces, period):
    (row,) = interfaces.api(f"totals?periods={period}&levels=80,95")["rows"]
    page_rows = interfaces.page("/").css("table.totals tbody tr")
    median_and_range = f" {row['median']:,} {format_range(row, 80)} "
    on_page = f"{median_and_range}{FILTERS['count'](row['last_year'])} "
    assert any(on_page in f" {get_text(page_row)} " for page_row in page_rows)
    in_mail = interfaces.mail
    last_year = "-" if row["last_year"] is None else f"{row['last_year']:,}"
    assert f"{median_and_range}{format_range(row, 95)} {last_year}\n" in in_mail
    (board,) = [r for r in interfaces.grafana("totals")["rows"] if r["period"] == period]
    for name in ("from", "to", "known", "median", "lo80", "hi80", "lo95", "hi95"):
        assert board[name] == row[name]
    if period == "next_7_days":
        about, lo80, hi80 = approximate_headline(row)
        sentence = f"about {about} people ({range_chance(lo80, hi80)})"
        assert sentence in in_mail
        assert interfaces.page("/").css_first("h1").text().count(sentence) == 1


def test_chances_above_threshold_are_the_same_everywhere(interfaces):
    answers = {
        horizon: interfaces.api(f"exceedance?threshold={THRESHOLD}&window=1&horizon={horizon}")
        for horizon in (7, 28)
    }
    in_7_days, in_28_days = (per_cent(answers[horizon]["p_any"]) for horizon in (7, 28))
    tile = get_text(interfaces.page("/").css("dl.tiles .tile")[-1])
    assert f"{in_7_days} within 7 days" in tile
    assert f"{in_28_days} within 28 days" in tile
    plan = interfaces.page(f"/plan?threshold={THRESHOLD}&window=1&horizon=28")
    assert get_text(plan.css_first("p.answer strong")) == f"{in_28_days} chance"
    in_mail = interfaces.mail
    assert f"{in_7_days} chance of exceeding it on at least one of the 7 days" in in_mail
    total = interfaces.api(f"exceedance?threshold={THRESHOLD}&window=7&horizon=7")["p_any"]
    assert f"{per_cent(total)} chance that the total for the 7 days exceeds it" in in_mail
    by_day = {row["date"]: row["p_above"] for row in answers[28]["rows"]}
    page_rows = plan.css("#above-heading ~ details tbody tr")
    assert [get_text(row.css_first("td")) for row in page_rows] == [
        per_cent(p) for p in by_day.values()
    ]
    board = interfaces.grafana("exceedance")
    threshold = board["threshold"]
    gauge = interfaces.grafana("gauges/chance")["rows"][0]
    answer = interfaces.api(f"exceedance?threshold={threshold}&window=1&horizon=28")
    assert gauge["value"] == board["p_any"] == answer["p_any"]
    assert board["rows"] == answer["rows"]


def test_places_needed_are_the_same_everywhere(interfaces):
    """The email does not have them, as it has no length of stay."""
    board = interfaces.grafana("capacity")
    stay, share = board["stay_days"], board["share"]
    answer = interfaces.api(f"capacity?stay_days={stay}&share={share}&horizon=28")
    assert (board["places_peak"], board["rows"]) == (answer["places_peak"], answer["rows"])
    plan = interfaces.page(f"/plan?stay_days={stay}&share={100 * share:.0f}&horizon=28")
    peak = plan.css_first("#places-heading ~ p.answer strong")
    assert get_text(peak) == f"{answer['places_peak']:,} places"
    for page_row, row in zip(
        plan.css("#places-heading ~ details tbody tr"), answer["rows"], strict=True
    ):
        cells = [get_text(cell) for cell in page_row.css("td")]
        assert cells == [f"{row['median']:,}", format_range(row, 80), f"{row['places']:,}"]


def format_mail_day(row):
    """Format a day as the email does."""
    return f"{dt.date.fromisoformat(row['date']):%a %-d %b}"


@pytest.fixture
def publish(filled, monkeypatch):
    """Publish an issue at `issued_at`, and return its interfaces at `now`."""

    def publish(issued_at, now, horizon=40):
        monkeypatch.setattr(refits, "utc_now", ManualClock(issued_at))
        settings = filled.settings.model_copy(update={"horizon": horizon})
        context, clock = Context(settings, filled.database), ManualClock(now)
        refit(context)
        app = create_app(context, clock)
        return Interfaces(app.test_client(), context, clock, iso_week(ROUTE, now))

    return publish


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (utc(2026, 1, 1, 23, 59, 59), D(2026, 1, 1)),
        (utc(2026, 1, 2), D(2026, 1, 2)),
        (utc(2026, 3, 29, 22, 59, 59), D(2026, 3, 29)),  # a day of 23 hours
        (utc(2026, 6, 30, 22, 59, 59), D(2026, 6, 30)),  # British Summer Time
        (utc(2026, 6, 30, 23), D(2026, 7, 1)),
        (utc(2026, 10, 25, 23, 59, 59), D(2026, 10, 25)),  # a day of 25 hours
        (utc(2027, 1, 1), D(2027, 1, 1)),
    ],
)
def test_answers_begin_today_everywhere(publish, now, today):
    interfaces = publish(now - dt.timedelta(hours=8), now)
    answer = interfaces.api("forecast?horizon=7")
    rows = answer["rows"]
    assert (answer["from"], rows[0]["date"]) == (today.isoformat(),) * 2
    assert rows[0]["horizon_days"] == (today - D(2025, 12, 31)).days
    assert {row["note"] for row in rows} == {None}
    (total,) = interfaces.api("totals?periods=next_7_days")["rows"]
    assert total["from"] == today.isoformat()
    for name in ("exceedance", "capacity", "explanation"):
        assert interfaces.api(name)["rows"][0]["date"] == today.isoformat()
    about, _, _ = approximate_headline(total)
    page, headline = interfaces.page("/"), f"Next 7 days: about {about} people"
    assert page.css_first("h1").text().startswith(headline)
    first = page.css_first("table.days tbody tr time")
    assert first.attributes["datetime"] == today.isoformat()
    assert headline in interfaces.mail_words
    assert f"\n{format_mail_day(rows[0])} {rows[0]['median']:,} " in interfaces.mail
    chance = interfaces.grafana("gauges/chance")["rows"][0]
    answer = interfaces.api(f"exceedance?threshold={chance['threshold']}&window=1&horizon=28")
    assert chance["value"] == answer["p_any"]
    assert interfaces.grafana("exceedance")["rows"][0]["date"] == today.isoformat()
    medians = interfaces.simpod("median", today, today + dt.timedelta(days=6))
    assert medians == [row["median"] for row in rows]
    horizon = rows[0]["horizon_days"]
    from_january = interfaces.api(f"forecast?from=2026-01-01&horizon={horizon}")["rows"]
    notes = [row["note"] for row in from_january]
    assert notes == ["not yet published"] * (horizon - 1) + [None]
    if (today - D(2025, 12, 31)).days > 3:
        caution = "We have no figures after 31 December 2025, so this is based on the time of year"
        assert caution in page.css_first("p.caution").text()
        assert caution in interfaces.mail_words
    else:
        assert not page.css("p.caution")


def test_etag_changes_at_midnight(publish):
    interfaces = publish(utc(2026, 3, 29, 12), utc(2026, 3, 29, 22, 59, 30))
    before = interfaces.client.get(f"{BASE}/forecast")
    assert before.headers["X-Crossings-From"] == "2026-03-29"
    interfaces.clock.now += dt.timedelta(seconds=30)
    headers = {"If-None-Match": before.headers["ETag"]}
    after = interfaces.client.get(f"{BASE}/forecast", headers=headers)
    assert (after.status_code, after.get_json()["from"]) == (200, "2026-03-30")
    assert interfaces.client.get("/", headers=headers).status_code == 200


def test_issue_answers_400_days_beyond_its_day(publish):
    interfaces = publish(utc(2026, 2, 1, 12), utc(2026, 2, 1, 13), 400)
    assert len(interfaces.api("forecast?horizon=401")["rows"]) == 401
    last = "2027-03-08"
    answer = interfaces.client.get(f"{BASE}/forecast?horizon=402")
    assert answer.status_code == 400
    assert f"as {last} is the last day that can be answered" in answer.get_json()["detail"]
    interfaces.clock.now = utc(2027, 3, 9, 12)
    for path in (f"{BASE}/forecast", f"{BASE}/gauges/chance", "/"):
        answer = interfaces.client.get(path)
        assert answer.status_code == 409
        assert f"can answer is {last}, and 2027-03-09 is requested" in answer.text


def test_issue_by_id_or_as_of_begins_on_its_own_day(publish):
    interfaces = publish(utc(2026, 1, 3, 12), utc(2026, 1, 20, 12), 400)
    issue_id = interfaces.api("forecast")["issue_id"]
    for question, first in (
        (f"issue={issue_id}", "2026-01-01"),
        ("as_of=2026-01-05", "2026-01-06"),
        ("as_of=2026-01-05T23:59:59Z", "2026-01-05"),
        ("as_of=2026-01-20", "2026-01-21"),
        ("as_of=2026-01-05&from=2026-01-10", "2026-01-10"),
        ("", "2026-01-20"),
    ):
        answer = interfaces.api(f"forecast?horizon=3&{question}")
        assert (answer["from"], answer["rows"][0]["date"]) == (first, first), question
    scenario = {"level_percent": 10, "horizon": 3, "from": "2026-01-10"}
    answer = interfaces.client.post(f"{BASE}/scenarios", json=scenario).get_json()
    assert [answer["rows"][0]["date"], answer["totals"][0]["from"]] == ["2026-01-10"] * 2
