"""Subscribe to and unsubscribe from the weekly email and the early warnings.

Subscribing takes two steps, so that nobody can subscribe someone else: the request is stored, with
the same response for every address; the scheduler mails a link to a page with a button.
Unsubscribing takes one (RFC 8058): an idempotent POST without login ends the emails of the token's
route. Opening a link changes nothing: mail scanners open every link.
"""

__all__ = ["subscriptions"]

import calendar
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, request

from service.answers.early_warnings import DAYS, warning_record
from service.answers.errors import MOST_THRESHOLD
from service.answers.issue_loader import IssueLoader
from service.core import addresses
from service.core.addresses import AddressError
from service.core.database import Connection
from service.core.settings import Settings
from service.mail import subscriber_store as store
from service.mail.subscriber_store import EMAILS, OptIn, Preferences, Subscriber

subscriptions = Blueprint("subscriptions", __name__, template_folder="templates")

_ADDRESS_A_DAY, _NETWORK_A_DAY = 3, 20
_LEVEL = 50  # per cent, the default
_DAY_SECONDS = 24 * 3600


def _loader() -> IssueLoader:
    loader: IssueLoader = current_app.extensions["loader"]
    return loader


def _settings() -> Settings:
    return _loader().context.settings


def _chosen_loader() -> IssueLoader:
    """Return the loader of the route chosen by the form or URL, otherwise the first."""
    return _loader_of(request.values.get("route"))


def _loader_of(name: str | None) -> IssueLoader:
    """Return the loader of a route, or of the first if it is not served."""
    first = _loader()
    return next((one for one in first.each_route() if one.route.name == name), first)


@subscriptions.get("/subscribe")
def form(status: int = 200, problem: str = "") -> Response:
    """Show the form, with the `problem` of an earlier attempt if any."""
    form_data, offered, chosen = request.form, not _settings().mail_fault, _chosen_loader()
    leading = chosen.route.lead
    return _answer(
        "subscribe.html",
        status,
        chosen,
        offered=offered,
        problem=problem,
        address=form_data.get("address", "")[:254],
        emails=form_data.get("emails", EMAILS[0]),
        threshold=form_data.get("threshold", "")[:8] or leading.day_threshold,
        level=form_data.get("level", "")[:8] or _LEVEL,
        week_threshold=form_data.get("week_threshold", "")[:8],
        unit=leading.unit,
        largest=MOST_THRESHOLD,
        days=DAYS,
        warns=not chosen.route.is_closed,
        record=warning_record(chosen)["sentence"] if offered else "",
    )


@subscriptions.post("/subscribe")
def ask() -> Response:
    """Store a request; the response does not reveal whether the address is subscribed."""
    if _settings().mail_fault:
        return form(503)
    try:
        address = addresses.clean_address(request.form.get("address", ""))
        preferences = _preferences()
    except AddressError:
        return form(400, "Enter an email address, like name@example.org.")
    except ValueError as error:
        return form(400, str(error))
    network = f"network {addresses.network_of(request.remote_addr or '')}"
    limits = {f"address {address}": _ADDRESS_A_DAY, network: _NETWORK_A_DAY}
    now = _loader().clock()
    with _loader().context.database.writing() as connection:
        over = store.list_over_limit(connection, limits, now)
        if not over:
            store.save_opt_in(connection, address, preferences, now)
    if network in over:
        answer = _message_page(
            429,
            "Too many requests",
            "There have been too many requests from your network. Try again tomorrow.",
            _chosen_loader().route.name,
        )
        answer.headers["Retry-After"] = str(_DAY_SECONDS)
        return answer
    return _message_page(
        200,
        "Check your email",
        f"We are sending a link to this address. The link works for {store.CONFIRM_HOURS} hours. "
        "We will not send you forecasts until you open it and confirm.",
        _chosen_loader().route.name,
    )


@subscriptions.get("/subscribe/confirm/<token>")
def show_confirmation(token: str) -> Response:
    """Show the confirm button; opening the page alone changes nothing."""
    with _loader().context.database.reading() as connection:
        opt_in = store.find_opt_in(connection, token)
    if opt_in is None or opt_in.expires_at <= _loader().clock():
        return _no_confirmation(opt_in)
    # Confirm even if the route is no longer served: its emails start if it is served again.
    leading = _loader_of(opt_in.route).route.lead
    return _message_page(
        200,
        f"Confirm your subscription{_to(opt_in)}",
        f"You will get {opt_in.in_words(leading)}. Every email has an unsubscribe link.",
        opt_in.route,
        button="Confirm",
    )


@subscriptions.post("/subscribe/confirm/<token>")
def confirm(token: str) -> Response:
    """Subscribe the address of a request, once."""
    now = _loader().clock()
    with _loader().context.database.writing() as connection:
        opt_in = store.find_opt_in(connection, token)
        done = opt_in is not None and store.confirm_opt_in(connection, opt_in, now)
    if not done or opt_in is None:
        return _no_confirmation(opt_in)
    text = "You will get an email when the chance reaches your level."
    if opt_in.weekly:
        names = {name[:3].lower(): name for name in calendar.day_name}
        text = f"You will get the next weekly email on {names[_settings().digest_day]}."
    return _message_page(200, f"You are subscribed{_to(opt_in)}", text, opt_in.route)


@subscriptions.get("/u/<token>")
def show_leaving(token: str) -> Response:
    """Show the unsubscribe buttons; opening the page alone changes nothing."""
    with _loader().context.database.reading() as connection:
        subscriber = store.find_subscriber(connection, token=token)
        is_unsubscribed = store.is_unsubscribed(connection, token)
        others = _others(connection, subscriber) if subscriber else []
    if subscriber is None:
        return _unsubscribed() if is_unsubscribed else _no_subscriber()
    if others:
        return _message_page(
            200,
            f"Unsubscribe from {_title(subscriber)}",
            f"We will delete this subscription immediately. {_still(others)}",
            subscriber.route,
            button="Unsubscribe",
            button_for_all="Unsubscribe from all emails",
        )
    return _message_page(
        200,
        "Unsubscribe from all emails",
        "We will delete your address and everything recorded with it immediately.",
        subscriber.route,
        button="Unsubscribe",
    )


@subscriptions.post("/u/<token>")
def leave(token: str) -> Response:
    """Delete the subscriber of a token, or all of the address (idempotent)."""
    with _loader().context.database.writing() as connection:
        subscriber = store.find_subscriber(connection, token=token)
        if subscriber is None:
            return _unsubscribed() if store.is_unsubscribed(connection, token) else _no_subscriber()
        rest = _others(connection, subscriber)
        leaving, rest = (rest, []) if "all" in request.form else ([], rest)
        for one in [subscriber, *leaving]:
            store.remove_subscriber(connection, one, _loader().clock())
    text = "We have deleted your address and everything recorded with it."
    if rest:
        text = f"We have deleted this subscription. {_still(rest)}"
    return _unsubscribed(text, subscriber.route)


def _others(connection: Connection, subscriber: Subscriber) -> list[Subscriber]:
    """Return the same reader's subscriptions to other routes."""
    everything = store.list_subscribers(connection, address=subscriber.address)
    return [one for one in everything if one.route != subscriber.route]


def _title(chosen: Preferences) -> str:
    """Return the title of the emails; for a route no longer served, its name."""
    titles = {one.name: one.forecast_title for one in _loader().context.routes}
    return titles.get(chosen.route, chosen.route)


def _to(chosen: Preferences) -> str:
    """Name the route in a heading if there are several."""
    return f" to {_title(chosen)}" if len(_loader().context.routes) > 1 else ""


def _still(rest: list[Subscriber]) -> str:
    return f"You will still get emails from {' and '.join(map(_title, rest))}."


def _preferences() -> Preferences:
    """Read the preferences of the form; raises ValueError with the problem."""
    route = _chosen_loader().route
    names = [one.name for one in _loader().context.routes]
    if request.form.get("route", route.name) not in names:
        raise ValueError(f"Choose one of the routes {', '.join(names)}.")
    unit, declared = route.lead.unit, route.lead.day_threshold
    emails = request.form.get("emails") or EMAILS[0]
    if emails not in EMAILS:
        raise ValueError("Choose the weekly email, early warnings or both.")
    if emails != "weekly" and route.is_closed:
        raise ValueError(
            "There are no early warnings here, as the source of the figures has ended."
        )
    label = f"Number of {unit} in a day"
    threshold = _whole("threshold", label, declared, 0, MOST_THRESHOLD)
    weekly = Preferences(declared if threshold is None else threshold, route=route.name)
    if emails == "weekly":
        return weekly
    level = _whole("level", "Chance, in %,", _LEVEL, 1, 99)
    label, example = f"Number of {unit} in a week", route.lead.week_threshold
    return replace(
        weekly,
        weekly=emails == "both",
        warn_level=_LEVEL if level is None else level,
        week_threshold=_whole("week_threshold", label, example, 0, MOST_THRESHOLD),
    )


def _whole(name: str, label: str, example: int, least: int, most: int) -> int | None:
    """Return the whole number in a field, or None if it is empty."""
    text = request.form.get(name, "").strip()
    if not text:
        return None
    is_whole = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_whole or not least <= int(text) <= most:
        raise ValueError(
            f"{label} must be a whole number from {least} to {most:,}, like {example:,}."
        )
    return int(text)


def _message_page(
    status: int, title: str, text: str, route: str | None = None, **buttons: str
) -> Response:
    return _answer("message.html", status, _loader_of(route), title=title, text=text, **buttons)


def _unsubscribed(
    text: str = "We have deleted this subscription.", route: str | None = None
) -> Response:
    return _message_page(200, "You have unsubscribed", text, route)


def _no_subscriber() -> Response:
    text = (
        "No subscription has this link, and nothing has changed. The link may be incomplete: use "
        "the one at the end of the latest email."
    )
    return _message_page(404, "This link does not work", text)


def _no_confirmation(expired: OptIn | None) -> Response:
    if expired:
        text = "Subscribe again to get a new link."
        return _message_page(410, "This link has expired", text, expired.route)
    text = (
        "It may have been used or replaced, have expired, or be incomplete. Nothing has changed. "
        "If you have already confirmed, you are subscribed."
    )
    return _message_page(404, "This link does not work", text)


def _answer(template: str, status: int, loader: IssueLoader, **values: Any) -> Response:
    route, to_route = loader.route, loader.context.to_route
    frame = {"route": route, "zone": route.zone, "to_route": to_route, "link_params": to_route}
    answer = make_response(render_template(template, **frame, **values), status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"  # the URL contains the token
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
