import datetime as dt

from service.answers.track_record import count_inside, track_record
from service.answers.wording import day_span, long_day, signed
from service.issues.score import score
from tests.service.page.test_templates import save_screenshot, violations
from tests.service.support import publish, random_paths, record_run, utc


def publish_weekly_issues(site, weeks):
    """Live issues a week apart, scored against the embedded figures."""
    for week in range(weeks):
        moment = utc(2025, 9, 3, 15) + dt.timedelta(weeks=week)
        models = {
            name: random_paths(str(moment.date()), 28, 200, seed)
            for seed, name in enumerate(("climatology", "seasonal_naive"), 10 * week)
        }
        run_id = record_run(site.context.database, f"week {week}", moment)
        publish(site.context.database, models, run_id, moment)
    score(site.context)


def test_record_before_and_after_scoring(site, visit):
    page = site.client.get("/record").text
    assert page.count("There are no scores yet") == 2
    publish_weekly_issues(site, 17)
    record = track_record(site.loader, "people", 26)
    page = visit("/record")
    live = page.locator("section.record").first
    weeks = record["weeks"]
    covered, apart = count_inside(weeks)
    text, end = live.inner_text(), long_day(weeks[-1]["to"])
    assert f"{covered} of {apart} separate weekly totals" in text
    assert f"26 weeks to {end}." in text
    assert f"published forecasts, 26 weeks to {end}" in page.content()
    outside = sum(not week["lo95"] <= week["truth"] <= week["hi95"] for week in weeks)
    assert live.locator("figure svg.wide circle.missed").count() == outside
    for width in ("wide", "narrow"):
        chart = live.locator(f"figure svg.{width}").first
        shown = f"ranges of {chart.locator('circle').count()} forecasts"
        assert shown in chart.get_attribute("aria-label")
    csv_lines = site.client.get("/record/weeks-live.csv").text.splitlines()
    assert len(csv_lines) == len(weeks) + 1
    for name in ("coverage-live", "pit-live", "scores-live"):
        assert site.client.get(f"/record/{name}.csv").status_code == 200
        png_status = site.client.get(f"/record/{name}.png").status_code
        assert png_status == (404 if name == "scores-live" else 200)
    pit = live.locator("details", has=page.locator("text=Tenth of the forecast"))
    cells = pit.locator("tbody td:nth-of-type(1)").all_text_contents()
    assert [int(cell) for cell in cells] == record["pit_histogram"]
    cells = live.locator("table.scores tbody tr td:nth-of-type(1)").all_inner_texts()
    for cell, row in zip(cells, record["rows"], strict=True):
        skill, *ends = (row[f"skill_climatology{end}"] for end in ("", "_lo", "_hi"))
        interval = [] if None in ends else [" to ".join(f"{signed(100 * end)}%" for end in ends)]
        assert cell.split("\n") == [f"{signed(100 * skill)}%", *interval]
    charts = live.locator("svg.coverage")
    assert charts.count() == len([row for row in record["rows"] if row["n"]])
    ranges = live.locator("[aria-label='How often the ranges were right'] tbody tr")
    assert ranges.count() == charts.count()
    share = f"80% ranges {100 * record['rows'][0]['coverage80']:.0f}%"
    assert share in charts.first.get_attribute("aria-label")
    assert live.locator("ol.worst li").count() == min(len(weeks), 5)
    worst = record["worst"][0]
    assert live.locator("ol.worst a").first.inner_text() == day_span(worst["from"], worst["to"])
    assert "There are no scores yet" in page.locator("section.record").nth(1).inner_text()
    assert not violations(page)
    save_screenshot(page, "record-scored")
    live.locator("ol.worst a").first.click()
    assert "This is a past forecast" in page.locator(".notice.past").inner_text()
    assert page.locator("table.days th", has_text="Arrived").count() == 2
    save_screenshot(page, "past")
    page.fill("#on", "2025-12-26")
    page.click("footer form button")
    assert "on=2025-12-26" in page.url
    assert "25 December 2025, 15:00" in page.locator(".notice.past").inner_text()
