"""Context of the page Plan: chances above a threshold, places needed and quiet days."""

from __future__ import annotations

__all__ = ["answer_plan", "has_places", "plan_table"]

from typing import Any

from service.answers.ahead import scale_to_share
from service.answers.bands import bands
from service.answers.capacity import capacity
from service.answers.checks import MOST_THRESHOLD
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueView
from service.answers.quiet import quiet
from service.page.bar_chart import chance_bars, count_bars
from service.page.exhibits import BAND_KEYS, RANGES, Exhibit
from service.page.fan_chart import fan_chart

_LEVELS = (50, 80, 95)
_ASKED = ("our_share", "threshold", "window")


def answer_plan(view: IssueView, numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the answers and their charts; places only for the leading series.

    Quiet days are those of all arrivals.
    """
    horizon, unit = numbers["horizon"], view.declared.unit
    ours = scale_to_share(view, numbers["our_share"])
    above = exceedance(ours.ahead, numbers["threshold"], numbers["window"], horizon)
    calm = quiet(view.ahead, horizon)
    places = _places(ours, numbers) if has_places(view) else None
    others = _others(ours, numbers)
    whose = "" if numbers["our_share"] == 100 else f", {numbers['our_share']}% of UK arrivals"
    title = f"Chance of more than {numbers['threshold']:,} {unit}, by first day{whose}"
    counts = f"Chance of each number of days with no arrivals in {horizon} days"
    runs = f"Chance of each length of the longest quiet spell in {horizon} days"
    spells = [
        ("quiet-days", counts, "p_quiet_days"),
        ("quiet-spell", runs, "p_longest_run"),
    ]
    exhibits = [
        Exhibit(
            "above",
            title,
            [row | {name: numbers[name] for name in _ASKED} for row in above["rows"]],
            ("date", "to", *_ASKED, "p_above"),
            chance_bars(above["rows"], "p_above", title),
        ),
        Exhibit(
            "other-thresholds",
            f"Chance of other thresholds in {horizon} days{whose}",
            others,
            ("threshold", "window", "p_any"),
        ),
        *(
            Exhibit(
                name,
                words,
                calm["rows"],
                ("days", column, f"{column}_at_least"),
                count_bars([row[column] for row in calm["rows"]], words),
            )
            for name, words, column in spells
        ),
    ]
    if places:
        exhibits.append(_places_exhibit(places, unit, whose))
    table = plan_table(view, numbers)
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


def plan_table(view: IssueView, numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a day: intervals, chance above the threshold, people present and places."""
    view = scale_to_share(view, numbers["our_share"])
    rows = bands(view.ahead, numbers["horizon"], _LEVELS, view.declared)
    above = exceedance(view.ahead, numbers["threshold"], numbers["window"], numbers["horizon"])[
        "rows"
    ]
    places = _places(view, numbers)["rows"] if has_places(view) else []
    for at, row in enumerate(rows):
        del row["time"], row["horizon_days"]
        row["our_share"] = numbers["our_share"]
        row["threshold"], row["window"] = numbers["threshold"], numbers["window"]
        row["p_above"] = above[at]["p_above"] if at < len(above) else None
        if places:
            row["stay_days"], row["share"] = numbers["stay_days"], numbers["share"] / 100
            row["present_median"], row["places"] = places[at]["median"], places[at]["places"]
    return rows


def _others(view: IssueView, numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the chances for other thresholds, up to the largest allowed."""
    threshold = numbers["threshold"] or 100
    parts = (max(threshold * part // 4, 1) for part in (1, 2, 3, 4, 6, 8, 12))
    # The threshold is allowed, but a multiple of it may not be.
    thresholds = sorted({0, *(min(one, MOST_THRESHOLD) for one in parts)})
    return [
        exceedance(view.ahead, one, numbers["window"], numbers["horizon"]) for one in thresholds
    ]


def has_places(view: IssueView) -> bool:
    """Whether places are needed for what is counted: for people, and not for their boats."""
    return view.declared.follows is None


def _places(view: IssueView, numbers: dict[str, Any]) -> dict[str, Any]:
    return capacity(
        view.observed,
        view.ahead,
        numbers["stay_days"],
        numbers["share"] / 100,
        numbers["horizon"],
        _LEVELS,
    )
