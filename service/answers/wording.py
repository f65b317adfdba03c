"""Numbers, days and sentences as page and mail write them.

What should not be torn apart at the end of a line holds no-break spaces; a mail, in which they are
a nuisance to search and copy, replaces them (see `service.mail.render`).
"""

from __future__ import annotations

__all__ = ["FILTERS", "NO_BREAK", "long_day", "per_cent", "short_day", "signed", "week_name"]

import datetime as dt
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from service.core.clock import LONDON, in_words, uk_day

NO_BREAK = "\N{NO-BREAK SPACE}"
_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_LINE = 76


def per_cent(p: float) -> str:
    """A probability, without claiming more than a sample can tell; with ordinary spaces."""
    if p < 0.0051:
        return "under 1 %"
    return "over 99 %" if p > 0.9949 else f"{100 * p:.0f} %"


def long_day(value: str | dt.date) -> str:
    """``9 January 2026``; with ordinary spaces."""
    return in_words(_date(value))


def short_day(value: str | dt.date, names_year: bool) -> str:
    """``9 Jan`` or ``9 Jan 2026``; with ordinary spaces."""
    date = _date(value)
    return f"{date.day} {date:%b}" + (f" {date.year}" if names_year else "")


def signed(number: float) -> str:
    """A difference in whole numbers, its sign before it."""
    whole = round(number)
    return f"{whole:+,}".replace("-", "\N{MINUS SIGN}") if whole else "0"


def week_name(week: str, made_at: str) -> str:
    """``Week 2 of 2026, Friday 9 January 2026``."""
    year, number = week.split("-W")
    made = uk_day(dt.datetime.fromisoformat(made_at))
    return f"Week {int(number)} of {year}, {made:%A} {in_words(made)}"


def _count(number: float | None) -> str:
    """A count with thousands marked; a dash where there is none."""
    return "–" if number is None else f"{number:,.0f}"


def _span(row: Mapping[str, Any], level: int) -> str:
    """The bounds of a band of `row`."""
    return f"{_count(row[f'lo{level}'])} to {_count(row[f'hi{level}'])}"


def _per_cent(p: float) -> str:
    return per_cent(p).replace(" ", NO_BREAK)


def _short_per_cent(p: float) -> str:
    """The same for a narrow column."""
    return _per_cent(p).replace(f"under{NO_BREAK}", "<").replace(f"over{NO_BREAK}", ">")


def _weekday(value: str | dt.date) -> str:
    """``Fri``."""
    return f"{_date(value):%a}"


def _day(value: str | dt.date) -> str:
    """``9 January``, the year left out."""
    date = _date(value)
    return f"{date.day}{NO_BREAK}{date:%B}"


def _short_day(value: str | dt.date, today: dt.date | None = None) -> str:
    """``9 Jan``, with the year unless it is that of `today`."""
    names_year = today is not None and _date(value).year != today.year
    return short_day(value, names_year).replace(" ", NO_BREAK)


def _long_day(value: str | dt.date) -> str:
    return long_day(value).replace(" ", NO_BREAK, 1)


def _moment(value: str | dt.datetime) -> str:
    """An instant as a UK reader's clock shows it."""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    local = moment.astimezone(LONDON)
    return f"{_long_day(local.date())}, {local:%H:%M}"


def _issued_on(value: str, today: dt.date) -> str:
    """The UK day of an instant, for a short list."""
    return _short_day(uk_day(dt.datetime.fromisoformat(value)), today)


def _period(row: Mapping[str, Any]) -> str:
    """A period by the days that it has."""
    first, last = _date(row["from"]), _date(row["to"])
    if row["period"] == "this_month":
        return f"{first:%B %Y}"
    if row["period"] == "calendar_year":
        return f"The year {first.year}"
    return f"{(last - first).days + 1} days, to {short_day(last, names_year=True)}"


def _sentence(text: str) -> str:
    """A reason as a sentence: a capital, days in words, a full stop."""
    spoken = _ISO_DAY.sub(lambda found: _long_day(found.group()), text.strip())
    return f"{spoken[:1].upper()}{spoken[1:]}".rstrip(".") + "."


def _fold(text: str) -> str:
    """Lines of text; a number stays beside its per cent sign."""
    bound = text.replace(" %", f"{NO_BREAK}%")
    return textwrap.fill(bound, _LINE, break_long_words=False, break_on_hyphens=False)


def _date(value: str | dt.date) -> dt.date:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


FILTERS: dict[str, Callable[..., str]] = {
    "count": _count,
    "day": _day,
    "fold": _fold,
    "issued_on": _issued_on,
    "long_day": _long_day,
    "moment": _moment,
    "per_cent": _per_cent,
    "period": _period,
    "sentence": _sentence,
    "short_day": _short_day,
    "short_per_cent": _short_per_cent,
    "signed": signed,
    "span": _span,
    "weekday": _weekday,
}
"""Filters of the templates, by name."""
