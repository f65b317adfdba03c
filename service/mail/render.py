"""Render an edition as an email: HTML, text with the same numbers, charts and CSV."""

__all__ = [
    "MailRenderer",
    "Reader",
    "edition_message",
    "confirmation_message",
    "with_route",
]

import datetime as dt
import hashlib
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
import jinja2

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.exceedance import exceedance
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


class MailRenderer:
    """Render the emails of one edition; shared parts are computed once."""

    def __init__(self, edition: Edition, paths: Paths, settings: Settings) -> None:
        self.edition = edition
        self.subject = _subject(edition.content)
        first = dt.date.fromisoformat(edition.content["days"][0]["date"])
        self._ahead = Ahead(paths, first, first)
        self._settings = settings
        self._chances = cache(self._above)

    @cached_property
    def charts(self) -> dict[str, bytes]:
        """The chart by theme, rendered on first use."""
        return chart.draw(self.edition.content)

    def message(self, reader: Reader) -> EmailMessage:
        """Return the complete email; raises `ValueError` if a value would inject a header."""
        edition, content = self.edition, self.edition.content
        zone = ZoneInfo(content["time_zone"])
        values = {
            "cids": {name: self.cid(name) for name in chart.THEMES},
            "days": content["days"][:_DAYS],
            "week_name": week_name(content["week"], content["made_at"], zone),
            "reader": self._chances(reader.threshold),
            "unit": unit_of(content, reader.threshold),
        }
        message = edition_message(self._settings, edition, reader, self.subject, "digest", values)
        _, html = message.iter_parts()
        for name, png in self.charts.items():
            html.add_related(
                png, "image", "png", cid=f"<{self.cid(name)}>", disposition="inline",
                filename=f"chart-{name}.png",
            )  # fmt: skip
        message.add_attachment(
            csv_text(content["days"], [name for name in content["days"][0] if name != "time"]),
            subtype="csv",
            cte="quoted-printable",
            filename=f"{content['series_id']}-forecast-{edition.made_at:%Y-%m-%d}.csv",
        )
        return message

    def _above(self, threshold: int) -> dict[str, Any]:
        days = exceedance(self._ahead, threshold, 1, _DAYS)
        return {
            "threshold": threshold,
            "p_day": days["p_any"],
            "p_days": [row["p_above"] for row in days["rows"]],
            "p_week": exceedance(self._ahead, threshold, _DAYS, _DAYS)["p_any"],
        }

    def cid(self, name: str) -> str:
        """Return the Content-ID of a chart."""
        whole = f"chart-{name}.{self.edition.route}.{self.edition.period}"
        return f"{whole}@{addresses.domain_of(self._settings.mail_from)}"


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
    template: str,
    values: Mapping[str, Any],
) -> EmailMessage:
    """Return an edition's email as text and HTML; its Message-ID is stable across retries.

    A copy to anyone but a subscriber has no token and so no unsubscribe link.
    """
    domain = addresses.domain_of(settings.mail_from)
    list_id = f"{edition.kind}-{edition.route}.crossings.{domain}"
    whole = f"{list_id} {edition.period} {reader.token}"
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
    text, html = (_render(f"{template}.{form}", {**shared, **values}) for form in ("txt", "html"))
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
