from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from markupsafe import escape

from service.app import create_app
from service.core.context import Context
from service.core.tables import (
    asks,
    deliveries,
    editions,
    opt_ins,
    salts,
    subscribers,
    unsubscribed,
)
from service.mail import subscriber_store
from service.mail.sending import mail_links
from tests.service.mailbox import add_readers
from tests.service.support import NOW, ManualClock

LINK = re.compile(r"https://forecast\.example\.org(/subscribe/confirm/[\w-]{22})\s")
ADDRESS = "new@reader.example.org"
CLOCK = ManualClock(NOW)
EMAIL_ERROR = "Enter an email address, like name@example.org"
LEVEL_ERROR = "Chance, in %, must be a whole number from 1 to 99, like 50."
COUNT_ERROR = "must be a whole number from 0 to 1,000,000"


@pytest.fixture(scope="module")
def web(module_mailing):
    return create_app(module_mailing, CLOCK).test_client()


@pytest.fixture
def mailer(module_mailing):
    """A context without subscribers or requests."""
    with module_mailing.database.writing() as connection:
        for table in (deliveries, editions, opt_ins, subscribers, unsubscribed, asks, salts):
            connection.execute(table.delete())
    return module_mailing


@pytest.fixture(autouse=True)
def hand(mailer):
    CLOCK.now = NOW
    return CLOCK


@pytest.fixture
def mailbox(module_mailbox):
    module_mailbox.taken.clear()
    return module_mailbox


def list_subscribers(context):
    with context.database.reading() as connection:
        return subscriber_store.list_subscribers(connection)


def subscribe(web, address=ADDRESS, **form):
    return web.post("/subscribe", data={"address": address} | form).status_code


@pytest.fixture
def mail_link(mailer, mailbox, hand):
    """Mail the pending confirmation; return the path of its link."""

    def mail():
        assert mail_links(mailer, hand) == 1
        return str(LINK.findall(mailbox.messages()[-1].get_content())[0])

    return mail


def test_subscription_is_confirmed_by_link_and_button(web, mailer, mailbox, mail_link):
    assert subscribe(web, threshold="700") == 200
    assert not list_subscribers(mailer) and not mailbox.taken, "the web process sends no email"
    link = mail_link()
    for _ in range(3):  # as link scanners do
        assert web.get(link).status_code == 200
    assert not list_subscribers(mailer)
    assert "You will get the next weekly email on Friday." in web.post(link).text
    (subscriber,) = list_subscribers(mailer)
    assert (subscriber.address, subscriber.threshold, subscriber.state) == (ADDRESS, 700, "active")
    for again in (web.post(link), web.get(link)):
        assert again.status_code == 404 and "used or replaced" in again.text


def test_confirmation_link_expires(web, mailer, mail_link, hand):
    subscribe(web)
    link = mail_link()
    hand.now += dt.timedelta(hours=48)
    for response in (web.get(link), web.post(link)):
        assert response.status_code == 410
        assert "has expired" in response.text
    assert not list_subscribers(mailer)


def test_newer_request_replaces_the_older_and_changes_a_subscriber_once_confirmed(
    web, mailer, mail_link
):
    add_readers(mailer, "new", threshold=50)
    subscribe(web, threshold="100")
    first = mail_link()
    subscribe(web, address=ADDRESS.upper(), threshold="200")
    second = mail_link()
    assert web.post(first).status_code == 404
    assert [s.threshold for s in list_subscribers(mailer)] == [50]
    web.post(second)
    assert [s.threshold for s in list_subscribers(mailer)] == [200]


def test_response_does_not_reveal_subscribers(web, mailer):
    add_readers(mailer, "a")
    responses = [
        web.post("/subscribe", data={"address": f"{name}@reader.example.org"}) for name in "ab"
    ]
    for response in responses:
        assert response.headers.pop("X-Request-Id")
    first, second = ((r.status_code, r.data, sorted(r.headers)) for r in responses)
    assert first == second


def test_requests_per_address_are_limited(web, mailer, hand):
    texts = {web.post("/subscribe", data={"address": ADDRESS}).data for _ in range(5)}
    assert len(texts) == 1
    with mailer.database.reading() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(asks)).scalar()
    assert count == 3 * 2, "3 requests, counted by address and by network"
    hand.now += dt.timedelta(days=1)
    subscribe(web)
    with mailer.database.reading() as connection:
        assert connection.execute(sa.select(opt_ins.c.asked_at)).scalar() == hand.now


def test_requests_per_network_are_limited(web):
    *accepted, limited = (
        web.post(
            "/subscribe",
            data={"address": f"a{at}@example.org"},
            environ_base={"REMOTE_ADDR": f"2001:db8::{at}"},
        )
        for at in range(1, 22)
    )
    assert {response.status_code for response in accepted} == {200}
    assert limited.status_code == 429
    assert limited.headers["Retry-After"] == "86400"
    assert subscribe(web, "b@example.org") == 200, "another network"


@pytest.mark.parametrize(("proxies", "status"), [(0, 429), (1, 200)])
def test_network_is_read_from_trusted_proxies_only(proxies, status, mailer):
    settings = mailer.settings.model_copy(update={"trusted_proxies": proxies})
    web = create_app(Context(settings, mailer.database), CLOCK).test_client()
    for at in range(21):
        form, headers = {"address": f"a{at}@b.org"}, {"X-Forwarded-For": f"192.0.2.{at}"}
        response = web.post("/subscribe", data=form, headers=headers)
    assert response.status_code == status


def warning_preferences(context):
    (subscriber,) = list_subscribers(context)
    return subscriber.weekly, subscriber.warn_level, subscriber.week_threshold


def test_early_warnings_are_requested_and_confirmed(web, mailer, mailbox, mail_link):
    choice = {"emails": "warnings", "threshold": "700", "level": "30", "week_threshold": "2500"}
    assert subscribe(web, **choice) == 200
    link = mail_link()
    for text in (mailbox.messages()[0].get_content(), web.get(link).text):
        text = " ".join(text.split())
        assert "You will get an early warning" in text or "you will get an early warning" in text
        assert "more than 700 people in a day in the next 3 days, or of more than 2,500" in text
        assert "reaches 30%" in text and "one email a week" not in text
    assert not list_subscribers(mailer)
    assert "when the chance reaches your level" in web.post(link).text
    assert warning_preferences(mailer) == (False, 30, 2500)
    subscribe(web, emails="both", level="", week_threshold="")
    web.post(mail_link())
    assert warning_preferences(mailer) == (True, 50, None)
    subscribe(web, emails="weekly", level="80", week_threshold="9")
    web.post(mail_link())
    assert warning_preferences(mailer) == (True, None, None)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        *(("address", text, EMAIL_ERROR) for text in ("", "a b@example.org", "é@example.org")),
        *(("threshold", text, COUNT_ERROR) for text in ("-1", "1000001", "٣", "9" * 5000)),
        *(("level", text, LEVEL_ERROR) for text in ("0", "100")),
        ("week_threshold", "1e3", "Number of people in a week must be a whole number from 0 to"),
        ("emails", "all", "Choose one of the routes and emails that are offered here."),
        ("address", '"><script>alert(1)</script>', EMAIL_ERROR),
    ],
)
def test_invalid_value_is_rejected_and_form_is_kept(field, value, error, web, mailer):
    form = {"address": ADDRESS, "emails": "both", "threshold": "321"} | {field: value}
    response = web.post("/subscribe", data=form)
    assert response.status_code == 400
    assert error in response.text
    assert "<title>Error: Emails – Channel crossings forecast</title>" in response.text
    assert f'value="{escape(form["address"])}"' in response.text
    assert "<script" not in response.text
    for name in form.keys() - {"address", "emails"}:
        assert f'value="{form[name][:8]}"' in response.text
    with mailer.database.reading() as connection:
        assert connection.execute(sa.select(opt_ins)).all() == []


def test_one_click_unsubscribe_is_idempotent(web, mailer):
    """RFC 8058, section 3.2: no cookie, no login, no other token."""
    add_readers(mailer, "a", "b")
    token = list_subscribers(mailer)[0].token
    page = web.get(f"/u/{token}")
    assert '<form method="post">' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert len(list_subscribers(mailer)) == 2, "the page alone changes nothing"
    for _ in range(3):
        response = web.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
        assert response.status_code == 200
        assert "Location" not in response.headers and "Set-Cookie" not in response.headers
        assert "You have unsubscribed" in response.text
    assert "You have unsubscribed" in web.get(f"/u/{token}").text
    assert [subscriber.address for subscriber in list_subscribers(mailer)] == [
        "b@reader.example.org"
    ]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["/u/", "/subscribe/confirm/"])
def test_unknown_token_is_404(path, method, web, mailer):
    add_readers(mailer, "a")
    for token in ("x", "A" * 22, list_subscribers(mailer)[0].token[:-1], "é"):
        response = getattr(web, method)(path + token)
        assert response.status_code == 404
        assert "This link does not work" in response.text
    assert len(list_subscribers(mailer)) == 1


@pytest.mark.parametrize("name", ["smtp_host", "mail_from", "public_url"])
def test_service_that_cannot_send_rejects_subscriptions(name, mailer):
    settings = mailer.settings.model_copy(update={name: "", "anonymous_reading": "yes"})
    web = create_app(Context(settings, mailer.database), ManualClock(NOW)).test_client()
    assert "does not send email" in web.get("/subscribe").text
    assert 'href="/subscribe' not in web.get("/about").text
    assert subscribe(web) == 503
