from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe

from service.answers.track_record import track_record
from service.answers.wording import day_span
from service.core import run_store
from service.issues.score import score
from tests.service.support import ROUTE, publish, random_paths, utc


def weekly(site: Any, weeks: int) -> None:
    """Live issues a week apart, scored against the embedded figures."""
    for week in range(weeks):
        moment = utc(2025, 9, 3, 15) + dt.timedelta(weeks=week)
        with site.context.database.writing() as connection:
            claimed = run_store.claim(connection, "refit", f"week {week}", moment, ROUTE.name)
        assert claimed is not None
        start = str(moment.date())
        models = {
            name: random_paths(start, 28, 200, seed)
            for seed, name in enumerate(("climatology", "seasonal_naive"), 10 * week)
        }
        publish(site.context.database, models, claimed.run_id, moment)
    score(site.context)


def test_nothing_scored_is_said_and_then_what_is(
    site: Any, visit: Any, shoot: Callable[..., None]
) -> None:
    page = site.client.get("/record").get_data(as_text=True)
    assert page.count("There are no scores yet") == 2
    weekly(site, 17)
    loader = site.client.application.extensions["loader"]
    record = track_record(loader, "people", 26)
    page = visit("/record")
    live = page.locator("section.record").first
    weeks = record["weeks"]
    held = sum(week["lo80"] <= week["truth"] <= week["hi80"] for week in weeks)
    assert f"{held} of {len(weeks)} weekly totals" in live.inner_text().replace("\xa0", " ")
    shown = [live.locator(f"svg.{width} circle").count() for width in ("wide", "narrow")]
    labels = (
        live.locator("figure")
        .first.locator("svg")
        .evaluate_all("charts => charts.map(chart => chart.getAttribute('aria-label'))")
    )
    assert [
        f"ranges of {n} forecasts" in label for n, label in zip(shown, labels, strict=True)
    ] == [True] * 2
    table = site.client.get("/record/weeks-live.csv").get_data(as_text=True).splitlines()
    assert len(table) == len(weeks) + 1
    for name in ("coverage-live", "pit-live", "scores-live"):
        assert site.client.get(f"/record/{name}.csv").status_code == 200
        pictured = site.client.get(f"/record/{name}.png").status_code
        assert pictured == (404 if name == "scores-live" else 200)
    pit = live.locator("details", has=page.locator("text=Tenth of the forecast"))
    cells = pit.locator("tbody td:nth-of-type(1)").all_text_contents()
    assert [int(cell) for cell in cells] == record["pit_histogram"]
    ranges = live.locator("[aria-label='How often the ranges were right'] tbody tr")
    assert ranges.count() == live.locator("svg.coverage").count()
    assert live.locator("ol.worst li").count() == min(len(weeks), 5)
    worst = record["worst"][0]
    assert live.locator("ol.worst a").first.inner_text() == day_span(worst["from"], worst["to"])
    assert live.locator("svg.coverage").count() == len([r for r in record["rows"] if r["n"]])
    assert "There are no scores yet" in page.locator("section.record").nth(1).inner_text()
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    shoot(page, "record-scored")
    live.locator("ol.worst a").first.click()
    assert "This is a past forecast" in page.locator(".notice.past").inner_text()
    assert page.locator("table.days th", has_text="Arrived").count() == 2
    shoot(page, "past")


def test_the_window_is_chosen(site: Any, visit: Any) -> None:
    page = visit("/record")
    page.select_option("#window", "13")
    page.click("form.pick button >> nth=0")
    assert "window=13" in page.url
    assert page.input_value("#window") == "13"


def test_any_past_day_is_picked(visit: Any) -> None:
    page = visit("/record")
    page.goto(page.url.replace("/record", "/"))
    page.fill("#on", "2025-12-26")
    page.click("footer form button")
    assert "on=2025-12-26" in page.url
    assert "25 December 2025, 15:00" in page.locator(".notice.past").inner_text().replace(
        "\xa0", " "
    )
