"""Context of the page Now: headline, chart, days, totals and causes of an issue."""

__all__ = ["now_context"]

import datetime as dt
from collections.abc import Callable, Mapping
from itertools import compress
from typing import Any

from service.answers.bands import bands
from service.answers.briefing import briefing_of
from service.answers.changes import CAUSE_NAMES, changes, sampling_error
from service.answers.errors import BadQuestion, NotFound
from service.answers.exceedance import exceedance
from service.answers.explanation import explanation
from service.answers.figures import add_year_earlier, figures, last_figures
from service.answers.headline import headline
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.totals import PERIODS, periods, year_so_far
from service.answers.weather import weather_ahead
from service.answers.wording import long_day, per_cent
from service.page.charts import chance_bars, fan_chart, year_chart
from service.page.exhibits import BAND_KEYS, LEVELS, RANGES, Exhibit
from service.page.page_params import PageParams

_PAST_DAYS, _HORIZON = 90, 28
_DRAWN = ("date", "value", "median", "lo80", "hi80", "lo95", "hi95", "none", "came", "last_year")
"""What the script of the chart reads."""
_TILES = ("next_7_days", "this_month", "calendar_year")
_PARTS = CAUSE_NAMES | {
    "season": "time of year",
    "recent_level": "level of recent weeks",
    "yesterday": "last few days",
    "day_of_week": "day of the week",
    "other": "other factors",
}


def now_context(params: PageParams, _: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context of the page Now."""
    loader, view = params.loader, params.view
    unit, ahead, summary = view.declared.unit, view.ahead, headline(loader, view)
    past = last_figures(view, _PAST_DAYS)
    before = ahead.since(_PAST_DAYS)
    waiting = ahead.skipped - before.skipped  # days that are over but have no figure
    horizon = min(_HORIZON, ahead.most)
    forecast_rows = bands(before, waiting + horizon, LEVELS, view.declared)
    chart_rows = [*past, *forecast_rows]
    add_year_earlier(view, chart_rows)
    days = forecast_rows[waiting:]
    arrived = {}  # the figures since, possibly with gaps
    if params.is_past:
        first, last = (dt.date.fromisoformat(days[at]["date"]) for at in (0, -1))
        rows = figures(loader, params.series_id, first, last)
        arrived = {row["date"]: row["value"] for row in rows}
    for row in forecast_rows:
        row |= {"came": arrived.get(row["date"]), "none": per_cent(row["p_zero"])}
    threshold = summary["threshold"]
    above = exceedance(ahead, threshold, 1, horizon)
    for row, passing in zip(days, above["rows"], strict=True):
        row |= {"threshold": threshold, "p_above": passing["p_above"]}
    totals = periods(view.observed, ahead, PERIODS, LEVELS)
    for row in totals:
        row["name"] = _name(row, view, loader.today())
    year_key = ("year", view.issue.issue_id, view.entry.model, view.first)
    year = loader.compute_once(year_key, lambda: _year_so_far(view))
    sea = weather_ahead(loader, view)
    why = {
        "changed": _parts_table(params, changes, "changes", "What changed since the last forecast"),
        "driven": _parts_table(params, explanation, "drivers", "What is driving this forecast"),
    }
    by_day, whole = f"{unit.capitalize()} per day", view.route.area_title
    has_last_year = any(row["last_year_mean"] is not None for row in chart_rows)
    keys = (
        *((("actual", "as published"),) if past else ()),
        *((("waiting", "not yet published"),) if waiting else ()),
        *BAND_KEYS,
        *((("then", "a year earlier, mean of 7 days"),) if has_last_year else ()),
        *((("came", "arrived"),) if arrived else ()),
    )
    of_threshold = f"{threshold:,} {view.declared.unit_of(threshold)}"
    chances = (
        ("no-arrivals", "Chance of no arrivals, by day", ("date", "p_zero")),
        (
            "above-threshold",
            f"Chance of more than {of_threshold}, by day",
            ("date", "threshold", "p_above"),
        ),
    )
    exhibits = [
        Exhibit(
            "forecast",
            f"{by_day}, {whole}",
            chart_rows,
            ("date", "value", *RANGES, "p_zero", "came", "last_year", "last_year_mean"),
            fan_chart(chart_rows, by_day, len(past), waiting),
            keys,
        ),
        *(
            Exhibit(name, title, days, columns, chance_bars(days, columns[-1], title))
            for name, title, columns in chances
        ),
        Exhibit(
            "days",
            f"{unit.capitalize()} day by day, {whole}",
            days,
            ("date", *RANGES, "p_zero", "p_above", "came"),
        ),
        Exhibit(
            "totals",
            f"Totals of {unit}, {whole}",
            totals,
            ("period", "from", "to", *RANGES, "known", "last_year", "note"),
        ),
        *([_weather(view, sea)] if sea else []),
        *(part["exhibit"] for part in (year, *why.values()) if part),
    ]
    drawn = [{name: row.get(name) for name in _DRAWN} for row in chart_rows]
    return why | {
        "headline": summary,
        "briefing": briefing_of(loader, view),
        "exhibits": exhibits,
        "chart_rows": chart_rows,
        "chart_data": {"unit": unit, "first": len(past), "waiting": waiting, "rows": drawn},
        "days": days,
        "above": above,
        "has_outcomes": bool(arrived),
        "has_last_year": has_last_year,
        "totals": totals,
        "sea": sea,
        "year": year,
        "tiles": [row for row in totals if row["period"] in _TILES],
    }


def _weather(view: IssueView, weather: dict[str, Any]) -> Exhibit:
    ranges = [f"{what}_{end}" for what in ("wind", "gusts") for end in ("median", "lo80", "hi80")]
    read_on = long_day(weather["read_at"][:10])
    return Exhibit(
        "sea",
        f"Wind and waves at {view.route.weather_place}, as forecast on {read_on}",
        weather["rows"],
        ("date", *ranges, "wind_from", "wave_night_mean_m", "wave_max_m"),
        credit=weather["attribution"],
        licence_url="https://creativecommons.org/licenses/by/4.0/",
    )


def _year_so_far(view: IssueView) -> dict[str, Any] | None:
    """Return the totals since 1 January, their chart, and the rows of the table."""
    year = year_so_far(view.observed, view.ahead, LEVELS)
    if not year["rows"]:
        return None
    title = f"{view.declared.unit.capitalize()} since 1 January {year['year']}"
    firsts = [row["date"].endswith("-01") for row in year["rows"][1:]]
    ends = list(compress(year["rows"], [*firsts, True]))
    keys = (
        *((("median", f"{year['year']} as published"),) if ends[0]["value"] is not None else ()),
        ("middle", "median"),
        *BAND_KEYS[1:],
        *((("then", str(year["earlier"][0])),) if year["earlier"] else ()),
        *((("before", "earlier years"),) if year["earlier"][1:] else ()),
    )
    columns = ("date", "value", *RANGES, *(f"year_{one}" for one in year["earlier"]))
    name, drawing = f"{title}, {view.route.area_title}", year_chart(year, title)
    exhibit = Exhibit("year", name, year["rows"], columns, drawing, keys)
    return year | {"ends": ends, "exhibit": exhibit}


def _parts_table(
    params: PageParams,
    question: Callable[[IssueLoader, IssueView], dict[str, Any]],
    name: str,
    title: str,
) -> dict[str, Any] | None:
    """Return a row per part and a column per period; None if not stored for these days.

    The totals of `question` have the days, a mean, the parts that add up to another, and that one.
    Parts that round to 0 are left out.
    """
    try:
        answer = question(params.loader, params.view)
    except (NotFound, BadQuestion):
        return None
    spans = [total for total in answer["totals"] if total["days"] > 1]
    if not spans:
        return None
    columns = list(spans[0])
    first, *parts, last = columns[1:]
    rows = [
        {"name": _PARTS.get(part, part.replace("_", " ")), "shares": [s[part] for s in spans]}
        for part in parts
    ]
    return answer | {
        "noise": [sampling_error(params.view, span["days"]) for span in spans],
        "spans": [span["days"] for span in spans],
        "first": [span[first] for span in spans],
        "rows": [row for row in rows if any(round(share) for share in row["shares"])],
        "last": [span[last] for span in spans],
        "exhibit": Exhibit(name, title, answer["totals"], columns, parts=parts),
    }


def _name(row: dict[str, Any], view: IssueView, today: dt.date) -> str:
    """Return the display name of a period; past forecasts use absolute names."""
    first, last = (dt.date.fromisoformat(row[end]) for end in ("from", "to"))
    following = "First" if view.is_past else "Next"
    week = f"Week to {last.day} {last:%B}" + ("" if last.year == today.year else f" {last.year}")
    to_date = f"to {last.day} {last:%B}" if view.is_past else "to yesterday"
    if (last.month, last.day) == (12, 31):
        to_date = "whole year"
    return {
        "next_7_days": f"{following} 7 days",
        "next_28_days": f"{following} 28 days",
        "this_week": week,
        "next_week": week,
        "this_month": f"{first:%B %Y}",
        "next_month": f"{first:%B %Y}",
        "this_quarter": f"{first:%B} to {last:%B %Y}",
        "year_to_date": f"{last.year}, {to_date}",
        "calendar_year": f"{last.year}, whole year",
    }[row["period"]]
