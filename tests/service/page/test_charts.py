import datetime as dt
import xml.etree.ElementTree as ET

import pytest

from service.page.charts import fan_chart, share_bars, year_chart
from service.page.svg_axes import Sheet, ceiling

BOUNDS = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")


def rows(first, values, names=BOUNDS):
    """A row per day, with one value under all `names`."""
    days = (str(dt.date.fromisoformat(first) + dt.timedelta(days=n)) for n in range(len(values)))
    return [
        {"date": day} | dict.fromkeys(names, value) for day, value in zip(days, values, strict=True)
    ]


def fan(published, forecast, **more):
    """The wide and the narrow drawing; the forecast begins on 1 January 2026."""
    first = str(dt.date(2026, 1, 1) - dt.timedelta(days=len(published)))
    days = rows(first, published, ["value"]) + rows("2026-01-01", forecast)
    for day, columns in more.pop("also", {}).items():
        days[day] |= columns
    return parse(fan_chart(days, "<b>", len(published), **more))


def parse(drawings):
    return list(ET.fromstring(f"<div>{drawings}</div>"))


def parts(drawing, css):
    return [element for element in drawing.iter() if element.get("class") == css]


def numbers(elements, name):
    return [float(element.get(name)) for element in elements]


def test_fan_chart_has_bars_in_proportion_and_three_bands():
    wide, narrow = fan([200, 0, 400, 100], [100] * 28)
    assert [chart.get("class") for chart in (wide, narrow)] == ["chart wide", "chart narrow"]
    heights = numbers(parts(wide, "actual"), "height")
    assert heights == pytest.approx([heights[0], 2 * heights[0], heights[0] / 2], abs=0.2)
    assert all(len(parts(wide, css)) == 1 for css in ("band50", "band80", "band95", "median"))


@pytest.mark.parametrize("count", [1, 3, 5, 99, 101, 647, 50_000])
def test_axis_ends_beyond_the_highest_count(count):
    top = ceiling(count)
    assert count <= top <= max(4, 2.6 * count)
    assert top % 4 == 0


def test_arrivals_limit_and_last_year_are_drawn_on_their_days():
    came = {at: {"came": 100} for at in range(4)}
    wide, _ = fan([], [100] * 4, also=came, limit=(130, "130 places"))
    places = numbers(parts(wide, "came"), "cx")
    assert 12 <= numbers(parts(wide, "limit"), "y1")[0] < numbers(parts(wide, "came"), "cy")[0]
    assert "130 places" in ET.tostring(wide, "unicode")
    # After a gap, and beyond every range.
    wide, _ = fan([], [100] * 4, also={0: {"came": 100}, 2: {"came": 500}})
    assert numbers(parts(wide, "came"), "cx") == [places[0], places[2]]
    assert numbers(parts(wide, "came"), "cy")[1] > 0
    wide, _ = fan([0] * 3, [2], also={1: {"last_year_mean": 4}, 2: {"last_year_mean": 8}})
    (line,) = parts(wide, "then")
    assert line.get("d").count("L") == 1
    assert len(parts(wide, "halo")) == 1


def test_labels_name_the_days_shown():
    wide, narrow = fan([1] * 90, [9] * 4, waiting=2)
    end = "2 days not yet published, 2 days of forecast to 4 January 2026"
    for drawing, shown, skipped in ((wide, 90, "0"), (narrow, 33, "57")):
        assert drawing.get("aria-label") == f"<b>: {shown} days as published, {end}"
        assert (len(parts(drawing, "actual")), drawing.get("data-skipped")) == (shown, skipped)
        (today,), (waiting,) = parts(drawing, "today"), parts(drawing, "waiting")
        begin, width = (float(waiting.get(name)) for name in ("x", "width"))
        assert float(today.get("x1")) == pytest.approx(begin + width, abs=0.2)
    (narrow,) = fan([1] * 5, [9] * 50, waiting=40)[1:]
    assert narrow.get("aria-label") == (
        "<b>: 35 days not yet published, 10 days of forecast to 19 February 2026"
    )
    one = "1 day as published, 1 day not yet published, 1 day of forecast to 2 January 2026"
    assert fan([1], [9] * 2, waiting=1)[0].get("aria-label") == f"<b>: {one}"


def test_bars_of_shares_have_a_line_at_the_expected_height():
    (chart,) = parse(share_bars([5, 15], "Outcomes"))
    (line,) = numbers(parts(chart, "promised"), "y1")
    assert line == pytest.approx(sum(numbers(parts(chart, "chance"), "y")) / 2, abs=0.2)


def test_axis_labels_have_room():
    """A mark at the right edge is at 413 or 427 of 460 units; half of its label takes 45."""
    for at, middle in ((27, 414.2), (28, 415.0)):
        assert f'<text class="tick" x="{middle}"' in Sheet("small", 30, 100).mark(at, "4 Jan 2027")
    lefts = [Sheet("narrow", 10, top).left for top in (40, 1_000, 16_000, 160_000)]
    assert lefts == [56, 56, 63, 72]


def draw_year(published):
    """Draw a year with one arrival a day; the earlier years end close together."""
    days = rows("2025-01-01", list(range(1, 366)), ("value", *BOUNDS))
    for at, day in enumerate(days):
        day |= {"year_2024": at, "year_2023": at, "year_2022": at // 100}
        day |= dict.fromkeys(BOUNDS) if at < published else {"value": None}
    return parse(year_chart({"year": 2025, "earlier": [2024, 2023, 2022], "rows": days}, "People"))


def test_label_and_parts_of_the_year_chart():
    for chart in draw_year(300):
        assert chart.get("aria-label") == (
            "People, as published to 27 October 2025, forecast to 31 December 2025, and each year "
            "from 2022 to 2024"
        )
        curves = ("band95", "median", "middle", "then", "before")
        assert [len(parts(chart, css)) for css in curves] == [1, 1, 1, 1, 2]
    complete = draw_year(365)[0]
    assert parts(complete, "median") and not parts(complete, "band95")


def test_labels_of_years_do_not_overlap():
    for chart in draw_year(0):
        labels = [part for part in chart if part.tag == "text" and not part.get("text-anchor")]
        heights = sorted(numbers(labels, "y"))
        assert len(labels) == 3
        assert all(low - high >= 14.9 for high, low in zip(heights, heights[1:], strict=False))
        assert heights[-1] <= float(chart.get("viewBox").split()[3]) - 20
