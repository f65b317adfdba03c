"""Subscribe to and unsubscribe from the weekly email and the early warnings.

Subscribing takes two steps, so that nobody can subscribe someone else: the request is stored, with
the same response for every address; the scheduler mails a link to a page with a button.
Unsubscribing takes one (RFC 8058): an idempotent POST without login ends the emails of the token's
route. Opening a link changes nothing: mail scanners open every link.
"""

__all__ = ["subscriptions"]

import calendar
import re
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request
from flask.blueprints import BlueprintSetupState
from limits import RateLimitItemPerDay
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from service.answers.early_warnings import DAYS, warning_record
from service.answers.errors import MOST_THRESHOLD
from service.answers.issue_loader import IssueLoader
from service.core import addresses
from service.core.addresses import AddressError
from service.mail import subscriber_store as store
from service.mail.subscriber_store import EMAILS, Preferences

subscriptions = Blueprint("subscriptions", __name__, template_folder="templates")

_LIMITS = "subscription_limits"
_PER_ADDRESS, _PER_NETWORK = RateLimitItemPerDay(3), RateLimitItemPerDay(20)
_LEVEL = 50  # per cent, the default
_DAY_SECONDS = 24 * 3600


@subscriptions.record
def _count_in_memory(setup: BlueprintSetupState) -> None:
    """Let each process count the requests it gets; nothing of them is stored."""
    setup.app.extensions[_LIMITS] = FixedWindowRateLimiter(MemoryStorage())


def _loader(route: str | None = None) -> IssueLoader:
    """Return the loader of a route, or of the first if it is not served."""
    first: IssueLoader = current_app.extensions["loader"]
    return next((one for one in first.each_route() if one.route.name == route), first)


@subscriptions.get("/subscribe")
def form(status: int = 200, problem: str = "") -> Response:
    """Show the form, with the `problem` of an earlier attempt if any."""
    offered, chosen = (
        not _loader().context.settings.mail_fault,
        _loader(request.values.get("route")),
    )
    return _answer(
        "subscribe.html",
        status,
        chosen,
        offered=offered,
        problem=problem,
        fields=request.form,
        level=_LEVEL,
        largest=MOST_THRESHOLD,
        days=DAYS,
        record=warning_record(chosen)["sentence"] if offered else "",
    )


@subscriptions.post("/subscribe")
def ask() -> Response:
    """Store a request; the response does not reveal whether the address is subscribed."""
    if _loader().context.settings.mail_fault:
        return form(503)
    try:
        address = addresses.clean_address(request.form.get("address", ""))
        preferences = _preferences()
    except AddressError:
        return form(400, "Enter an email address, like name@example.org.")
    except ValueError as error:
        return form(400, str(error))
    limits = current_app.extensions[_LIMITS]
    if not limits.hit(_PER_NETWORK, addresses.network_of(request.remote_addr or "")):
        text = "There have been too many requests from your network. Try again tomorrow."
        answer = _message_page("Too many requests", text, preferences.route, 429)
        answer.headers["Retry-After"] = str(_DAY_SECONDS)
        return answer
    if limits.hit(_PER_ADDRESS, address):
        with _loader().context.database.writing() as connection:
            store.save_opt_in(connection, address, preferences, _loader().clock())
    text = (
        f"We are sending a link to this address. The link works for {store.CONFIRM_HOURS} hours. "
        "We will not send you forecasts until you open it and confirm."
    )
    return _message_page("Check your email", text, preferences.route)


@subscriptions.get("/subscribe/confirm/<token>")
def show_confirmation(token: str) -> Response:
    """Show the confirm button; opening the page alone changes nothing."""
    with _loader().context.database.reading() as connection:
        opt_in = store.find_opt_in(connection, token, _loader().clock())
    if opt_in is None:
        return _dead_link()
    # Confirm even if the route is no longer served: its emails start if it is served again.
    emails = opt_in.in_words(_loader(opt_in.route).route.lead)
    text = f"You will get {emails}. Every email has an unsubscribe link."
    title = f"Confirm your subscription to {_title(opt_in)}"
    return _message_page(title, text, opt_in.route, button="Confirm")


@subscriptions.post("/subscribe/confirm/<token>")
def confirm(token: str) -> Response:
    """Subscribe the address of a request, once."""
    with _loader().context.database.writing() as connection:
        opt_in = store.confirm_opt_in(connection, token, _loader().clock())
    if opt_in is None:
        return _dead_link()
    text = "You will get an email when the chance reaches your level."
    if opt_in.weekly:
        names = {name[:3].lower(): name for name in calendar.day_name}
        day = names[_loader().context.settings.digest_day]
        text = f"You will get the next weekly email on {day}."
    return _message_page(f"You are subscribed to {_title(opt_in)}", text, opt_in.route)


@subscriptions.get("/u/<token>")
def show_leaving(token: str) -> Response:
    """Show the unsubscribe button; opening the page alone changes nothing."""
    with _loader().context.database.reading() as connection:
        subscriber = store.find_subscriber(connection, token=token)
    if subscriber is None:
        return _ended()
    title = f"Unsubscribe from {_title(subscriber)}"
    text = "We will delete this subscription and everything recorded with it immediately."
    return _message_page(title, text, subscriber.route, button="Unsubscribe")


@subscriptions.post("/u/<token>")
def leave(token: str) -> Response:
    """Delete the subscriber of a token (idempotent)."""
    with _loader().context.database.writing() as connection:
        subscriber = store.find_subscriber(connection, token=token)
        if subscriber is None:
            return _ended()
        store.remove_subscriber(connection, subscriber)
    title = f"You have unsubscribed from {_title(subscriber)}"
    text = "We have deleted this subscription and everything recorded with it."
    return _message_page(title, text, subscriber.route)


def _title(chosen: Preferences) -> str:
    """Return the title of the emails; for a route no longer served, its name."""
    titles = {one.name: one.forecast_title for one in _loader().context.routes}
    return titles.get(chosen.route, chosen.route)


def _preferences() -> Preferences:
    """Read the preferences of the form; raises ValueError with the problem."""
    values = request.form
    named = request.values.get("route")
    route = _loader(named).route
    emails = values.get("emails") or EMAILS[0]
    offered = EMAILS[:1] if route.is_closed else EMAILS
    if named not in (None, route.name) or emails not in offered:
        raise ValueError("Choose one of the routes and emails that are offered here.")
    lead = route.lead
    label = f"Number of {lead.unit} in a day"
    threshold = _whole("threshold", label, lead.day_threshold, 0, MOST_THRESHOLD)
    if threshold is None:
        threshold = lead.day_threshold
    if emails == "weekly":
        return Preferences(threshold, route=route.name)
    level = _whole("level", "Chance, in %,", _LEVEL, 1, 99) or _LEVEL
    label = f"Number of {lead.unit} in a week"
    week_threshold = _whole("week_threshold", label, lead.week_threshold, 0, MOST_THRESHOLD)
    return Preferences(threshold, emails == "both", level, week_threshold, route.name)


def _whole(name: str, label: str, example: int, least: int, most: int) -> int | None:
    """Return the whole number in a field, or None if it is empty."""
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,7}", text) or not least <= int(text) <= most:
        raise ValueError(
            f"{label} must be a whole number from {least} to {most:,}, like {example:,}."
        )
    return int(text)


def _ended() -> Response:
    """Answer a link to unsubscribe that belongs to nobody; it may have been used before."""
    text = (
        "There is no subscription for this link: you have unsubscribed, or the link is "
        "incomplete. If you still get emails, use the link at the end of the latest one."
    )
    return _message_page("You are not subscribed", text)


def _dead_link() -> Response:
    """Answer a link to confirm that belongs to no request."""
    text = (
        "It may have been used or replaced, have expired, or be incomplete. Nothing has changed. "
        "If you have already confirmed, you are subscribed; otherwise subscribe again to get a "
        "new link."
    )
    return _message_page("This link does not work", text, status=404)


def _message_page(
    title: str, text: str, route: str | None = None, status: int = 200, button: str = ""
) -> Response:
    values = {"title": title, "text": text, "button": button}
    return _answer("message.html", status, _loader(route), **values)


def _answer(template: str, status: int, loader: IssueLoader, **values: Any) -> Response:
    route, to_route = loader.route, loader.context.to_route
    frame = {"route": route, "zone": route.zone, "to_route": to_route}
    answer = make_response(render_template(template, **frame, **values), status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"  # the URL contains the token
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
