"""Numbers, days and sentences as shown on pages and in emails."""

__all__ = [
    "FILTERS",
    "approximate",
    "approximate_headline",
    "day_span",
    "likelihoods",
    "long_day",
    "number_of_days",
    "per_cent",
    "range_chance",
    "sentence",
    "short_day",
    "signed",
    "status_name",
    "unit_of",
    "week_name",
]

import datetime as dt
import re
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import pass_context

from service.core.clock import format_day
from service.core.declared_series import Series

_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?\b")
_LINE = 76


def per_cent(p: float) -> str:
    """Format a probability in whole per cent, as precisely as the sample allows."""
    if p < 0.0051:
        return "under 1%"
    return "over 99%" if p > 0.9949 else f"{100 * p:.0f}%"


def long_day(value: str | dt.date) -> str:
    """Format a day as ``9 January 2026``."""
    return format_day(_date(value))


def day_span(first: str | dt.date, last: str | dt.date) -> str:
    """Format a span as ``9 to 11 January 2026``."""
    first, last = _date(first), _date(last)
    begin = format_day(first)
    if first.year == last.year:
        begin = str(first.day) if first.month == last.month else f"{first.day} {first:%B}"
    return f"{begin} to {format_day(last)}"


def number_of_days(number: int) -> str:
    """Format a number of days as ``1 day`` or ``9 days``."""
    return "1 day" if number == 1 else f"{number} days"


def short_day(value: str | dt.date, names_year: bool) -> str:
    """Format a day as ``9 Jan`` or ``9 Jan 2026``."""
    date = _date(value)
    return f"{date.day} {date:%b}" + (f" {date.year}" if names_year else "")


def signed(number: float) -> str:
    """Format a difference in whole numbers, always with its sign."""
    whole = round(number)
    return f"{whole:+,}".replace("-", "\N{MINUS SIGN}") if whole else "0"


def approximate(number: float, lo: float, hi: float, known: int = 0) -> str:
    """Round a count to 1, 2 or 5 times a power of ten, at most a twentieth of the range.

    The total of a period is at least what is `known` of it, which is not rounded.
    """
    steps = [factor * 10**power for power in range(7) for factor in (1, 2, 5)]
    step = max((step for step in steps if 20 * step <= hi - lo), default=1)
    rounded = step * int(number / step + 0.5)
    return f"{known if number == known else max(rounded, known):,}"


def approximate_headline(numbers: Mapping[str, Any]) -> list[str]:
    """Return the ``median lo80 hi80`` of a headline, rounded to suit their range."""
    lo, hi = numbers["lo80"], numbers["hi80"]
    return [approximate(numbers[name], lo, hi) for name in ("median", "lo80", "hi80")]


def range_chance(lo: float | str, hi: float | str, known: int = 0) -> str:
    """Say the chance of an 80% range in words: nothing can be below what is `known`."""
    lo, hi = (one if isinstance(one, str) else f"{one:,}" for one in (lo, hi))
    if hi == f"{known:,}":
        return f"at least a 90% chance of {hi}"
    if lo == f"{known:,}":
        return f"90% chance of at most {hi}"
    return f"80% chance of between {lo} and {hi}"


def status_name(status: str) -> str:
    """Return the display name of a status."""
    return {"fresh": "Up to date", "stale": "Out of date", "degraded": "Problem"}[status]


def likelihoods(declared: Series) -> str:
    """Explain the words for the likelihood of crossings and their limits."""
    return (
        "Crossings are likely on a day when the chance of any arrivals is over "
        f"{100 * declared.likely_above:g}%, unlikely when it is under "
        f"{100 * declared.unlikely_below:g}%, and possible in between. "
        "This does not say whether a crossing is safe."
    )


def unit_of(content: Mapping[str, Any], number: float | str) -> str:
    """Return the unit after `number` in an email: singular after 1."""
    return str(content["unit_one" if str(number) == "1" else "unit"])


def week_name(week: str, created_at: str, zone: ZoneInfo) -> str:
    """Format a week as ``Week 2 of 2026, Friday 9 January 2026``."""
    year, number = week.split("-W")
    day = dt.datetime.fromisoformat(created_at).astimezone(zone)
    return f"Week {int(number)} of {year}, {day:%A} {format_day(day.date())}"


def _count(number: float | None) -> str:
    """Format a count with thousands separators, or a dash for None."""
    return "–" if number is None else f"{number:,.0f}"


def _span(row: Mapping[str, Any], level: int) -> str:
    """Format the bounds of a band of `row`."""
    return f"{_count(row[f'lo{level}'])} to {_count(row[f'hi{level}'])}"


def _short_day(value: str | dt.date, today: dt.date | None = None) -> str:
    """Format a day as ``9 Jan``, with the year unless it is that of `today`."""
    return short_day(value, today is not None and _date(value).year != today.year)


def _moment(value: str | dt.datetime, zone: ZoneInfo) -> str:
    """Format an instant in local time."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    local = moment.astimezone(zone)
    return f"{long_day(local.date())}, {local:%H:%M}"


def _period(row: Mapping[str, Any]) -> str:
    """Format a period by its dates."""
    first, last = _date(row["from"]), _date(row["to"])
    if row["period"] == "this_month":
        return f"{first:%B %Y}"
    if row["period"] == "calendar_year":
        return f"The year {first.year}"
    return f"{(last - first).days + 1} days, to {short_day(last, names_year=True)}"


def sentence(text: str, zone: ZoneInfo) -> str:
    """Turn a reason into a sentence: capital letter, days and moments in words, full stop."""

    def in_words(match: re.Match[str]) -> str:
        try:
            return _moment(match[0], zone) if match[1] else long_day(match[0])
        except ValueError:  # a reason may quote a day that does not exist
            return match[0]

    changed = _ISO_DAY.sub(in_words, text.strip())
    return f"{changed[:1].upper()}{changed[1:]}".rstrip(".") + "."


def _date(value: str | dt.date) -> dt.date:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _in_zone(function: Callable[[Any, ZoneInfo], str]) -> Callable[..., str]:
    """Return a filter that takes the time zone from the context of the template."""
    return pass_context(lambda context, value: function(value, context["zone"]))


FILTERS: dict[str, Callable[..., str]] = {
    "count": _count,
    "approximate": approximate,
    "day": lambda value: f"{_date(value).day} {_date(value):%B}",  # ``9 January``
    "day_span": day_span,
    "fold": partial(textwrap.fill, width=_LINE, break_long_words=False, break_on_hyphens=False),
    "likelihoods": likelihoods,
    "long_day": long_day,
    "moment": _in_zone(_moment),
    "per_cent": per_cent,
    "period": _period,
    "range_chance": range_chance,
    "sentence": _in_zone(sentence),
    "short_day": _short_day,
    "short_per_cent": lambda p: per_cent(p).replace("under ", "<").replace("over ", ">"),
    "signed": signed,
    "span": _span,
    "status_name": status_name,
    "weekday": lambda value: f"{_date(value):%a}",  # ``Fri``
}
"""Template filters by name."""
