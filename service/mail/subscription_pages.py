"""Subscribe to and unsubscribe from the weekly email.

Joining takes two steps, so that nobody is put on the list by another: a request is noted here and
answered alike whatever is known of the address; the scheduler mails a link; the page behind it
has a button. Leaving takes one (RFC 8058): a POST without login or other token, as often as it
comes. Opening a link changes nothing: programs that read mail open every link.
"""

from __future__ import annotations

__all__ = ["subscriptions"]

from flask import Blueprint, Response, current_app, make_response, render_template, request

from service.answers.checks import MOST_THRESHOLD
from service.answers.issue_loader import IssueLoader
from service.core import addresses
from service.core.addresses import AddressError
from service.core.declared_series import Series
from service.core.settings import Settings
from service.mail import signup_limit_store
from service.mail import subscriber_store as store

subscriptions = Blueprint("subscriptions", __name__, template_folder="templates")

_ADDRESS_A_DAY, _NETWORK_A_DAY = 3, 20
_DAY_SECONDS = 24 * 3600
_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


def _loader() -> IssueLoader:
    loader: IssueLoader = current_app.extensions["loader"]
    return loader


def _settings() -> Settings:
    return _loader().context.settings


def _leading() -> Series:
    """The series whose threshold a subscriber chooses."""
    route = _loader().route
    return route.series[route.leading]


@subscriptions.get("/subscribe")
def form() -> Response:
    """Show the form."""
    return _form()


@subscriptions.post("/subscribe")
def ask() -> Response:
    """Store a request; the response does not reveal whether the address is subscribed."""
    if not _settings().smtp_host:
        return _form(503)
    try:
        address = addresses.clean(request.form.get("address", ""))
    except AddressError:
        return _form(400, "Enter an email address, like name@example.org.")
    threshold = _threshold(request.form.get("threshold", ""))
    if threshold is None:
        return _form(
            400,
            f"Number of {_leading().unit} must be a whole number from 0 to {MOST_THRESHOLD:,}, "
            f"like {_leading().day_threshold:,}.",
        )
    network = f"network {addresses.network(request.remote_addr or '')}"
    limits = {f"address {address}": _ADDRESS_A_DAY, network: _NETWORK_A_DAY}
    now = _loader().clock()
    with _loader().context.database.writing() as connection:
        over = signup_limit_store.too_often(connection, limits, now)
        if not over:
            store.ask(connection, address, threshold, now)
    if network in over:
        late = _say(
            429,
            "Too many requests",
            "There have been too many requests from your network. Try again tomorrow.",
        )
        late.headers["Retry-After"] = str(_DAY_SECONDS)
        return late
    return _say(
        200,
        "Check your email",
        f"We are sending a link to this address. The link works for {store.CONFIRM_HOURS} hours. "
        "We will not send you forecasts until you open it and confirm.",
    )


@subscriptions.get("/subscribe/confirm/<token>")
def show_confirmation(token: str) -> Response:
    """Show the button that confirms; opening the page alone changes nothing."""
    with _loader().context.database.reading() as connection:
        opt_in = store.opt_in_of(connection, token)
    if opt_in is None or opt_in.expires_at <= _loader().clock():
        return _no_confirmation(opt_in is not None)
    return _say(
        200,
        "Confirm your subscription",
        f"You will get one email a week, with the chances of more than {opt_in.threshold:,} "
        f"{_leading().unit} arriving. Every email has an unsubscribe link.",
        button="Confirm",
    )


@subscriptions.post("/subscribe/confirm/<token>")
def confirm(token: str) -> Response:
    """Subscribe the address of a request, once."""
    now = _loader().clock()
    with _loader().context.database.writing() as connection:
        opt_in = store.opt_in_of(connection, token)
        done = opt_in is not None and store.confirm(connection, opt_in, now)
    if not done:
        return _no_confirmation(opt_in is not None)
    day = _DAYS[_settings().digest_day]
    return _say(200, "You are subscribed", f"You will get the next weekly email on {day}.")


@subscriptions.get("/u/<token>")
def show_leaving(token: str) -> Response:
    """Show the button that unsubscribes; opening the page alone changes nothing."""
    with _loader().context.database.reading() as connection:
        subscriber = store.find(connection, token=token)
        gone = store.left(connection, token)
    if subscriber is None:
        return _left() if gone else _no_subscriber()
    return _say(
        200,
        "Unsubscribe from the weekly email",
        "We will delete your address and everything recorded with it immediately.",
        button="Unsubscribe",
    )


@subscriptions.post("/u/<token>")
def leave(token: str) -> Response:
    """Delete the subscriber of a token (idempotent)."""
    with _loader().context.database.writing() as connection:
        subscriber = store.find(connection, token=token)
        if subscriber is not None:
            store.remove(connection, subscriber, _loader().clock())
        gone = subscriber is not None or store.left(connection, token)
    return _left() if gone else _no_subscriber()


def _threshold(text: str) -> int | None:
    text = text.strip() or str(_leading().day_threshold)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_THRESHOLD))):
        return None
    return int(text) if int(text) <= MOST_THRESHOLD else None


def _form(status: int = 200, problem: str = "") -> Response:
    page = render_template(
        "subscribe.html",
        offered=bool(_settings().smtp_host),
        problem=problem,
        address=request.form.get("address", "")[:254],
        threshold=request.form.get("threshold", "")[:8] or _leading().day_threshold,
        unit=_leading().unit,
        largest=MOST_THRESHOLD,
    )
    return _answer(page, status)


def _say(status: int, title: str, text: str, button: str = "") -> Response:
    return _answer(render_template("message.html", title=title, text=text, button=button), status)


def _left() -> Response:
    text = "We have deleted your address and everything recorded with it."
    return _say(200, "You have unsubscribed", text)


def _no_subscriber() -> Response:
    text = (
        "No subscription has this link, and nothing has changed. The link may be incomplete: use "
        "the one at the end of the latest email."
    )
    return _say(404, "This link does not work", text)


def _no_confirmation(expired: bool) -> Response:
    if expired:
        return _say(410, "This link has expired", "Subscribe again to get a new link.")
    text = (
        "It may have been used or replaced, have expired, or be incomplete. Nothing has changed. "
        "If you have already confirmed, you are subscribed."
    )
    return _say(404, "This link does not work", text)


def _answer(page: str, status: int) -> Response:
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"  # the address of the page is the token
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
