from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from service.dashboard.fan import fan_chart


def rows(first: str, values: list[int]) -> list[dict[str, Any]]:
    start = dt.date.fromisoformat(first)
    names = ("value", "median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
    return [
        {"date": (start + dt.timedelta(days=n)).isoformat()} | dict.fromkeys(names, value)
        for n, value in enumerate(values)
    ]


def parsed(past: list[int], days: list[int], title: str = "People") -> ET.Element:
    chart = fan_chart(rows("2025-12-01", past), rows("2026-01-01", days), title)
    return ET.fromstring(f"<all>{chart}</all>")


@pytest.mark.parametrize(("past", "days"), [([0] * 60, [0] * 28), ([], [3]), ([1], [50_000])])
def test_it_can_be_drawn_whatever_comes(past: list[int], days: list[int]) -> None:
    assert len([e for e in parsed(past, days).iter() if e.tag.endswith("svg")]) == 2


def test_three_bands_and_a_median() -> None:
    wide = next(e for e in parsed([5, 0, 700], [100] * 28).iter() if e.tag.endswith("svg"))
    classes = [element.get("class") for element in wide.iter()]
    assert [classes.count(f"band{n}") for n in (50, 80, 95)] == [1, 1, 1]
    assert classes.count("median") == 1


def test_what_is_said_is_escaped() -> None:
    chart = fan_chart(rows("2025-12-01", [1]), rows("2026-01-01", [1]), "<b>")
    assert "<b>" not in chart
