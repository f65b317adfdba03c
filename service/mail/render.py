"""Render an edition as an email: HTML, text with the same numbers, charts and CSV."""

from __future__ import annotations

__all__ = [
    "MailRenderer",
    "Reader",
    "addressed",
    "confirmation",
    "rendered",
    "serialise",
    "subject",
    "unsubscribe_link",
]

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
import jinja2
from markupsafe import Markup

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.exceedance import exceedance
from service.answers.wording import (
    FILTERS,
    NO_BREAK,
    approximate_headline,
    day_span,
    unbroken,
    week_name,
)
from service.core import addresses
from service.core.context import Context
from service.core.settings import Settings
from service.mail import chart
from service.mail.chart import Charts
from service.mail.delivery_store import Edition
from service.mail.preferences import Preferences
from service.mail.subscriber_store import CONFIRM_HOURS

_DAYS = 7
# Without this a header of more than 78 characters, such as the address that unsubscribes, would
# be written as encoded words, which mail programs ignore.
_POLICY = SMTP.clone(max_line_length=998)
_LISTED = {"fresh": "", "stale": "[Out of date] ", "degraded": "[Problem] "}


@dataclass(frozen=True)
class Reader:
    """Recipient of an email; without a token it is a single copy."""

    address: str
    threshold: int
    token: str | None = None


def subject(content: Mapping[str, Any]) -> str:
    """Return the subject: state, numbers and days, in ASCII to avoid encoded words."""
    headline = content["headline"]
    first, last = (dt.date.fromisoformat(headline[name]) for name in ("from", "to"))
    median, lo80, hi80 = approximate_headline(headline)
    return (
        f"{_LISTED[content['status']]}Weekly forecast: about {median} {content['unit']}, "
        f"{day_span(first, last)} (80% chance of between {lo80} and {hi80})"
    )


class MailRenderer:
    """Render the emails of one edition; shared parts are computed once."""

    def __init__(self, edition: Edition, paths: Paths, settings: Settings) -> None:
        self.edition = edition
        self.subject = subject(edition.content)
        first = dt.date.fromisoformat(edition.content["days"][0]["date"])
        self._ahead = Ahead(paths, first, first)
        self._settings = settings
        self._chances: dict[int, dict[str, Any]] = {}

    @cached_property
    def charts(self) -> Charts:
        """The chart, rendered on first use."""
        return chart.draw(self.edition.content)

    @cached_property
    def _pictures(self) -> list[Any]:  # which the stubs do not let a message attach
        parts = []
        for name, png in (("light", self.charts.light), ("dark", self.charts.dark)):
            part = MIMEPart(_POLICY)
            part.set_content(
                png, "image", "png", cid=f"<{self.cid(name)}>", disposition="inline",
                filename=f"chart-{name}.png",
            )  # fmt: skip
            parts.append(part)
        return parts

    @cached_property
    def _table(self) -> Any:
        part = MIMEPart(_POLICY)
        part.set_content(
            _csv(self.edition.content["days"]),
            subtype="csv", cte="quoted-printable", disposition="attachment",
            filename=f"people-forecast-{self.edition.made_at:%Y-%m-%d}.csv",
        )  # fmt: skip
        return part

    def html(self, reader: Reader) -> str:
        """Return the email as HTML with inline styles."""
        cids = {name: self.cid(name) for name in ("light", "dark")}
        alt = chart.alt_text(self.edition.content)
        return rendered(
            "digest.html", self._context(reader), cids=cids, alt=alt, subject=self.subject
        )

    def text(self, reader: Reader) -> str:
        """Return the email as text."""
        return rendered("digest.txt", self._context(reader))

    def message(self, reader: Reader) -> EmailMessage:
        """Return the complete email.

        Raises
        ------
        ValueError
            If a value would inject a header.
        """
        message = addressed(
            self._settings, self.edition, reader.address, reader.token, self.subject
        )
        message.set_content(self.text(reader), cte="quoted-printable")
        message.add_alternative(self.html(reader), subtype="html", cte="quoted-printable")
        _, related = message.iter_parts()
        related.make_related()
        message.make_mixed()
        for part in self._pictures:
            related.attach(part)
        message.attach(self._table)
        return message

    def _context(self, reader: Reader) -> dict[str, Any]:
        content = self.edition.content
        zone = ZoneInfo(content["time_zone"])
        return {
            "zone": zone,
            "e": content,
            "days": content["days"][:_DAYS],
            "week_name": week_name(content["week"], content["made_at"], zone),
            "reader": self._of(reader.threshold),
            "address": self._settings.address,
            "unsubscribe": unsubscribe_link(self._settings, reader.token),
        }

    def _of(self, threshold: int) -> dict[str, Any]:
        """Return the chances above a threshold, computed once per threshold."""
        if threshold not in self._chances:
            days = exceedance(self._ahead, threshold, 1, _DAYS)
            week = exceedance(self._ahead, threshold, _DAYS, _DAYS)
            self._chances[threshold] = {
                "title": "Your threshold",
                "threshold": threshold,
                "p_day": days["p_any"],
                "p_days": [row["p_above"] for row in days["rows"]],
                "p_week": week["p_any"],
            }
        return self._chances[threshold]

    def cid(self, name: str) -> str:
        """Return the Content-ID of a chart."""
        return f"chart-{name}.{self.edition.period}@{addresses.domain(self._settings.mail_from)}"


def addressed(
    settings: Settings, edition: Edition, address: str, token: str | None, about: str
) -> EmailMessage:
    """Return the headers of a mail of an edition; its Message-ID is stable across retries.

    Parameters
    ----------
    token : str | None
        The reader's; None for a single copy, which nobody can unsubscribe from.
    """
    message = _begin(settings, address, about, edition.made_at)
    list_id = _list_id(settings, edition.kind)
    whole = f"{list_id} {edition.period} {token or f'copy {address}'}"
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<{edition.period}.{digest}@{addresses.domain(settings.mail_from)}>"
    message["List-Id"] = f"Channel crossings forecast, {edition.kind} <{list_id}>"
    if link := unsubscribe_link(settings, token):
        message["List-Unsubscribe"] = f"<{link}>"
        if link.startswith("https://"):  # RFC 8058 knows no other
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return message


def unsubscribe_link(settings: Settings, token: str | None) -> str | None:
    """The address that unsubscribes."""
    return f"{settings.address}/u/{token}" if token else None


def confirmation(
    context: Context, address: str, preferences: Preferences, token: str, now: dt.datetime
) -> EmailMessage:
    """Return the email that asks the owner of `address` to confirm."""
    settings, route = context.settings, context.route
    message = _begin(settings, address, "Confirm your emails about Channel crossings", now)
    digest = hashlib.sha256(token.encode()).hexdigest()[:32]
    message["Message-ID"] = f"<confirm.{digest}@{addresses.domain(settings.mail_from)}>"
    text = rendered(
        "confirm.txt",
        emails=preferences.in_words(route.series[route.leading].unit),
        link=f"{settings.address}/subscribe/confirm/{token}",
        hours=CONFIRM_HOURS,
    )
    message.set_content(text, cte="quoted-printable")
    return message


def serialise(message: EmailMessage) -> bytes:
    """Return the message as bytes for SMTP."""
    return message.as_bytes(policy=_POLICY)


def _begin(settings: Settings, to: str, about: str, date: dt.datetime) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    name, sender = addresses.sender(settings.mail_from)
    message["From"] = Address(name or "Channel crossings forecast", addr_spec=sender)
    message["To"] = Address(addr_spec=addresses.clean(to))
    message["Subject"] = about
    message["Date"] = format_datetime(date)
    message["Auto-Submitted"] = "auto-generated"
    return message


def _list_id(settings: Settings, kind: str) -> str:
    sender = addresses.domain(settings.mail_from)
    return settings.mail_list_id or f"crossings-{kind}.{sender}"


def _csv(days: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    columns = [name for name in days[0] if name != "time"]
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(days)
    return text.getvalue()


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


def rendered(name: str, *values: Mapping[str, Any], **others: Any) -> str:
    """Return a template filled in: HTML with inline styles, or text without no-break spaces."""
    template = _environment().get_template(name)
    if name.endswith(".html"):
        return unbroken(_inliner().inline(template.render(*values, css=_css(), **others)))
    # In text, where they would make it hard to search, they have done their work by now.
    text = template.render(*values, **others).replace(NO_BREAK, " ")
    return text.strip("\n") + "\n"


@cache
def _css() -> Markup:
    environment = _environment()
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, "digest.css")
    return Markup(source)


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
