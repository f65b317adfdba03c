"""Context of the page Plan: chances above a threshold, places needed and quiet days."""

__all__ = ["plan_context"]

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from service.answers.ahead import LEAST_SHARE, scale_to_share
from service.answers.bands import bands
from service.answers.capacity import capacity
from service.answers.errors import MOST_THRESHOLD
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueView
from service.answers.quiet import quiet
from service.page.charts import chance_bars, count_bars, fan_chart
from service.page.exhibits import BAND_KEYS, LEVELS, RANGES, Exhibit
from service.page.page_params import PageParams


@dataclass(frozen=True)
class _Field:
    """An input of the form."""

    name: str
    label: str
    hint: str
    default: int | None  # None: the threshold of the series
    least: float
    most: int
    step: float = 1


_NUMBER = re.compile(r"([0-9]+|[0-9]{1,3}(,[0-9]{3})+)([.][0-9]{1,2})?")
_FIELDS = (
    _Field("threshold", "Threshold", "{unit} in your share, in total", None, 0, MOST_THRESHOLD),
    _Field("window", "Days to add up", "1 to 28 days in a row", 1, 1, 28),
    _Field("stay_days", "Length of stay", "days that each person stays, 1 to 90", 4, 1, 90),
    _Field("share", "How certain you need to be", "per cent, 50 to 99", 90, 50, 99),
    _Field("horizon", "Number of days ahead", "7 to 90", 28, 7, 90),
    _Field(
        "our_share", "Your share", "per cent of all arrivals", 100, LEAST_SHARE, 100, LEAST_SHARE
    ),
)


def plan_context(params: PageParams, args: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context; without answers, and with ``errors``, if an input is invalid.

    ``texts`` are the values of the form, and ``inputs`` the numbers.
    """
    texts, numbers, errors = {}, {}, {}
    for field in _FIELDS:
        default = params.view.declared.day_threshold if field.default is None else field.default
        text = args.get(field.name, str(default)).strip()[:40]
        number = float(text.replace(",", "")) if _NUMBER.fullmatch(text) else math.nan
        is_whole = number % 1 == 0
        if field.least <= number <= field.most and (is_whole or field.step < 1):
            numbers[field.name] = int(number) if is_whole else number
            texts[field.name] = str(numbers[field.name])
            continue
        texts[field.name] = text
        kind = "whole number" if field.step == 1 else "number with at most two decimals"
        errors[field.name] = (
            f"{field.label.lower()} must be a {kind} from {field.least:,} to {field.most:,}, "
            f"like {default if field.step == 1 else 12.5:,}"
        )
    if not errors and numbers["window"] > numbers["horizon"]:
        most = numbers["horizon"]
        errors["window"] = f"days to add up must be at most {most}, the number of days ahead"
    context = {"fields": _FIELDS, "texts": texts, "inputs": numbers, "errors": errors}
    return context if errors else context | _answers(params.view, numbers)


def _answers(view: IssueView, numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the answers and their charts; places only for the leading series.

    Quiet days count all arrivals.
    """
    horizon, unit, window = numbers["horizon"], view.declared.unit, numbers["window"]
    threshold, share = numbers["threshold"], numbers["share"] / 100
    our_share, stay_days = numbers["our_share"], numbers["stay_days"]
    above, *others = (
        exceedance(view.ahead, one, window, horizon, our_share)
        for one in (threshold, *_other_thresholds(threshold))
    )
    quiet_answer = quiet(view.ahead, horizon)
    of_share = "" if our_share == 100 else f", {our_share}% of all arrivals"
    inputs = {name: numbers[name] for name in ("our_share", "threshold", "window")}
    counted = f"Chance of more than {threshold:,} {view.declared.unit_of(threshold)}"
    in_total = "" if window == 1 else f" in total over {window} days"
    title = f"{counted}{in_total}, by {'day' if window == 1 else 'first day'}{of_share}"
    exhibits = [
        Exhibit(
            "above",
            title,
            [row | inputs for row in above["rows"]],
            ("date", "to", *inputs, "p_above"),
            chance_bars(above["rows"], "p_above", title),
        ),
        Exhibit(
            "other-thresholds",
            f"Chance of more than other thresholds{in_total}, within {horizon} days{of_share}",
            others,
            ("threshold", "window", "p_any"),
        ),
    ]
    for name, words, column in (
        ("quiet-days", "number of days with no arrivals", "p_quiet_days"),
        ("quiet-spell", "length of the longest quiet spell", "p_longest_run"),
    ):
        title = f"Chance of each {words} in {horizon} days"
        drawing = count_bars([row[column] for row in quiet_answer["rows"]], title)
        columns = ("days", column, f"{column}_at_least")
        exhibits.append(Exhibit(name, title, quiet_answer["rows"], columns, drawing))
    table = bands(scale_to_share(view, our_share).ahead, horizon, LEVELS, view.declared)
    for row, passing in zip_longest(table, above["rows"]):
        row |= inputs | {"p_above": passing and passing["p_above"]}
    places = None
    if view.declared.follows is None:
        places = capacity(view.observed, view.ahead, stay_days, share, horizon, LEVELS, our_share)
        peak = places["places_peak"]
        enough = f"{peak:,} place{'' if peak == 1 else 's'}"
        title = f"{unit.capitalize()} present by day, and the {enough} needed{of_share}"
        drawing = fan_chart(places["rows"], title, limit=(peak, enough))
        keys = (("limit", "places needed"), *BAND_KEYS)
        exhibits.append(
            Exhibit("places", title, places["rows"], ("date", *RANGES, "places"), drawing, keys)
        )
        for row, place in zip(table, places["rows"], strict=True):
            row |= {"stay_days": stay_days, "share": share}
            row |= {"present_median": place["median"], "places": place["places"]}
    left_out = ("time", "horizon_days", "p_any")
    plan_columns = [name for name in table[0] if name not in left_out]
    exhibits.append(Exhibit("plan", f"Plan by day{of_share}", table, plan_columns))
    return {
        "above": above,
        "others": others,
        "quiet": quiet_answer,
        "places": places,
        "exhibits": exhibits,
    }


def _other_thresholds(threshold: int) -> list[int]:
    """Return parts and multiples of `threshold`, up to the allowed maximum."""
    parts = (max((threshold or 100) * part // 4, 1) for part in (1, 2, 3, 4, 6, 8, 12))
    return sorted({0, *(min(one, MOST_THRESHOLD) for one in parts)})
