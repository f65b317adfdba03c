from __future__ import annotations

import csv
import datetime as dt
import html
import io
import re
from typing import Any

import pytest

from service.answers.ahead import scale_to_share
from service.answers.alarms import record_alarms
from service.answers.capacity import capacity
from service.answers.errors import MOST_THRESHOLD
from service.answers.exceedance import exceedance
from service.answers.headline import headline
from service.answers.issue_loader import IssueLoader
from service.app import create_app
from service.core.context import Context
from service.core.database import Unavailable
from service.page import pages
from tests.service.support import ROUTE


def text(answer: Any) -> str:
    bare = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", html.unescape(bare))


@pytest.mark.parametrize("path", ["/", "/plan", "/record", "/about"])
def test_views_are_kept_by_the_browser_and_asked_for_again(site: Any, path: str) -> None:
    first = site.client.get(path)
    again = site.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert first.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/static/page.js", "/plan/plan.csv"])
def test_what_is_sent_is_compressed(site: Any, path: str) -> None:
    accepted = {"Accept-Encoding": "gzip, deflate, br"}  # as browsers say it
    plain = site.client.get(path, buffered=True)
    packed = site.client.get(path, headers=accepted, buffered=True)
    assert packed.headers["Content-Encoding"] == "br"
    assert len(packed.data) < len(plain.data) / 1.5
    assert "Accept-Encoding" in packed.headers["Vary"]
    tag = packed.headers["ETag"]
    assert tag != plain.headers["ETag"]
    headers = accepted | {"If-None-Match": tag}
    assert site.client.get(path, headers=headers, buffered=True).status_code == 304


def test_files_are_kept_for_ever_under_their_mark(site: Any) -> None:
    pages._mark.cache_clear()  # as in a process that has shown no page yet
    early = site.client.get("/static/page.css?v=0", buffered=True).headers["Cache-Control"]
    assert "immutable" not in early
    page = site.client.get("/").get_data(as_text=True)
    address = re.search(r'"(/static/page\.css\?v=\w+)"', page)
    assert address
    kept = {
        path: site.client.get(path, buffered=True).headers["Cache-Control"]
        for path in (address[1], "/static/page.css", "/static/page.css?v=0")
    }
    assert ["immutable" in value for value in kept.values()] == [True, False, False]


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(site: Any) -> None:
    for path in ("/", "/plan", "/record", "/about"):
        page = site.client.get(path).get_data(as_text=True)
        assert not re.search(r"<style|\sstyle=|\son\w+=|(?:src|href)=.https?:", page)
        scripts = re.findall("<script[^>]*>", page)
        assert all("src=" in tag or "application/json" in tag for tag in scripts)


def test_the_page_says_what_the_answers_say(site: Any) -> None:
    view = site.client.application.extensions["loader"].view("people")
    assert headline(IssueLoader(site.context, site.clock), view)["sentence"] in text(
        site.client.get("/")
    )
    page = text(site.client.get("/plan?threshold=250&window=7&stay_days=10&share=95&horizon=42"))
    above = exceedance(view.ahead, 250, 7, 42)["p_any"]
    assert f"{100 * above:.0f}%" in page or "over" in page
    places = capacity(view.observed, view.ahead, 10, 0.95, 42, [80])["places_peak"]
    assert f"{places:,} places give a 95% chance" in page
    assert "people of your share in a day or run" in page


@pytest.mark.parametrize("threshold", [333_334, MOST_THRESHOLD])
def test_the_highest_thresholds_are_answered_beside_others_that_can_be_asked(
    site: Any, threshold: int
) -> None:
    answer = site.client.get(f"/plan?threshold={threshold}")
    assert answer.status_code == 200
    others = answer.get_data(as_text=True).split('<table class="others">')[1].split("</table>")[0]
    found = [int(one.replace(",", "")) for one in re.findall(r'"row">([0-9,]+)<', others)]
    assert threshold in found
    assert found[-1] == MOST_THRESHOLD


def test_the_csv_has_the_numbers_of_the_plan(site: Any) -> None:
    answer = site.client.get("/plan/plan.csv?threshold=250&window=3&horizon=10")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    view = site.client.application.extensions["loader"].view("people")
    above = exceedance(view.ahead, 250, 3, 10)["rows"]
    assert [row["date"] for row in rows] == [str(d) for d in view.paths.dates[1:11].tolist()]
    assert [row["p_above"] for row in rows] == [*(str(r["p_above"]) for r in above), "", ""]
    assert "places" not in site.client.get("/plan/plan.csv?series=boats").get_data(as_text=True)


def test_a_share_has_its_own_places_and_chances_and_says_so(site: Any) -> None:
    view = site.client.application.extensions["loader"].view("people")
    ours = scale_to_share(view, 2.5)
    query = "our_share=2.5&threshold=10&share=80&stay_days=3"
    answer = site.client.get(f"/plan?{query}")
    said = text(answer)
    places = capacity(ours.observed, ours.ahead, 3, 0.8, 28, (80,))["places_peak"]
    above = exceedance(ours.ahead, 10, 1, 28)["p_any"]
    assert f"{places:,} places give a 80% chance" in said
    assert f"{above:.0%} for at least one day with more than 10 people" in said
    assert "We assume that your share of every day’s arrivals is 2.5%" in said
    assert "How many places are needed, for 2.5% of all arrivals?" in said
    assert "How long could it be quiet, in the whole UK?" in said
    assert "our_share=2.5" in answer.get_data(as_text=True).split('class="download"')[1]
    assert "We assume" not in text(site.client.get("/plan"))
    rows = list(csv.DictReader(io.StringIO(site.client.get(f"/plan/plan.csv?{query}").text)))
    assert {row["our_share"] for row in rows} == {"2.5"}
    assert [int(row["hi95"]) for row in rows] == ours.ahead.upto(28).quantiles([0.975])[0].tolist()


def test_wrong_inputs_are_named_beside_the_form(site: Any) -> None:
    for query, words in {
        "threshold=many": "threshold must be a whole number from 0 to 1,000,000, like 500",
        "share=100": "how certain you need to be must be a whole number from 50 to 99, like 90",
        "stay_days=": "length of stay must be a whole number from 1 to 90, like 4",
        "window=20&horizon=10": "must be at most 10, the number of days ahead",
        "our_share=0": "our share must be a number with at most two decimals from 0.01 to 100",
        "our_share=3.333": "our share must be a number with at most two decimals",
    }.items():
        answer = site.client.get(f"/plan?{query}")
        assert answer.status_code == 400
        assert words in text(answer)
        page = answer.get_data(as_text=True)
        assert "<title>Error: Plan –" in page
        assert 'aria-invalid="true"' in page
        refused = site.client.get(f"/plan/plan.csv?{query}")
        assert refused.status_code == 400
        assert words in refused.get_json()["detail"]


def test_what_was_typed_is_kept_when_it_is_refused(visit: Any) -> None:
    page = visit("/plan?threshold=1,5x&horizon=1,4", expected=400, script=False)
    assert page.locator("#threshold").input_value() == "1,5x"
    page = visit("/plan?threshold=1,500", script=False)
    assert page.locator("#threshold").input_value() == "1500"


def test_the_icon_has_the_names_that_browsers_ask_for(site: Any) -> None:
    for path in ("/favicon.ico", "/apple-touch-icon.png"):
        answer = site.client.get(path)
        assert (answer.status_code, answer.content_type) == (200, "image/png")
        assert answer.data.startswith(b"\x89PNG")


def test_input_is_never_markup(site: Any) -> None:
    for path in ("/plan?threshold=", "/?series=", "/?on=", "/?issue=", "/record?window="):
        address = path + "%3Cscript%3Ealert(1)%3C/script%3E"
        page = site.client.get(address, headers={"Accept": "text/html"}).get_data(as_text=True)
        assert "alert(1)" in page or "plan" in path
        assert "<script>alert" not in page


def test_a_past_issue_by_day_and_by_name(site: Any) -> None:
    by_day = site.client.get("/?on=2025-12-27")
    by_name = site.client.get(f"/?issue={site.earlier}")
    assert by_day.data == by_name.data
    words = text(by_day)
    assert "This is a past forecast, published on 25 December 2025, 15:00" in words
    assert "Out of date" not in words
    assert "Arrived" in words
    assert f"issue={site.earlier}" in by_day.get_data(as_text=True)


def test_the_newest_issue_by_its_day_is_the_newest(site: Any) -> None:
    newest = site.client.get("/v1/series/people/issues").get_json()["rows"][0]
    day = ROUTE.day(dt.datetime.fromisoformat(newest["issued_at"]))  # later than the clock says
    assert site.client.get(f"/?on={day}").data == site.client.get("/").data
    tomorrow = site.client.get(f"/?on={day + dt.timedelta(days=1)}")
    assert (tomorrow.status_code, "yet; today is" in tomorrow.text) == (404, True)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?series=cats", 404, "expected a series of people, boats"),
        ("/?issue=nothing", 404, "found 'nothing'"),
        ("/?on=2019-01-01", 404, "There is no forecast from 1 January 2019; the first is from"),
        ("/?on=yesterday", 400, "expected a day such as"),
        ("/record?window=7", 400, "one of 13, 26, 52, 104 weeks"),
        ("/?series=people&series=boats", 400, "once"),
        ("/static/nothing.css", 404, ""),
    ],
)
def test_errors_are_pages_too(site: Any, path: str, status: int, words: str) -> None:
    answer = site.client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert words.lower() in text(answer).lower()
    assert "Go to the latest forecast" in text(answer)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_program_gets_problem_details(site: Any) -> None:
    answer = site.client.get("/?on=yesterday", headers={"Accept": "*/*"})
    assert answer.content_type == "application/problem+json"
    assert "a day such as" in answer.get_json()["detail"]


def test_a_database_that_is_gone_is_said(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise Unavailable("database: gone")

    monkeypatch.setattr(site.client.application.extensions["loader"], "view", gone)
    answer = site.client.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "The database is not available" in text(answer)


def test_whoever_runs_it_is_named(site: Any) -> None:
    assert "have not given their name" in text(site.client.get("/about"))
    settings = site.context.settings.model_copy(update={"contact": "The <Channel> desk"})
    app = create_app(Context(settings, site.context.database))
    assert "The <Channel> desk" in text(app.test_client().get("/about"))


def test_an_alarm_is_a_line_on_now_and_a_section_on_the_record(alarmed: Any) -> None:
    (alarm,) = record_alarms(alarmed.client.application.extensions["loader"], "people")
    came = alarm["numbers"]["came"]
    said = f"People: {came:,} arrived from 22 December 2025 to 28 December 2025, above the"
    now, record = (text(alarmed.client.get(path)) for path in ("/", "/record"))
    assert f"Alarm. {said}" in now
    assert "Problem. The last refit job failed: no model stands." in now
    assert "A week outside its range Since 29 December 2025. " + said in record
    assert f"came {came}, lo99 7, hi99 7" in record
    assert "Alarm" not in text(alarmed.client.get("/plan"))
    assert "Alarm" not in text(alarmed.client.get("/?series=boats"))
    assert "Alarm" not in text(alarmed.client.get("/?on=2025-12-21")), "no fault of a past issue"
    assert alarmed.client.get("/v1/status").get_json()["alarms"] == [alarm]
