"""Render an early warning as an email: what it says, as HTML and as text."""

from __future__ import annotations

__all__ = ["CALM", "PAUSED", "WARNING", "message", "reaches"]

import datetime as dt
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from service.answers.wording import day_span, per_cent, sentence
from service.core.settings import Settings
from service.mail.delivery_store import Due, Edition
from service.mail.render import addressed, rendered, unsubscribe_link

CALM, PAUSED, WARNING = "calm", "paused", "warning"
_FAULTS = {"stale": "the forecast is out of date", "degraded": "the forecast has a problem"}


def reaches(chance: Mapping[str, Any], level: int) -> bool:
    """Whether a chance, in whole per cent as it is written, is at least `level`."""
    return round(100 * float(chance["p"])) >= level


def message(settings: Settings, edition: Edition, one: Due) -> EmailMessage:
    """Return the complete email."""
    assert one.content is not None
    subject, lead, more = _words(edition.content, one.content)
    values = {
        "e": edition.content,
        "zone": ZoneInfo(edition.content["time_zone"]),
        "subject": subject,
        "lead": lead,
        "more": more,
        "rows": one.content["chances"][:1],
        "address": settings.address,
        "unsubscribe": unsubscribe_link(settings, one.token),
    }
    mail = addressed(settings, edition, one.address, one.token, subject)
    mail.set_content(rendered("warning.txt", values), cte="quoted-printable")
    mail.add_alternative(rendered("warning.html", values), subtype="html", cte="quoted-printable")
    return mail


def _words(common: Mapping[str, Any], content: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """Return the subject, the first sentence, and the other paragraphs."""
    level = content["level"]
    if content["state"] == PAUSED:
        first, *others = (
            sentence(reason, ZoneInfo(common["time_zone"])) for reason in common["reasons"]
        )
        until = (
            "You will get no warning until the forecast is up to date again. Then we will email "
            "you the chance at that time."
        )
        subject = f"Early warnings paused: {_FAULTS[common['status']]}"
        return subject, f"Early warnings are paused. {first}", [*others, until]
    # What reached the level comes first.
    chances = sorted(content["chances"], key=lambda row: not reaches(row, level))
    first, *others = [_in_words(row, common["unit"]) for row in chances]
    more = [f"{_capital(text)}." for text in others] + [
        f"You asked to be warned when the chance is at least {level}%."
    ]
    if content["state"] == WARNING:
        more.append("We will email you when it falls below that.")
        return f"Early warning: {first}", f"{_capital(first)}.", more
    name = "Early warnings resumed" if content["before"] == PAUSED else "Early warning over"
    return f"{name}: {first}", f"{name}: {first}.", more


def _in_words(chance: Mapping[str, Any], unit: str) -> str:
    first, last = (dt.date.fromisoformat(chance[name]) for name in ("from", "to"))
    what = "on at least one day" if chance["window"] == 1 else "in total"
    text = f"{per_cent(chance['p'])} chance of more than {chance['threshold']:,} {unit} {what}"
    return f"{text}, {day_span(first, last)}"


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
