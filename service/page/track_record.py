"""Context of the page Track record: live forecasts, then hindcasts."""

from __future__ import annotations

__all__ = ["WINDOWS", "past_forecasts"]

from typing import Any

from service.answers.errors import BadQuestion
from service.answers.track_record import track_record
from service.page.bar_chart import share_bars
from service.page.exhibits import Exhibit
from service.page.page_params import PageParams
from service.page.record_charts import coverage_chart, coverage_grid, weeks_chart

WINDOWS = (13, 26, 52, 104)
_LEVELS = (50, 80, 95)
_WEEK = ("median", "lo80", "hi80", "lo95", "hi95")
_WEEK_KEYS = (
    ("came", "arrived"),
    ("missed", "outside the 95% range"),
    ("median", "median"),
    ("band80", "80% range"),
    ("band95", "95% range"),
)
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
    exhibits = [one for record in records for one in _exhibits(record)]
    return {
        "window": int(window),
        "windows": WINDOWS,
        "records": [_drawn(record) for record in records],
        "exhibits": {one.name: one for one in exhibits},
        "kind_names": _KINDS,
        "measure_names": _MEASURES,
        "alarm_names": _ALARMS,
    }


def _drawn(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its charts, if anything is scored."""
    weeks = record["weeks"]
    judged = [row for row in record["rows"] if row["n"]]
    if not judged:
        return record | {"judged": []}
    return record | {
        "judged": judged,
        "first_judged": judged[0],
        "week": next((row for row in judged if row["measure"] == "total_7"), None),
        "inside": sum(week["lo80"] <= week["truth"] <= week["hi80"] for week in weeks),
        "coverage_charts": [
            (row, coverage_chart(row, _MEASURES[row["measure"]])) for row in judged
        ],
    }


def _exhibits(record: dict[str, Any]) -> list[Exhibit]:
    """Return the charts and tables of a record; their names end with its kind."""
    weeks, pit, kind = record["weeks"], record["pit_histogram"], record["kind"]
    judged = [row for row in record["rows"] if row["n"]]
    if not judged:
        return []
    whose = f"{_KINDS[kind].lower()} of the last {record['window_weeks']} weeks"
    held = [f"coverage{level}{end}" for level in _LEVELS for end in ("", "_lo", "_hi")]
    scores = ("skill_climatology", "skill_seasonal_naive", "bias", "crps", "wis")
    exhibits = [
        Exhibit(
            f"coverage-{kind}",
            f"How often the ranges were right: {whose}",
            judged,
            ("measure", "n", *held),
            coverage_grid([(row, _MEASURES[row["measure"]]) for row in judged]),
        ),
        Exhibit(f"scores-{kind}", f"Scores: {whose}", judged, ("measure", "n", *scores)),
    ]
    if weeks:
        title = f"{record['unit'].capitalize()} in the 7 days after each forecast: {whose}"
        columns = ("issue_id", "model", "from", "to", "truth", *_WEEK, "crps")
        drawing = weeks_chart(weeks, record["unit"])
        exhibits.append(Exhibit(f"weeks-{kind}", title, weeks, columns, drawing, _WEEK_KEYS))
    if sum(pit):
        title = f"Where outcomes fell within their forecasts: {whose}"
        rows = [{"tenth": at, "outcomes": count} for at, count in enumerate(pit, start=1)]
        drawing = share_bars(pit, title)
        exhibits.append(Exhibit(f"pit-{kind}", title, rows, ("tenth", "outcomes"), drawing))
    return exhibits
