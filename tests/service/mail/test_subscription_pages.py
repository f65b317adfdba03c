from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import Context
from service.core.settings import Settings
from service.core.tables import (
    asks,
    deliveries,
    editions,
    opt_ins,
    salts,
    subscribers,
    unsubscribed,
)
from service.mail import chart, subscriber_store
from service.mail.sending import mail_links
from service.mail.subscriber_store import Subscriber
from service.mail.weekly import digest
from tests.service.mailbox import Mailbox, join
from tests.service.support import NOW, Hand

LINK = re.compile(r"https://forecast\.example\.org(/subscribe/confirm/[\w-]{22})\s")
ADDRESS = "new@reader.example.org"


HAND = Hand(NOW)


@pytest.fixture(scope="module")
def web(module_mailing: Context) -> FlaskClient:
    return create_app(module_mailing, HAND).test_client()


@pytest.fixture
def mailing(module_mailing: Context) -> Context:
    """Begin each test without a subscriber or a request."""
    with module_mailing.database.writing() as connection:
        for table in (deliveries, editions, opt_ins, subscribers, unsubscribed, asks, salts):
            connection.execute(table.delete())
    return module_mailing


@pytest.fixture(autouse=True)
def hand(mailing: Context) -> Hand:
    HAND.now = NOW
    return HAND


@pytest.fixture
def mailbox(module_mailbox: Mailbox) -> Mailbox:
    module_mailbox.taken.clear()
    return module_mailbox


def everybody(context: Context) -> list[Subscriber]:
    with context.database.reading() as connection:
        return subscriber_store.everybody(connection)


def ask(web: FlaskClient, address: str = ADDRESS, **form: str) -> int:
    return web.post("/subscribe", data={"address": address} | form).status_code


def link(context: Context, mailbox: Mailbox, hand: Hand) -> str:
    """The link that is mailed to who asked."""
    assert mail_links(context, hand) == 1
    return str(LINK.findall(mailbox.messages()[-1].get_content())[0])


def test_joining_takes_a_request_a_mail_and_a_button(
    web: FlaskClient, mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    assert "<title>Emails – Channel crossings forecast</title>" in web.get("/subscribe").text
    assert ask(web, threshold="700") == 200
    assert not everybody(mailing) and not mailbox.taken, "the web process sends nothing"
    address = link(mailing, mailbox, hand)
    for _ in range(3):  # as programs that look at mail do
        assert web.get(address).status_code == 200
    assert not everybody(mailing)
    assert "You will get the next weekly email on Friday." in web.post(address).text
    (one,) = everybody(mailing)
    assert (one.address, one.threshold, one.state) == (ADDRESS, 700, "active")


def test_a_link_works_once(
    web: FlaskClient, mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    ask(web)
    address = link(mailing, mailbox, hand)
    assert web.post(address).status_code == 200
    again = web.post(address)
    assert again.status_code == 404
    assert "used or replaced" in again.text
    assert web.get(address).status_code == 404
    assert len(everybody(mailing)) == 1


def test_a_link_expires(web: FlaskClient, mailing: Context, mailbox: Mailbox, hand: Hand) -> None:
    ask(web)
    address = link(mailing, mailbox, hand)
    hand.now += dt.timedelta(hours=48)
    for answer in (web.get(address), web.post(address)):
        assert answer.status_code == 410
        assert "has expired" in answer.text
    assert not everybody(mailing)


def test_a_newer_request_replaces_the_older(
    web: FlaskClient, mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    ask(web, threshold="100")
    first = link(mailing, mailbox, hand)
    ask(web, threshold="200")
    second = link(mailing, mailbox, hand)
    assert web.post(first).status_code == 404
    web.post(second)
    assert [one.threshold for one in everybody(mailing)] == [200]


def test_who_is_on_the_list_stays_one_and_may_change_the_threshold(
    web: FlaskClient, mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "new", threshold=100)
    ask(web, address=ADDRESS.upper(), threshold="900")
    assert [one.threshold for one in everybody(mailing)] == [100], "not before it is confirmed"
    web.post(link(mailing, mailbox, hand))
    assert [one.threshold for one in everybody(mailing)] == [900]


def test_the_answer_does_not_tell_who_is_on_the_list(web: FlaskClient, mailing: Context) -> None:
    join(mailing, "known")
    answers = [
        web.post("/subscribe", data={"address": f"{name}@reader.example.org"})
        for name in ("known", "unknown")
    ]
    for answer in answers:
        assert answer.headers.pop("X-Request-Id"), "each has its own"
    first, second = ((a.status_code, a.data, sorted(a.headers)) for a in answers)
    assert first == second


def test_one_address_is_asked_for_three_times_a_day_and_nobody_is_told(
    web: FlaskClient, mailing: Context, hand: Hand
) -> None:
    texts = {web.post("/subscribe", data={"address": ADDRESS}).data for _ in range(5)}
    assert len(texts) == 1
    with mailing.database.reading() as connection:
        asked = connection.execute(sa.select(sa.func.count()).select_from(asks)).scalar()
    assert asked == 3 * 2, "an address and a network each time"
    hand.now += dt.timedelta(days=1)
    ask(web)
    with mailing.database.reading() as connection:
        assert connection.execute(sa.select(opt_ins.c.asked_at)).scalar() == hand.now
        kept = connection.execute(sa.select(asks.c.who)).scalars().all()
    assert len(kept) == 2, "a new day forgets who asked"
    assert all(re.fullmatch(r"[0-9a-f]{64}", who) for who in kept)


def test_one_network_asks_twenty_times_a_day(web: FlaskClient) -> None:
    assert {ask(web, f"a{at}@example.org") for at in range(20)} == {200}
    late = web.post("/subscribe", data={"address": "b@example.org"})
    assert late.status_code == 429
    assert late.headers["Retry-After"] == "86400"
    other = web.post(
        "/subscribe", data={"address": "b@example.org"}, environ_base={"REMOTE_ADDR": "192.0.2.9"}
    )
    assert other.status_code == 200


def test_addresses_of_one_network_are_one_asker(web: FlaskClient) -> None:
    found = [
        web.post(
            "/subscribe",
            data={"address": f"a{at}@example.org"},
            environ_base={"REMOTE_ADDR": f"2001:db8::{at}"},
        ).status_code
        for at in range(1, 22)
    ]
    assert found == [200] * 20 + [429]


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_network_is_told_by_a_proxy_that_is_believed(proxies: int, mailing: Context) -> None:
    own = Settings(**(mailing.settings.model_dump() | {"trusted_proxies": proxies}))
    web = create_app(Context(own, mailing.database), Hand(NOW)).test_client()
    found = {
        web.post(
            "/subscribe",
            data={"address": f"a{at}@example.org"},
            headers={"X-Forwarded-For": f"192.0.2.{at}"},
        ).status_code
        for at in range(22)
    }
    assert found == ({200} if proxies else {200, 429})


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@b", "a b@example.org", "a@example.org\r\nBcc: c@d.org", "a@example.org\n",
     "a@example.org,b@example.org", "<a@example.org>", "é@example.org", "a@" + "b" * 250 + ".org"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_and_nothing_is_kept(
    address: str, web: FlaskClient, mailing: Context
) -> None:
    answer = web.post("/subscribe", data={"address": address})
    assert answer.status_code == 400
    refusal = "Enter an email address, like name@example.org"
    assert ("control character" if "\n" in address else refusal) in answer.text
    with mailing.database.reading() as connection:
        assert connection.execute(sa.select(opt_ins)).all() == []


@pytest.mark.parametrize("threshold", ["-1", "1e3", "1000001", "many", "٣", "9" * 5000])
def test_a_threshold_that_is_none_is_refused(threshold: str, web: FlaskClient) -> None:
    answer = web.post("/subscribe", data={"address": ADDRESS, "threshold": threshold})
    assert answer.status_code == 400
    assert "must be a whole number from 0 to 1,000,000" in answer.text


def test_early_warnings_are_asked_for_and_confirmed_like_the_weekly_email(
    web: FlaskClient, mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    choice = {"emails": "warnings", "threshold": "700", "level": "30", "week_threshold": "2500"}
    assert ask(web, **choice) == 200
    address = link(mailing, mailbox, hand)
    for text in (mailbox.messages()[0].get_content(), web.get(address).text):
        words = " ".join(text.split())
        assert "You will get an early warning" in words or "you will get an early warning" in words
        assert "more than 700 people in a day in the next 3 days, or of more than 2,500" in words
        assert "reaches 30%" in words and "one email a week" not in words
    assert not everybody(mailing)
    assert "when the chance reaches your level" in web.post(address).text
    (one,) = everybody(mailing)
    assert (one.weekly, one.warn_level, one.week_threshold) == (False, 30, 2500)
    ask(web, emails="both", level="", week_threshold="")
    web.post(link(mailing, mailbox, hand))
    (one,) = everybody(mailing)
    assert (one.weekly, one.warn_level, one.week_threshold) == (True, 50, None)
    ask(web, emails="weekly", level="80", week_threshold="9")
    web.post(link(mailing, mailbox, hand))
    (one,) = everybody(mailing)
    assert (one.weekly, one.warn_level, one.week_threshold) == (True, None, None)


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("level", "0", "Chance, in %, must be a whole number from 1 to 99, like 50."),
        ("level", "100", "Chance, in %, must be a whole number from 1 to 99, like 50."),
        ("week_threshold", "1e3", "Number of people in a week must be a whole number from 0 to"),
        ("emails", "all", "Choose the weekly email, early warnings or both."),
    ],
)
def test_a_choice_that_is_none_is_refused_and_what_was_typed_stays(
    field: str, value: str, refusal: str, web: FlaskClient
) -> None:
    typed = {"address": ADDRESS, "emails": "both", "threshold": "321"} | {field: value}
    answer = web.post("/subscribe", data=typed)
    assert answer.status_code == 400
    assert refusal in answer.text
    assert "<title>Error: Emails – Channel crossings forecast</title>" in answer.text
    assert 'value="321"' in answer.text and f'value="{ADDRESS}"' in answer.text
    assert field == "emails" or f'value="{value}"' in answer.text


def test_what_was_typed_is_not_taken_for_markup(web: FlaskClient) -> None:
    answer = web.post("/subscribe", data={"address": '"><script>alert(1)</script>'})
    assert "<script" not in answer.text


def token(context: Context) -> str:
    return everybody(context)[0].token


def test_opening_the_link_to_leave_changes_nothing(web: FlaskClient, mailing: Context) -> None:
    join(mailing, "a")
    answer = web.get(f"/u/{token(mailing)}")
    assert answer.status_code == 200
    assert '<form method="post">' in answer.text
    assert len(everybody(mailing)) == 1


def test_one_click_leaves_however_often_it_comes(web: FlaskClient, mailing: Context) -> None:
    """As mail programs do it (RFC 8058, section 3.2): no cookie, no login, no other token."""
    join(mailing, "a", "b")
    mine = token(mailing)
    for _ in range(3):
        answer = web.post(f"/u/{mine}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Location" not in answer.headers and "Set-Cookie" not in answer.headers
        assert "You have unsubscribed" in answer.text
    assert "You have unsubscribed" in web.get(f"/u/{mine}").text
    assert [one.address for one in everybody(mailing)] == ["b@reader.example.org"]


def test_leaving_deletes_all_that_is_about_a_person(
    web: FlaskClient, mailing: Context, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart, "draw", lambda _: {"light": b"", "dark": b""})
    join(mailing, "a")
    ask(web, "a@reader.example.org")
    digest(mailing, clock=hand)
    web.post(f"/u/{token(mailing)}")
    with mailing.database.reading() as connection:
        for table in (deliveries, opt_ins):
            assert connection.execute(sa.select(table)).all() == []
        assert len(connection.execute(sa.select(unsubscribed)).all()) == 1


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["/u/", "/subscribe/confirm/"])
def test_an_unknown_link_says_so_and_changes_nothing(
    path: str, method: str, web: FlaskClient, mailing: Context
) -> None:
    join(mailing, "a")
    for wrong in ("x", "A" * 22, token(mailing)[:-1], "é"):
        answer = getattr(web, method)(path + wrong)
        assert answer.status_code == 404
        assert "This link does not work" in answer.text
    assert len(everybody(mailing)) == 1


def test_pages_with_a_token_are_kept_by_nobody(web: FlaskClient, mailing: Context) -> None:
    join(mailing, "a")
    answer = web.get(f"/u/{token(mailing)}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_a_service_without_mail_takes_no_requests(mailing: Context) -> None:
    off = Context(Settings(var_dir=mailing.settings.var_dir), mailing.database)
    web = create_app(off, Hand(NOW)).test_client()
    assert "does not send email" in web.get("/subscribe").text
    assert ask(web) == 503
