from __future__ import annotations

import csv
import datetime as dt
import html
import io
import re

import pytest

from service.answers.ahead import scale_to_share
from service.answers.alarms import record_alarms
from service.answers.capacity import capacity
from service.answers.errors import MOST_THRESHOLD
from service.answers.exceedance import exceedance
from tests.service.support import ROUTE, publish, random_paths, utc


def visible_text(response):
    stripped = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", html.unescape(stripped))


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/static/page.js", "/plan/plan.csv"])
def test_responses_are_compressed(site, path):
    accept = {"Accept-Encoding": "gzip, deflate, br"}  # as browsers send it
    plain = site.client.get(path, buffered=True)
    packed = site.client.get(path, headers=accept, buffered=True)
    assert packed.headers["Content-Encoding"] == "br"
    assert len(packed.data) < len(plain.data) / 1.5
    assert "Accept-Encoding" in packed.headers["Vary"]
    etag = packed.headers["ETag"]
    assert etag != plain.headers["ETag"]
    headers = accept | {"If-None-Match": etag}
    assert site.client.get(path, headers=headers, buffered=True).status_code == 304


def test_pages_have_nothing_inline_or_external(site):
    for path in ("/", "/plan", "/record", "/about"):
        page = site.client.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|(?:src|href)=.https?:", page)
        scripts = re.findall("<script[^>]*>", page)
        assert all("src=" in script or "application/json" in script for script in scripts)


def test_highest_threshold_is_answered(site):
    response = site.client.get(f"/plan?threshold={MOST_THRESHOLD}")
    assert response.status_code == 200
    others = response.text.split('<table class="others">')[1].split("</table>")[0]
    assert re.findall(r'"row">([0-9,]+)<', others)[-1] == "1,000,000"


def test_plan_csv_has_the_numbers_of_the_plan(site):
    response = site.client.get("/plan/plan.csv?threshold=250&window=3&horizon=10")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    view = site.loader.view("people")
    above = exceedance(view.ahead, 250, 3, 10)["rows"]
    assert [row["date"] for row in rows] == [str(d) for d in view.paths.dates[1:11].tolist()]
    assert [row["p_above"] for row in rows] == [*(str(r["p_above"]) for r in above), "", ""]
    assert "places" not in site.client.get("/plan/plan.csv?series=boats").text


def test_one_place_and_one_forecast_are_singular(site):
    page = visible_text(site.client.get("/plan?our_share=0.01&stay_days=1&horizon=7"))
    assert "1 place gives a 90% chance" in page
    assert "and the 1 place needed, 0.01% of all arrivals" in page
    page = visible_text(site.client.get("/compare?on1=2026-01-02"))
    assert "per day: 1 forecast and what arrived" in page and "Totals of 1 forecast." in page


def test_share_has_its_own_capacity_and_probabilities(site):
    view = site.loader.view("people")
    share = scale_to_share(view, 2.5)
    query = "our_share=2.5&threshold=10&share=80&stay_days=3"
    response = site.client.get(f"/plan?{query}")
    page_text = visible_text(response)
    present = capacity(view.observed, view.ahead, 3, 0.8, 28, (80,), 2.5)
    places = present["places_peak"]
    above = exceedance(share.ahead, 10, 1, 28)["p_any"]  # days are scaled alike
    assert f"{places:,} places give an 80% chance" in page_text
    assert f"{above:.0%} chance of at least one day with more than 10 people" in page_text
    assert "We assume that your share of all arrivals is 2.5%" in page_text
    assert "How many places are needed, for 2.5% of all arrivals?" in page_text
    assert "How long could it be quiet, in the whole UK?" in page_text
    assert "our_share=2.5" in response.text.split('class="download"')[1]
    assert "We assume" not in visible_text(site.client.get("/plan"))
    rows = list(csv.DictReader(io.StringIO(site.client.get(f"/plan/plan.csv?{query}").text)))
    assert {row["our_share"] for row in rows} == {"2.5"}
    assert [(int(row["present_median"]), int(row["places"])) for row in rows] == [
        (row["median"], row["places"]) for row in present["rows"]
    ]
    assert [int(row["hi95"]) for row in rows] == share.ahead.upto(28).quantiles([0.975])[0].tolist()


def test_invalid_inputs_are_named(site):
    for query, words in {
        "threshold=many": "threshold must be a whole number from 0 to 1,000,000, like 500",
        "share=100": "how certain you need to be must be a whole number from 50 to 99, like 90",
        "stay_days=": "length of stay must be a whole number from 1 to 90, like 4",
        "window=20&horizon=10": "must be at most 10, the number of days ahead",
        "our_share=0": "your share must be a number with at most two decimals from 0.01 to 100",
        "our_share=3,5": "with at most two decimals from 0.01 to 100, like 12.5",
        "threshold=50,0": "threshold must be a whole number",
        "window=1.00000001": "days to add up must be a whole number",
        "our_share=12.500000001": "with at most two decimals",
        "horizon=1e1": "number of days ahead must be a whole number",
    }.items():
        response = site.client.get(f"/plan?{query}")
        assert response.status_code == 400
        assert words in visible_text(response)
        page = response.text
        assert "<title>Error: Plan –" in page
        assert 'aria-invalid="true"' in page
        response = site.client.get(f"/plan/plan.csv?{query}")
        assert response.status_code == 400
        assert words in response.json["detail"]


def test_form_keeps_rejected_input(visit):
    page = visit("/plan?threshold=1,5x&horizon=1,4", expected=400, script=False)
    assert page.locator("#threshold").input_value() == "1,5x"
    page = visit("/plan?threshold=1,500", script=False)
    assert page.locator("#threshold").input_value() == "1500"


def test_input_is_escaped(site):
    for path in ("/plan?threshold=", "/?series=", "/?on=", "/?issue=", "/record?window="):
        address = path + "%3Cscript%3Ealert(1)%3C/script%3E"
        page = site.client.get(address, headers={"Accept": "text/html"}).text
        assert "alert(1)" in page or "plan" in path
        assert "<script>alert" not in page


def test_past_issue_by_day_and_by_id(site):
    by_day = site.client.get("/?on=2025-12-27")
    assert by_day.data == site.client.get(f"/?issue={site.earlier}").data
    page_text = visible_text(by_day)
    assert "This is a past forecast, published on 25 December 2025, 15:00" in page_text
    assert "Out of date" not in page_text
    assert "Arrived" in page_text
    assert f"issue={site.earlier}" in by_day.text


def test_hindcast_is_not_called_published(site):
    moment = utc(2025, 11, 3, 14)
    paths = {"climatology": random_paths("2025-11-03", 30)}
    hindcast = publish(site.context.database, paths, 1, moment, kind="hindcast")
    page = visible_text(site.client.get(f"/?issue={hindcast.issue_id}"))
    assert "The hindcast was " in page and "We forecast" not in page
    assert "Hindcast as of 3 November 2025, 14:00" in page
    assert f"Hindcast {hindcast.issue_id}, made afterwards as of 3 November 2025" in page
    assert "published 3 November" not in page and "Forecast published" not in page


def test_plan_keeps_its_inputs_for_other_series_and_days(site):
    page = site.client.get("/plan?our_share=40&threshold=200&stay_days=7").text
    link, form = page.split('<nav class="series"')[1].split('<form class="pick"')[0::1]
    assert "series=boats&amp;stay_days=7&amp;our_share=40" in link
    assert "threshold" not in link.split("</nav>")[0], "each series has its own"
    for name, value in (("our_share", 40), ("threshold", 200)):
        assert f'<input type="hidden" name="{name}" value="{value}">' in form


def test_day_of_the_newest_issue_shows_it(site, monkeypatch):
    newest = site.client.get("/v1/series/people/issues").json["rows"][0]
    issued_at = dt.datetime.fromisoformat(newest["issued_at"])
    monkeypatch.setattr(site.clock, "now", issued_at)
    day = ROUTE.day(issued_at)
    assert site.client.get(f"/?on={day}").data == site.client.get("/").data
    tomorrow = site.client.get(f"/?on={day + dt.timedelta(days=1)}")
    assert (tomorrow.status_code, "yet; today is" in tomorrow.text) == (404, True)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?series=cats", 404, "expected one of the series people, boats"),
        ("/?issue=nothing", 404, "found 'nothing'"),
        ("/?on=2019-01-01", 404, "There is no forecast from 1 January 2019; the first is from"),
        ("/?on=yesterday", 400, "expected a day such as"),
        ("/record?window=7", 400, "one of 13, 26, 52, 104 weeks"),
        ("/?series=people&series=boats", 400, "expected one value, found 2"),
        ("/static/nothing.css", 404, ""),
    ],
)
def test_error_pages(site, path, status, words):
    response = site.client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert response.status_code == status
    assert response.mimetype == "text/html"
    assert words.lower() in visible_text(response).lower()
    assert "Go to the latest forecast" in visible_text(response)
    assert response.headers["Cache-Control"] == "no-store"


def test_operator_is_named(site):
    assert "have not given their name" in visible_text(site.client.get("/about"))
    client = site.client_with(contact="The <Channel> desk")
    assert "The <Channel> desk" in visible_text(client.get("/about"))


def test_alarm_is_shown_on_now_and_record(degraded_site):
    (alarm,) = record_alarms(degraded_site.loader, "people")
    came = alarm["numbers"]["came"]
    message = f"People: {came:,} arrived from 22 December 2025 to 28 December 2025, above the"
    now, record = (visible_text(degraded_site.client.get(path)) for path in ("/", "/record"))
    assert f"Alarm. {message}" in now
    assert "Problem. The last refit job failed: no model could be fitted." in now
    assert f"A week outside its range Since 29 December 2025. {message}" in record
    assert "lo99" not in record, "the numbers behind it are in the status"
    for path in ("/plan", "/?series=boats", "/?on=2025-12-21"):  # another view, series and issue
        assert "Alarm" not in visible_text(degraded_site.client.get(path)), path
    past = visible_text(degraded_site.client.get("/?on=2025-12-21"))
    assert "job failed" not in past, "a past issue has no reasons about the present"
    assert degraded_site.client.get("/v1/status").json["alarms"] == [alarm]
