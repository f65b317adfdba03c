import datetime as dt
import html
import re

import pytest

from service.answers.alarms import record_alarms
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


@pytest.mark.parametrize("path", ["/favicon.ico", "/apple-touch-icon.png"])
def test_icon_is_sent_under_the_names_that_browsers_request(site, path):
    response = site.client.get(path, buffered=True)
    assert (response.status_code, response.mimetype) == (200, "image/png")


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
    paths = {"climatology": random_paths("2025-11-03", 30)}
    hindcast = publish(site.context.database, paths, 1, utc(2025, 11, 3, 14), kind="hindcast")
    page = visible_text(site.client.get(f"/?issue={hindcast.issue_id}"))
    assert "The hindcast was " in page and "We forecast" not in page
    assert "Hindcast as of 3 November 2025, 14:00" in page
    assert f"Hindcast {hindcast.issue_id}, made afterwards as of 3 November 2025" in page
    assert "published 3 November" not in page and "Forecast published" not in page


def test_newest_issue_is_shown_by_its_day_and_id(site, monkeypatch):
    issue = site.loader.view("people").issue
    monkeypatch.setattr(site.clock, "now", issue.issued_at)
    day = ROUTE.day(issue.issued_at)
    for query in (f"on={day}", f"issue={issue.issue_id}"):
        assert site.client.get(f"/?{query}").data == site.client.get("/").data
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
    ],
)
def test_wrong_address_is_explained(site, path, status, words):
    response = site.client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert response.status_code == status
    assert words.lower() in visible_text(response).lower()
    assert "Go to the latest forecast" in visible_text(response)


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
