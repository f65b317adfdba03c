"""Context of the page Plan: chances above a threshold, places needed and quiet days."""

from __future__ import annotations

__all__ = ["answer_plan", "has_places"]

from typing import Any

from service.answers.ahead import scale_to_share
from service.answers.bands import bands
from service.answers.capacity import capacity
from service.answers.errors import MOST_THRESHOLD
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueView
from service.answers.quiet import quiet
from service.page.bar_chart import chance_bars, count_bars
from service.page.exhibits import BAND_KEYS, RANGES, Exhibit
from service.page.fan_chart import fan_chart

_LEVELS = (50, 80, 95)


def answer_plan(view: IssueView, numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the answers and their charts; places only for the leading series.

    Quiet days count all arrivals.
    """
    horizon, unit, window = numbers["horizon"], view.declared.unit, numbers["window"]
    threshold, share = numbers["threshold"], numbers["share"] / 100
    ours = scale_to_share(view, numbers["our_share"])
    above = exceedance(ours.ahead, threshold, window, horizon)
    others = [exceedance(ours.ahead, one, window, horizon) for one in _other_thresholds(threshold)]
    calm = quiet(view.ahead, horizon)
    places = None
    if has_places(view):
        stay_days = numbers["stay_days"]
        places = capacity(ours.observed, ours.ahead, stay_days, share, horizon, _LEVELS)
    whose = "" if numbers["our_share"] == 100 else f", {numbers['our_share']}% of all arrivals"
    asked = {name: numbers[name] for name in ("our_share", "threshold", "window")}
    title = f"Chance of more than {threshold:,} {unit}, by first day{whose}"
    exhibits = [
        Exhibit(
            "above",
            title,
            [row | asked for row in above["rows"]],
            ("date", "to", *asked, "p_above"),
            chance_bars(above["rows"], "p_above", title),
        ),
        Exhibit(
            "other-thresholds",
            f"Chance of other thresholds in {horizon} days{whose}",
            others,
            ("threshold", "window", "p_any"),
        ),
    ]
    for name, words, column in (
        ("quiet-days", "number of days with no arrivals", "p_quiet_days"),
        ("quiet-spell", "length of the longest quiet spell", "p_longest_run"),
    ):
        title = f"Chance of each {words} in {horizon} days"
        drawing = count_bars([row[column] for row in calm["rows"]], title)
        columns = ("days", column, f"{column}_at_least")
        exhibits.append(Exhibit(name, title, calm["rows"], columns, drawing))
    if places:
        exhibits.append(_places_exhibit(places, unit, whose))
    table = bands(ours.ahead, horizon, _LEVELS, view.declared)
    for at, row in enumerate(table):
        del row["time"], row["horizon_days"]
        row |= asked | {"p_above": None}
        if at < len(above["rows"]):
            row["p_above"] = above["rows"][at]["p_above"]
        if places:
            row["stay_days"], row["share"] = numbers["stay_days"], share
            there = places["rows"][at]
            row["present_median"], row["places"] = there["median"], there["places"]
    exhibits.append(Exhibit("plan", f"Plan by day{whose}", table, list(table[0])))
    return {
        "above": above,
        "others": others,
        "quiet": calm,
        "places": places,
        "exhibits": {one.name: one for one in exhibits},
    }


def _places_exhibit(places: dict[str, Any], unit: str, whose: str) -> Exhibit:
    enough = f"{places['places_peak']:,} places"
    title = f"{unit.capitalize()} present by day, and the {enough} needed{whose}"
    drawing = fan_chart([], places["rows"], title, limit=(places["places_peak"], enough))
    keys = (("limit", "places needed"), *BAND_KEYS)
    return Exhibit("places", title, places["rows"], ("date", *RANGES, "places"), drawing, keys)


def _other_thresholds(threshold: int) -> list[int]:
    """Return parts and multiples of `threshold`, up to the allowed maximum."""
    parts = (max((threshold or 100) * part // 4, 1) for part in (1, 2, 3, 4, 6, 8, 12))
    return sorted({0, *(min(one, MOST_THRESHOLD) for one in parts)})


def has_places(view: IssueView) -> bool:
    """Whether places are needed: for people but not for boats."""
    return view.declared.follows is None
