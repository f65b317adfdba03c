import datetime as dt
import re

import pytest
import sqlalchemy as sa
from markupsafe import escape

from service.app import create_app
from service.core.context import Context
from service.core.tables import opt_ins, subscribers
from service.mail.sending import mail_links
from service.mail.subscriber_store import Preferences
from tests.service.mailbox import add_readers, list_readers
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
def mailer(module_mailing, web):
    """A context without subscribers or requests."""
    with module_mailing.database.writing() as connection:
        for table in (opt_ins, subscribers):
            connection.execute(table.delete())
    web.application.extensions["subscription_limits"].storage.reset()
    return module_mailing


@pytest.fixture(autouse=True)
def hand(mailer):
    CLOCK.now = NOW
    return CLOCK


@pytest.fixture
def mailbox(module_mailbox):
    module_mailbox.taken.clear()
    return module_mailbox


def subscribe(web, address=ADDRESS, **form):
    return web.post("/subscribe", data={"address": address} | form).status_code


def read_column(context, column):
    with context.database.reading() as connection:
        return connection.scalars(sa.select(column)).all()


@pytest.fixture
def mail_link(mailer, mailbox, hand):
    """Mail the pending confirmation; return the path of its link."""

    def mail():
        assert mail_links(mailer, hand) == 1
        return str(LINK.findall(mailbox.messages()[-1].get_content())[0])

    return mail


def test_subscription_is_confirmed_by_link_and_button(web, mailer, mailbox, mail_link, hand):
    assert subscribe(web) == 200
    assert not list_readers(mailer) and not mailbox.taken, "the web process sends no email"
    expired = mail_link()
    hand.now += dt.timedelta(hours=48)
    for response in (web.get(expired), web.post(expired)):
        assert response.status_code == 404 and "have expired" in response.text
    subscribe(web, threshold="700")
    link = mail_link()
    for _ in range(3):  # as link scanners do
        assert web.get(link).status_code == 200
    assert not list_readers(mailer)
    assert "You will get the next weekly email on Friday." in web.post(link).text
    (subscriber,) = list_readers(mailer)
    assert (subscriber.address, subscriber.threshold, subscriber.state) == (ADDRESS, 700, "active")
    for again in (web.post(link), web.get(link)):
        assert again.status_code == 404 and "used or replaced" in again.text


def test_newer_request_replaces_the_older_and_changes_a_subscriber_once_confirmed(
    web, mailer, mail_link
):
    add_readers(mailer, "new", threshold=50)
    links = []
    for address, threshold in ((ADDRESS, "100"), (ADDRESS.upper(), "200")):
        subscribe(web, address, threshold=threshold)
        links.append(mail_link())
    for link, status, threshold in zip(links, (404, 200), (50, 200), strict=True):
        assert web.post(link).status_code == status
        assert [one.threshold for one in list_readers(mailer)] == [threshold]


def test_response_reveals_neither_subscribers_nor_the_limit_of_an_address(web, mailer):
    add_readers(mailer, "new")
    responses = set()
    for threshold, address in enumerate((*[ADDRESS] * 5, "other@reader.example.org")):
        response = web.post("/subscribe", data={"address": address, "threshold": threshold})
        assert response.headers.pop("X-Request-Id")
        responses.add((response.status_code, response.data, tuple(sorted(response.headers))))
    assert len(responses) == 1
    assert read_column(mailer, opt_ins.c.threshold) == [2, 5], "the third and that of another"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "status"),
    [
        (0, "2001:db8::{}", "192.0.2.{}", 429),
        (0, "2001:db8:0:{}::", "192.0.2.1", 200),
        (1, "127.0.0.1", "192.0.2.{}", 200),
    ],
)
def test_requests_per_network_are_limited(mailer, proxies, peer, forwarded, status):
    """The network is that of an address, as told by a proxy only if it is trusted."""
    settings = mailer.settings.model_copy(update={"trusted_proxies": proxies})
    web = create_app(Context(settings, mailer.database), CLOCK).test_client()
    *accepted, last = (
        web.post(
            "/subscribe",
            data={"address": f"a{at}@example.org"},
            environ_base={"REMOTE_ADDR": peer.format(at)},
            headers={"X-Forwarded-For": forwarded.format(at)},
        )
        for at in range(1, 22)
    )
    assert {response.status_code for response in accepted} == {200}
    assert (last.status_code, last.headers.get("Retry-After")) == (
        status,
        "86400" if status == 429 else None,
    )


def test_early_warnings_are_requested_and_confirmed(web, mailer, mailbox, mail_link):
    choice = {"emails": "warnings", "threshold": "700", "level": "30", "week_threshold": "2500"}
    assert subscribe(web, **choice) == 200
    link = mail_link()
    for text in (mailbox.messages()[0].get_content(), web.get(link).text):
        assert (
            "ou will get an early warning when the chance of more than 700 people in a day in the "
            "next 3 days, or of more than 2,500 in 7 days, reaches 30%, and an email when it no "
            "longer does."
        ) in " ".join(text.split())
    assert not list_readers(mailer)
    assert "when the chance reaches your level" in web.post(link).text
    (reader,) = list_readers(mailer)
    assert reader.columns() == vars(Preferences(700, False, 30, 2500, "channel"))
    for emails, level, week, warn_level in (("both", "", "", 50), ("weekly", "80", "9", None)):
        subscribe(web, emails=emails, level=level, week_threshold=week)
        link = mail_link()
        for text in (mailbox.messages()[-1].get_content(), web.get(link).text):
            words = " ".join(text.split())
            assert "one email a week with the chances of more than 500 people" in words
            assert ("people and an early warning when" in words) == (emails == "both")
        web.post(link)
        (reader,) = list_readers(mailer)
        assert reader.columns() == vars(Preferences(500, True, warn_level, None, "channel"))


def test_route_in_the_address_of_the_form_counts_too(web, mailer):
    form = {"address": ADDRESS}
    assert web.post("/subscribe?route=nowhere", data=form).status_code == 400
    assert web.post("/subscribe?route=channel", data=form).status_code == 200


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
    assert read_column(mailer, opt_ins.c.opt_in_id) == []


def test_one_click_unsubscribe_is_idempotent(web, mailer):
    """RFC 8058, section 3.2: no cookie, no login, no other token."""
    add_readers(mailer, "a", "b")
    token = list_readers(mailer)[0].token
    page = web.get(f"/u/{token}")
    assert '<form method="post">' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert len(list_readers(mailer)) == 2, "the page alone changes nothing"
    left = "You have unsubscribed from Channel crossings forecast"
    for title in (left, *["You are not subscribed"] * 2):
        response = web.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
        assert response.status_code == 200
        assert "Location" not in response.headers and "Set-Cookie" not in response.headers
        assert f"<h1>{title}</h1>" in response.text
    assert [one.address for one in list_readers(mailer)] == ["b@reader.example.org"]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/u/", 200, "You are not subscribed"),
        ("/subscribe/confirm/", 404, "This link does not work"),
    ],
)
def test_unknown_token_changes_nothing(path, status, title, method, web, mailer):
    add_readers(mailer, "a")
    for token in ("x", "A" * 22, list_readers(mailer)[0].token[:-1], "é"):
        response = getattr(web, method)(path + token)
        assert response.status_code == status
        assert f"<h1>{title}</h1>" in response.text
    assert len(list_readers(mailer)) == 1


@pytest.mark.parametrize("name", ["smtp_host", "mail_from", "public_url"])
def test_service_that_cannot_send_rejects_subscriptions(name, mailer):
    settings = mailer.settings.model_copy(update={name: "", "anonymous_reading": "yes"})
    web = create_app(Context(settings, mailer.database), ManualClock(NOW)).test_client()
    assert "does not send email" in web.get("/subscribe").text
    assert 'href="/subscribe' not in web.get("/about").text
    assert subscribe(web) == 503
