"""Context of the page Track record: live forecasts, then hindcasts."""

from __future__ import annotations

__all__ = ["WINDOWS", "past_forecasts"]

from typing import Any

from service.answers.errors import BadQuestion
from service.answers.track_record import track_record
from service.page.bar_chart import share_bars
from service.page.page_params import PageParams
from service.page.record_charts import coverage_chart, weeks_chart

WINDOWS = (13, 26, 52, 104)
_KINDS = {
    "live": "Published forecasts",
    "hindcast": "Hindcasts",
}
_ALARMS = {
    "pit_mean": "Days too low or too high",
    "pit_spread": "Daily ranges too narrow or too wide",
    "weekly_coverage": "Weekly ranges right too rarely or too often",
    "week_beyond_band": "A week outside its range",
}
_MEASURES = {
    "day_1": "Day 1",
    "days_2_3": "Days 2 and 3",
    "days_4_7": "Days 4 to 7",
    "day_7": "Day 7",
    "day_14": "Day 14",
    "day_28": "Day 28",
    "total_7": "Total of days 1 to 7",
    "total_14": "Total of days 1 to 14",
    "total_28": "Total of days 1 to 28",
}


def past_forecasts(params: PageParams, window: str) -> dict[str, Any]:
    """Return the template context of the page Track record for the last `window` weeks.

    Raises
    ------
    BadQuestion
        If `window` is not one of `WINDOWS`.
    """
    if window not in map(str, WINDOWS):
        raise BadQuestion("window", f"one of {', '.join(map(str, WINDOWS))} weeks", window[:20])
    records = [
        track_record(params.loader, params.series_id, int(window), kind=kind) for kind in _KINDS
    ]
    return {
        "window": int(window),
        "windows": WINDOWS,
        "records": [_drawn(record) for record in records],
        "kind_names": _KINDS,
        "measure_names": _MEASURES,
        "alarm_names": _ALARMS,
    }


def _drawn(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its charts, if anything is scored."""
    weeks, pit = record["weeks"], record["pit_histogram"]
    judged = [row for row in record["rows"] if row["n"]]
    if not judged:
        return record | {"judged": []}
    return record | {
        "judged": judged,
        "first_judged": judged[0],
        "week": next((row for row in judged if row["measure"] == "total_7"), None),
        "inside": sum(week["lo80"] <= week["truth"] <= week["hi80"] for week in weeks),
        "weeks_chart": weeks and weeks_chart(weeks, record["unit"]),
        "coverage_charts": [
            (row, coverage_chart(row, _MEASURES.get(row["measure"], row["measure"])))
            for row in judged
        ],
        "pit_chart": sum(pit) and share_bars(pit, "Where outcomes fell within their forecasts"),
    }
