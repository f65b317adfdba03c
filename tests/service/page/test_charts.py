from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET

import pytest

from service.page.charts import fan_chart
from service.page.svg_axes import Sheet, ceiling


def rows(first: str, values: list[int]) -> list[dict[str, object]]:
    start = dt.date.fromisoformat(first)
    names = ("value", "median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
    return [
        {"date": (start + dt.timedelta(days=n)).isoformat()} | dict.fromkeys(names, value)
        for n, value in enumerate(values)
    ]


def parse_wide_chart(past: list[int], days: list[int]) -> ET.Element:
    """Draw a fan chart and parse its wide version; the narrow one has the same parts."""
    drawings = fan_chart(rows("2025-12-01", past), rows("2026-01-01", days), "people")
    wide, narrow = ET.fromstring(f"<div>{drawings}</div>")
    assert (wide.get("class"), narrow.get("class")) == ("chart wide", "chart narrow")
    return wide


def test_fan_chart_has_bars_and_three_bands() -> None:
    chart = parse_wide_chart([0, 5, 0, 700], [100] * 28)
    classes = [element.get("class") for element in chart.iter()]
    assert classes.count("actual") == 2
    assert [classes.count(f"band{n}") for n in (50, 80, 95)] == [1, 1, 1]
    assert classes.count("median") == 1


def test_bar_heights_are_proportional_to_counts() -> None:
    chart = parse_wide_chart([200, 400, 100], [1] * 28)
    heights = [float(str(e.get("height"))) for e in chart.iter() if e.get("class") == "actual"]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)
    assert heights[0] == pytest.approx(2 * heights[2], abs=0.2)


@pytest.mark.parametrize(("past", "days"), [([0] * 60, [0] * 28), ([], [3]), ([1], [50_000])])
def test_extreme_values_can_be_drawn(past: list[int], days: list[int]) -> None:
    assert parse_wide_chart(past, days).get("role") == "img"


@pytest.mark.parametrize("count", [1, 3, 4, 5, 17, 99, 100, 101, 647, 1305, 50_000])
def test_axis_ends_beyond_the_highest_count(count: int) -> None:
    top = ceiling(count)
    assert count <= top <= max(4, 2.6 * count)
    assert top % 4 == 0


def test_arrivals_beyond_the_ranges_are_within_the_chart() -> None:
    days, came = rows("2026-01-01", [100, 100]), rows("2026-01-02", [5_000])
    drawing = ET.fromstring(f"<div>{fan_chart([], days, 'people', outcomes=came)}</div>")[0]
    (dot,) = (e for e in drawing if e.get("class") == "came")
    assert float(str(dot.get("cy"))) > 0


def test_unit_is_escaped() -> None:
    chart = fan_chart(rows("2025-12-01", [1]), rows("2026-01-01", [1]), "<b>")
    assert "<b>" not in chart


def test_arrivals_and_limit_are_drawn() -> None:
    days = rows("2026-01-01", [100, 50])
    drawings = fan_chart([], days, "people", outcomes=days[:1], limit=(130, "130 places"))
    wide = ET.fromstring(f"<div>{drawings}</div>")[0]
    (dot,) = (e for e in wide if e.get("class") == "came")
    (line,) = (e for e in wide if e.get("class") == "limit")
    assert float(str(line.get("y1"))) < float(str(dot.get("cy")))
    assert "130 places" in ET.tostring(wide, "unicode")


def test_arrivals_after_a_gap_are_drawn_on_their_days() -> None:
    days = rows("2026-01-01", [100] * 4)

    def dots(came: list[dict[str, object]]) -> list[str]:
        drawing = ET.fromstring(f"<div>{fan_chart([], days, 'people', outcomes=came)}</div>")[0]
        return [str(e.get("cx")) for e in drawing if e.get("class") == "came"]

    dots_of_all_days = dots(days)
    assert dots([days[0], days[2]]) == [dots_of_all_days[0], dots_of_all_days[2]]


def test_labels_name_the_days_shown() -> None:
    drawings = fan_chart(
        rows("2025-10-01", [1] * 90), rows("2025-12-30", [9] * 4), "People", waiting=2
    )
    wide, narrow = ET.fromstring(f"<div>{drawings}</div>")
    end = "2 days not yet published, 2 days of forecast to 2 January 2026"
    assert f"People: 90 days as published, {end}" == wide.get("aria-label")
    assert f"People: 33 days as published, {end}" == narrow.get("aria-label")
    assert [
        len([e for e in drawing if e.get("class") == "actual"]) for drawing in (wide, narrow)
    ] == [90, 33]
    one = fan_chart(rows("2025-12-31", [1]), rows("2026-01-01", [9] * 2), "People", waiting=1)
    assert one.count("1 day as published, 1 day not yet published, 1 day of forecast to ") == 2
    assert [drawing.get("data-skipped") for drawing in (wide, narrow)] == ["0", "57"]


def test_line_of_last_year_skips_missing_days() -> None:
    past = [
        row | {"last_year_mean": mean}
        for row, mean in zip(rows("2025-12-01", [0] * 3), (None, 4, 8), strict=True)
    ]
    drawing = ET.fromstring(f"<div>{fan_chart(past, rows('2025-12-04', [2]), 'People')}</div>")[0]
    (line,) = (e for e in drawing if e.get("class") == "then")
    assert str(line.get("d")).count("L") == 1
    assert [e.get("class") for e in drawing.iter()].count("halo") == 1


@pytest.mark.parametrize(("at", "anchor"), [(27, "middle"), (28, "end")])
def test_label_at_the_right_edge_ends_there(at: int, anchor: str) -> None:
    """The mark is at 413 or 426 of 460 units; half of the label takes 45."""
    drawing = Sheet(460, 190, 40, 30, 100).mark(at, "4 Jan 2027")
    assert f'text-anchor="{anchor}"' in drawing


def test_axis_labels_have_room() -> None:
    lefts = [Sheet(420, 340, 50, 10, top).left for top in (40, 1_000, 16_000, 160_000)]
    assert lefts == [50, 54, 63, 72]
