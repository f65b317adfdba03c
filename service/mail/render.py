"""Render an edition as an email: HTML, text with the same numbers, charts and CSV."""

__all__ = [
    "MailRenderer",
    "Reader",
    "edition_message",
    "confirmation_message",
    "render_template",
    "subject",
    "unsubscribe_link",
    "with_route",
]

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
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
    NO_BREAK,
    approximate_headline,
    day_span,
    range_chance,
    unit_of,
    week_name,
    with_no_break_spaces,
)
from service.core import addresses
from service.core.context import Context
from service.core.files import csv_text
from service.core.settings import Settings
from service.mail import chart
from service.mail.delivery_store import Due, Edition
from service.mail.subscriber_store import CONFIRM_HOURS, Preferences

_DAYS = 7
# Otherwise a header over 78 characters, such as List-Unsubscribe, would be written as encoded
# words, which mail programs ignore.
_POLICY = SMTP.clone(max_line_length=998)
_LISTED = {"fresh": "", "stale": "[Out of date] ", "degraded": "[Problem] "}


@dataclass(frozen=True)
class Reader:
    """Recipient of a copy; without a token it is a single copy."""

    address: str
    threshold: int
    token: str | None = None


def subject(content: Mapping[str, Any]) -> str:
    """Return the subject: state, numbers and days, in ASCII to avoid encoded words."""
    headline = content["headline"]
    median, lo80, hi80 = approximate_headline(headline)
    return (
        f"{_LISTED[content['status']]}{with_route('Weekly forecast', content)}: about {median} "
        f"{unit_of(content, median)}, {day_span(headline['from'], headline['to'])} "
        f"({range_chance(lo80, hi80)})"
    )


def with_route(name: str, content: Mapping[str, Any]) -> str:
    """Return the `name` of an email, with its route if the service has several."""
    route = content.get("route")  # older editions have none
    return f"{name} - {route}" if route else name


class MailRenderer:
    """Render the emails of one edition; shared parts are computed once."""

    def __init__(self, edition: Edition, paths: Paths, settings: Settings) -> None:
        self.edition = edition
        self.subject = subject(edition.content)
        first = dt.date.fromisoformat(edition.content["days"][0]["date"])
        self._ahead = Ahead(paths, first, first)
        self._settings = settings
        self._chances = cache(self._above)

    @cached_property
    def charts(self) -> dict[str, bytes]:
        """The chart by theme, rendered on first use."""
        return chart.draw(self.edition.content)

    def html(self, reader: Reader | Due) -> str:
        """Return the email as HTML with inline styles."""
        cids = {name: self.cid(name) for name in chart.THEMES}
        alt = chart.alt_text(self.edition.content)
        return render_template(
            "digest.html", self._context(reader), cids=cids, alt=alt, subject=self.subject
        )

    def text(self, reader: Reader | Due) -> str:
        """Return the email as text."""
        return render_template("digest.txt", self._context(reader))

    def message(self, reader: Reader | Due) -> EmailMessage:
        """Return the complete email; raises `ValueError` if a value would inject a header."""
        content = self.edition.content
        message = edition_message(
            self._settings, self.edition, reader.address, reader.token, self.subject
        )
        message.set_content(self.text(reader), cte="quoted-printable")
        message.add_alternative(self.html(reader), subtype="html", cte="quoted-printable")
        _, html = message.iter_parts()
        for name, png in self.charts.items():
            html.add_related(
                png, "image", "png", cid=f"<{self.cid(name)}>", disposition="inline",
                filename=f"chart-{name}.png",
            )  # fmt: skip
        series = content.get("series_id", content["unit"])  # older editions have no series
        message.add_attachment(
            csv_text(content["days"], [name for name in content["days"][0] if name != "time"]),
            subtype="csv",
            cte="quoted-printable",
            filename=f"{series}-forecast-{self.edition.made_at:%Y-%m-%d}.csv",
        )
        return message

    def _context(self, reader: Reader | Due) -> dict[str, Any]:
        content = self.edition.content
        zone = ZoneInfo(content["time_zone"])
        return {
            "zone": zone,
            "e": content,
            "days": content["days"][:_DAYS],
            "week_name": week_name(content["week"], content["made_at"], zone),
            "reader": self._chances(reader.threshold),
            "unit": unit_of(content, reader.threshold),
            "address": self._settings.address,
            "unsubscribe": unsubscribe_link(self._settings, reader.token),
        }

    def _above(self, threshold: int) -> dict[str, Any]:
        days = exceedance(self._ahead, threshold, 1, _DAYS)
        return {
            "title": "Your threshold",
            "threshold": threshold,
            "p_day": days["p_any"],
            "p_days": [row["p_above"] for row in days["rows"]],
            "p_week": exceedance(self._ahead, threshold, _DAYS, _DAYS)["p_any"],
        }

    def cid(self, name: str) -> str:
        """Return the Content-ID of a chart."""
        whole = f"chart-{name}.{self.edition.route}.{self.edition.period}"
        return f"{whole}@{addresses.domain_of(self._settings.mail_from)}"


def edition_message(
    settings: Settings, edition: Edition, address: str, token: str | None, about: str
) -> EmailMessage:
    """Return the headers of an edition's email; its Message-ID is stable across retries.

    A copy to anyone but a subscriber has no token and so no unsubscribe link.
    """
    domain = addresses.domain_of(settings.mail_from)
    list_id = f"{edition.kind}-{edition.route}.crossings.{domain}"
    whole = f"{list_id} {edition.period} {token}"
    title = edition.content["title"]
    message = _new_message(settings, title, address, about, edition.made_at, edition.period, whole)
    message["List-Id"] = f"{title}, {edition.kind} <{list_id}>"
    if link := unsubscribe_link(settings, token):
        message["List-Unsubscribe"] = f"<{link}>"
        if link.startswith("https://"):  # RFC 8058 requires it
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return message


def unsubscribe_link(settings: Settings, token: str | None) -> str | None:
    """Return the unsubscribe link."""
    return f"{settings.address}/u/{token}" if token else None


def confirmation_message(
    context: Context, address: str, preferences: Preferences, token: str, now: dt.datetime
) -> EmailMessage:
    """Return the email that asks the owner of `address` to confirm."""
    settings, route = context.settings, context.route
    about = f"Confirm your emails: {route.forecast_title}"
    message = _new_message(settings, route.forecast_title, address, about, now, "confirm", token)
    text = render_template(
        "confirm.txt",
        title=route.forecast_title,
        emails=preferences.in_words(route.lead),
        link=f"{settings.address}/subscribe/confirm/{token}",
        hours=CONFIRM_HOURS,
    )
    message.set_content(text, cte="quoted-printable")
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


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("service.mail"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


def render_template(name: str, *values: Mapping[str, Any], **others: Any) -> str:
    """Return a template filled in: HTML with inline styles, or text without no-break spaces."""
    template = _environment().get_template(name)
    if name.endswith(".html"):
        return with_no_break_spaces(_inliner().inline(template.render(*values, **others)))
    # In plain text, no-break spaces only hamper searching.
    text = template.render(*values, **others).replace(NO_BREAK, " ")
    return text.strip("\n") + "\n"


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
