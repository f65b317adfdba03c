"""Render an edition as an email: HTML, text with the same numbers, charts and CSV."""

__all__ = ["confirmation_message", "edition_message", "weekly_messages", "with_route"]

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
import jinja2

from service.answers.ahead import Ahead
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueLoader
from service.answers.wording import (
    FILTERS,
    approximate_headline,
    day_span,
    range_chance,
    unit_of,
    week_name,
)
from service.core import addresses
from service.core.context import Context
from service.core.files import csv_text
from service.core.settings import Settings
from service.mail import chart
from service.mail.delivery_store import Edition, Reader
from service.mail.subscriber_store import CONFIRM_HOURS, Preferences

_DAYS = 7
# Otherwise a header over 78 characters, such as List-Unsubscribe, would be written as encoded
# words, which mail programs ignore.
_POLICY = SMTP.clone(max_line_length=998)
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("service.mail"),
    autoescape=jinja2.select_autoescape(["html"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(FILTERS)
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
_LISTED = {"fresh": "", "stale": "[Out of date] ", "degraded": "[Problem] "}


def with_route(name: str, content: Mapping[str, Any]) -> str:
    """Return the `name` of an email, with its route if the service has several."""
    return f"{name} - {content['route']}" if content["route"] else name


def weekly_messages(loader: IssueLoader, edition: Edition) -> Callable[[Reader], EmailMessage]:
    """Return a function that renders the weekly email for a reader, whose chances are its issue's.

    What readers share is computed once, on first use. The function raises `ValueError` if a value
    would inject a header.
    """
    content, settings = edition.content, loader.context.settings
    first = dt.date.fromisoformat(content["days"][0]["date"])
    ahead = loader.view(loader.route.leading, edition.issue_id, first=first).ahead
    charts, chances = cache(lambda: chart.draw(content)), cache(partial(_chances, ahead))
    at = f"{edition.route}.{edition.period}@{addresses.domain_of(settings.mail_from)}"
    cids = {theme: f"chart-{theme}.{at}" for theme in chart.THEMES}

    def message(reader: Reader) -> EmailMessage:
        values = {
            "cids": cids,
            "days": content["days"][:_DAYS],
            "week_name": week_name(
                content["week"], content["made_at"], ZoneInfo(content["time_zone"])
            ),
            "reader": chances(reader.threshold),
            "unit": unit_of(content, reader.threshold),
        }
        email = edition_message(settings, edition, reader, _subject(content), values)
        _, html = email.iter_parts()
        for theme, png in charts().items():
            html.add_related(
                png, "image", "png", cid=f"<{cids[theme]}>", disposition="inline",
                filename=f"chart-{theme}.png",
            )  # fmt: skip
        email.add_attachment(
            csv_text(content["days"], [name for name in content["days"][0] if name != "time"]),
            subtype="csv",
            cte="quoted-printable",
            filename=f"{content['series_id']}-forecast-{edition.made_at:%Y-%m-%d}.csv",
        )
        return email

    return message


def _chances(ahead: Ahead, threshold: int) -> dict[str, Any]:
    days = exceedance(ahead, threshold, 1, _DAYS)
    return {
        "threshold": threshold,
        "p_day": days["p_any"],
        "p_days": [row["p_above"] for row in days["rows"]],
        "p_week": exceedance(ahead, threshold, _DAYS, _DAYS)["p_any"],
    }


def _subject(content: Mapping[str, Any]) -> str:
    """Return the state, numbers and days, in ASCII to avoid encoded words."""
    headline = content["headline"]
    median, lo80, hi80 = approximate_headline(headline)
    return (
        f"{_LISTED[content['status']]}{with_route('Weekly forecast', content)}: about {median} "
        f"{unit_of(content, median)}, {day_span(headline['from'], headline['to'])} "
        f"({range_chance(lo80, hi80)})"
    )


def edition_message(
    settings: Settings,
    edition: Edition,
    reader: Reader,
    about: str,
    values: Mapping[str, Any],
) -> EmailMessage:
    """Return an edition's email as text and HTML; its Message-ID is stable across retries.

    A copy to anyone but a subscriber has no token and so no unsubscribe link; its Message-ID is
    new, as a mailbox may drop the second of two emails with one id.
    """
    domain = addresses.domain_of(settings.mail_from)
    list_id = f"{edition.kind}-{edition.route}.crossings.{domain}"
    whole = f"{list_id} {edition.period} {reader.token or secrets.token_hex()}"
    title = edition.content["title"]
    message = _new_message(
        settings, title, reader.address, about, edition.made_at, edition.period, whole
    )
    message["List-Id"] = f"{title}, {edition.kind} <{list_id}>"
    link = f"{settings.address}/u/{reader.token}" if reader.token else None
    if link:
        message["List-Unsubscribe"] = f"<{link}>"
        if link.startswith("https://"):  # RFC 8058 requires it
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    shared: dict[str, Any] = {
        "e": edition.content,
        "zone": ZoneInfo(edition.content["time_zone"]),
        "subject": about,
        "address": settings.address,
        "unsubscribe": link,
    }
    text, html = (
        _render(f"{edition.kind}.{form}", {**shared, **values}) for form in ("txt", "html")
    )
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def confirmation_message(
    context: Context, address: str, preferences: Preferences, token: str, now: dt.datetime
) -> EmailMessage:
    """Return the email that asks the owner of `address` to confirm."""
    settings, route = context.settings, context.route
    about = f"Confirm your emails: {route.forecast_title}"
    message = _new_message(settings, route.forecast_title, address, about, now, "confirm", token)
    values = {
        "title": route.forecast_title,
        "emails": preferences.in_words(route.lead),
        "link": f"{settings.address}/subscribe/confirm/{token}",
        "hours": CONFIRM_HOURS,
    }
    message.set_content(_render("confirm.txt", values), cte="quoted-printable")
    return message


def _new_message(
    settings: Settings, title: str, to: str, about: str, date: dt.datetime, kind: str, whole: str
) -> EmailMessage:
    """Return a message with its headers, from `title` unless the settings name the sender.

    The Message-ID consists of `kind` and the hash of `whole`.
    """
    message = EmailMessage(policy=_POLICY)
    name, sender = addresses.parse_sender(settings.mail_from)
    message["From"] = Address(name or title, addr_spec=sender)
    message["To"] = Address(addr_spec=addresses.clean_address(to))
    message["Subject"] = about
    message["Date"] = format_datetime(date)
    message["Auto-Submitted"] = "auto-generated"
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{kind}.{digest}@{addresses.domain_of(sender)}>"
    return message


def _render(name: str, values: Mapping[str, Any]) -> str:
    """Return a template filled in: HTML with inline styles, or text."""
    text = _TEMPLATES.get_template(name).render(values)
    return _INLINER.inline(text) if name.endswith(".html") else text.strip("\n") + "\n"
