from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from service.page.charts import fan_chart, share_bars, year_chart
from service.page.svg_axes import Sheet, ceiling

BOUNDS = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
Rows = list[dict[str, Any]]


def rows(first, values):
    start = dt.date.fromisoformat(first)
    return [
        {"date": str(start + dt.timedelta(days=n))} | dict.fromkeys(("value", *BOUNDS), value)
        for n, value in enumerate(values)
    ]


def parse(drawings):
    return list(ET.fromstring(f"<div>{drawings}</div>"))


def parts(drawing, css):
    return [element for element in drawing.iter() if element.get("class") == css]


def number(element, name):
    return float(str(element.get(name)))


def test_fan_chart_has_bars_in_proportion_and_three_bands():
    past, days = rows("2025-12-01", [200, 0, 400, 100]), rows("2026-01-01", [100] * 28)
    wide, narrow = parse(fan_chart(past, days, "<b>"))
    assert [chart.get("class") for chart in (wide, narrow)] == ["chart wide", "chart narrow"]
    heights = [number(bar, "height") for bar in parts(wide, "actual")]
    assert heights == pytest.approx([heights[0], 2 * heights[0], heights[0] / 2], abs=0.2)
    assert all(len(parts(wide, css)) == 1 for css in ("band50", "band80", "band95", "median"))


@pytest.mark.parametrize("count", [1, 3, 5, 99, 101, 647, 50_000])
def test_axis_ends_beyond_the_highest_count(count):
    top = ceiling(count)
    assert count <= top <= max(4, 2.6 * count)
    assert top % 4 == 0


def test_arrivals_and_limit_are_drawn():
    days = rows("2026-01-01", [100] * 4)
    wide, _ = parse(fan_chart([], days, "people", days, limit=(130, "130 places")))
    (line,) = parts(wide, "limit")
    all_days = parts(wide, "came")
    assert number(line, "y1") < number(all_days[0], "cy")
    assert "130 places" in ET.tostring(wide, "unicode")
    came = [days[0], days[2] | {"value": 5_000}]  # after a gap, and beyond every range
    wide, _ = parse(fan_chart([], days, "people", came))
    dots = parts(wide, "came")
    assert [dot.get("cx") for dot in dots] == [all_days[at].get("cx") for at in (0, 2)]
    assert number(dots[1], "cy") > 0


def test_labels_name_the_days_shown():
    past, days = rows("2025-10-01", [1] * 90), rows("2025-12-30", [9] * 4)
    wide, narrow = parse(fan_chart(past, days, "People", waiting=2))
    end = "2 days not yet published, 2 days of forecast to 2 January 2026"
    for drawing, shown, skipped in ((wide, 90, "0"), (narrow, 33, "57")):
        assert drawing.get("aria-label") == f"People: {shown} days as published, {end}"
        assert (len(parts(drawing, "actual")), drawing.get("data-skipped")) == (shown, skipped)
    one = fan_chart(rows("2025-12-31", [1]), rows("2026-01-01", [9] * 2), "People", waiting=1)
    assert one.count("1 day as published, 1 day not yet published, 1 day of forecast to ") == 2


def test_bars_of_shares_have_a_line_at_the_expected_height():
    (chart,) = parse(share_bars([5, 15], "Outcomes"))
    (line,) = parts(chart, "promised")
    low, high = (number(bar, "y") for bar in parts(chart, "chance"))
    assert number(line, "y1") == pytest.approx((low + high) / 2, abs=0.2)


def test_line_of_last_year_skips_missing_days():
    past = rows("2025-12-01", [0] * 3)
    for row, mean in zip(past, (None, 4, 8), strict=True):
        row["last_year_mean"] = mean
    wide, _ = parse(fan_chart(past, rows("2025-12-04", [2]), "People"))
    (line,) = parts(wide, "then")
    assert str(line.get("d")).count("L") == 1
    assert len(parts(wide, "halo")) == 1


@pytest.mark.parametrize(("at", "anchor"), [(27, "middle"), (28, "end")])
def test_label_at_the_right_edge_ends_there(at, anchor):
    """The mark is at 413 or 426 of 460 units; half of the label takes 45."""
    assert f'text-anchor="{anchor}"' in Sheet(460, 190, 40, 30, 100).mark(at, "4 Jan 2027")


def test_axis_labels_have_room():
    lefts = [Sheet(420, 340, 50, 10, top).left for top in (40, 1_000, 16_000, 160_000)]
    assert lefts == [50, 54, 63, 72]


def draw_year(published):
    """Draw a year with one arrival a day; the earlier years end close together."""
    days = rows("2025-01-01", list(range(1, 366)))
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
        heights = sorted(number(label, "y") for label in labels)
        assert len(labels) == 3
        assert all(low - high >= 14.9 for high, low in zip(heights, heights[1:], strict=False))
        assert heights[-1] <= float(str(chart.get("viewBox")).split()[3]) - 20
