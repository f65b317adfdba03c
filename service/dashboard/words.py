"""Numbers and days as a reader wants them."""

from __future__ import annotations

__all__ = ["FILTERS", "count", "day", "per_cent", "weekday"]

import datetime as dt
import re
from collections.abc import Callable

from service.answers import headline
from service.clock import LONDON, uk_day

_NARROW = "\N{NO-BREAK SPACE}"
_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def count(number: float | None) -> str:
    """A count with thousands marked; a dash where there is none."""
    return "–" if number is None else f"{number:,.0f}"


def per_cent(p: float) -> str:
    """A probability as every face says it; it does not break at the end of a line."""
    return headline.per_cent(p).replace(" ", _NARROW)


def _short_per_cent(p: float) -> str:
    """The same for a narrow column."""
    return per_cent(p).replace(f"under{_NARROW}", "<").replace(f"over{_NARROW}", ">")


def day(value: str | dt.date) -> str:
    """``9 January``, the year left out."""
    date = _date(value)
    return f"{date.day}{_NARROW}{date:%B}"


def _short_day(value: str | dt.date, today: dt.date | None = None) -> str:
    """``9 Jan``, with the year unless it is that of `today`."""
    date = _date(value)
    year = "" if today is None or date.year == today.year else f"{_NARROW}{date.year}"
    return f"{date.day}{_NARROW}{date:%b}{year}"


def _long_day(value: str | dt.date) -> str:
    date = _date(value)
    return f"{date.day}{_NARROW}{date:%B %Y}"


def weekday(value: str | dt.date) -> str:
    """``Fri``."""
    return f"{_date(value):%a}"


def _moment(value: dt.datetime) -> str:
    """An instant as a UK reader's clock shows it."""
    local = value.astimezone(LONDON)
    return f"{_long_day(local.date())}, {local:%H:%M}"


def _issued_on(value: str, today: dt.date) -> str:
    """The UK day of an instant, for a short list."""
    return _short_day(uk_day(dt.datetime.fromisoformat(value)), today)


def _sentence(text: str) -> str:
    """A reason as a sentence: a capital, days in words, a full stop."""
    spoken = _ISO_DAY.sub(lambda found: _long_day(found.group()), text.strip())
    return f"{spoken[:1].upper()}{spoken[1:]}".rstrip(".") + "."


def _signed(number: float) -> str:
    whole = round(number)
    return f"{'+' if whole > 0 else '−' if whole < 0 else '±'}{abs(whole):,}"


def _date(value: str | dt.date) -> dt.date:
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


FILTERS: dict[str, Callable[..., str]] = {
    "count": count,
    "per_cent": per_cent,
    "short_per_cent": _short_per_cent,
    "day": day,
    "short_day": _short_day,
    "long_day": _long_day,
    "weekday": weekday,
    "moment": _moment,
    "issued_on": _issued_on,
    "sentence": _sentence,
    "signed": _signed,
}
