from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

from service.page.charts import year_chart

BOUNDS = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")


def make_year(published: int, days: int = 365) -> dict[str, Any]:
    """A year with one arrival a day; the earlier years end close together."""
    first = dt.date(2025, 1, 1)
    rows = [
        {"date": str(first + dt.timedelta(days=at)), "value": at + 1 if at < published else None}
        | dict.fromkeys(BOUNDS, None if at < published else at + 1)
        | {"year_2024": at, "year_2023": at, "year_2022": at // 100}
        for at in range(days)
    ]
    return {"year": 2025, "earlier": [2024, 2023, 2022], "rows": rows}


def parse_charts(year: dict[str, Any]) -> list[ET.Element]:
    return list(ET.fromstring(f"<div>{year_chart(year, 'People')}</div>"))


def test_label_and_parts_of_the_year_chart() -> None:
    for chart in parse_charts(make_year(300)):
        assert chart.get("aria-label") == (
            "People, as published to 27 October 2025, forecast to 31 December 2025, and each year "
            "from 2022 to 2024"
        )
        classes = [part.get("class") for part in chart]
        assert [classes.count(css) for css in ("band95", "median", "middle", "then", "before")] == [
            *(1, 1, 1, 1, 2)
        ]


def test_labels_of_years_do_not_overlap() -> None:
    for chart in parse_charts(make_year(0)):
        labels = [part for part in chart if part.tag == "text" and not part.get("text-anchor")]
        heights = sorted(float(str(part.get("y"))) for part in labels)
        assert len(labels) == 3
        assert all(low - high >= 14.9 for high, low in zip(heights, heights[1:], strict=False))
        assert heights[-1] <= float(str(chart.get("viewBox")).split()[3]) - 20


def test_complete_year_has_no_bands() -> None:
    classes = [part.get("class") for part in parse_charts(make_year(365))[0]]
    assert "median" in classes
    assert not {"band95", "middle"} & set(classes)
