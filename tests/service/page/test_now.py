import datetime as dt
import json
import re

import numpy as np

from forecast.paths import Paths
from service.app import create_app
from service.issues import refit as refit_module
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import NOW, ROUTE, ManualClock, publish, random_paths, record_run, utc


def test_arrivals_after_a_gap_are_shown_on_their_days(context, client):
    paths = {"climatology": random_paths("2026-01-01", 28)}
    issue_id = publish(context.database, paths, 1, issued_at=NOW).issue_id
    with context.database.writing() as connection:
        counts = {dt.date(2026, 1, day): 7_000 + day for day in (1, 3)}
        figures = [Figure("people", day, count, "test") for day, count in counts.items()]
        store_as_documents(connection, ROUTE, figures, NOW + dt.timedelta(days=3))
    page = client.get("/", query_string={"issue": issue_id, "from": "2026-01-01"}).text
    rows = re.findall(r'<time datetime="([\d-]+)">.*<td>([^<]*)</td></tr>', page)
    assert [last for _, last in rows[:4]] == ["7,001", "–", "7,003", "–"]
    assert rows[0][0] == "2026-01-01"
    (data,) = re.findall(r'id="chart-data">(.*?)</script>', page)
    came = [row["came"] for row in json.loads(data)["rows"][-28:]]
    assert came == [7_001, None, 7_003, *[None] * 25]
    assert page.split("</figure>")[0].count('<circle class="came"') == 2 * 2, "wide and narrow"


def test_periods_are_named_by_the_days_shown(site):
    for first, names in (
        ("2025-12-28", ["Week to 28 December 2025", "January 2026", "2025, to 27 December"]),
        ("2026-01-01", ["First 7 days", "January to March 2026", "2025, whole year"]),
        ("2026-01-03", ["Next 7 days", "Week to 11 January", "2026, to yesterday"]),
    ):
        page = site.client.get(f"/?issue={site.earlier}&from={first}").text
        assert f"People since 1 January {first[:4]}" in page
        shown = re.findall(r'<th scope="row">([^<]*) <small>', page)
        assert set(names) <= set(shown), shown
    tiles = re.findall(r"<dt>([^<]*) <small>", site.client.get("/").text)
    assert tiles == ["Next 7 days", "January 2026", "2026, whole year", "A day above 500"]


def test_short_issue_has_a_page(context, client):
    paths = {"climatology": random_paths("2026-01-01", 14)}
    run_id = record_run(context.database)
    publish(context.database, paths, run_id, NOW + dt.timedelta(days=365))
    response = client.get("/")
    assert response.status_code == 200
    assert "Ends after the last day of the forecast, 14 January 2026" in response.text


def test_weather_is_shown_once_it_is_read(filled, monkeypatch):
    clock = ManualClock(utc(2026, 1, 1, 14))
    monkeypatch.setattr(refit_module, "utc_now", clock)
    context = sample_weather.with_weather(filled)
    refit(context)
    client = create_app(context, clock).test_client()
    assert "Wind and waves in the coming days" not in client.get("/").text
    sample_weather.store_weather(
        context.database, utc(2026, 1, 1, 5), [0.5, 1.0, 2.0, 3.0, 0.4, 0.5, 0.6]
    )
    before = client.get("/").text
    assert "does not use the weather: no weather forecast has been read yet" in before
    clock.now += dt.timedelta(minutes=1)
    refit(context)
    page = client.get("/").text
    assert "The forecast of arrivals uses this reading." in page
    assert "equally likely weather forecasts read at 1 January 2026, 05:00 UK time" in page
    assert '<a href="https://open-meteo.com/">Weather data by Open-Meteo.com</a>' in page
    assert "The weather forecast" in page  # among the changes
    driven = page[page.index("What is driving this forecast") :]
    assert re.findall(r'<th scope="row">(.*?)</th>', driven)[1] == "The weather forecast"
    waves = re.findall(r"<td>SW</td>.*?>\d\.\d<.*?>(\d\.\d)<", page)
    assert waves == ["0.5", "1.0", "2.0", "3.0", "0.4", "0.5", "0.6"]


def test_forecast_without_a_year_earlier_does_not_name_it(site):
    words = ("a year earlier, mean of 7 days", "Mean of 7 days, a year earlier</th>")
    assert all(text in site.client.get("/").text for text in words)
    paths = {"climatology": random_paths("2018-06-03", 30)}
    early = publish(site.context.database, paths, 1, utc(2018, 6, 3, 14), kind="hindcast")
    page = site.client.get(f"/?issue={early.issue_id}").text
    assert not any(text in page for text in words)


def test_total_of_a_counted_period_is_not_rounded(filled):
    """Nothing can be below what is counted, so the range has one bound."""
    values = np.zeros((200, 60), np.int64)
    values[:30, 0] = 400
    paths = {"climatology": Paths(np.datetime64("2025-12-31"), values)}
    moment = utc(2025, 12, 31, 15)
    publish(filled.database, paths, record_run(filled.database, "now", moment), moment)
    client = create_app(filled, ManualClock(moment + dt.timedelta(hours=1))).test_client()
    (year,) = client.get("/v1/series/people/totals?periods=calendar_year").json["rows"]
    assert year["median"] == year["lo80"] == year["known"]
    page = " ".join(client.get("/").text.split())
    assert f"<strong>{year['known']:,}</strong> 90% chance of at most " in page
