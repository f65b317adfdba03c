"""Emails of two routes: separate texts, subscribers and failures."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest

from service.app import create_app
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.job_runner import JobError
from service.data.ingest import ingest
from service.issues import explain_issue
from service.issues.refit import refit
from service.mail import subscriber_store
from service.mail.early_warnings import warn
from service.mail.sending import mail_links
from service.mail.weekly import digest
from tests.service.mailbox import ALWAYS_DUE, add_readers, mail_settings, read_body
from tests.service.support import open_copy, utc

JOINED = utc(2026, 1, 1)
ITALY, CHANNEL = "Mediterranean crossings forecast", "Channel crossings forecast"
BY_ROUTE = (
    (ITALY, "The central Mediterranean", "Italian time", "ondata", "?series=italy_people"),
    (CHANNEL, "The English Channel", "UK time", "Home Office", ""),
)
"""Title of the emails, title of the route, its time, source and address."""


@pytest.fixture(scope="module")
def issued_database(tmp_path_factory):
    """A SQLite file with figures and an issue of each route."""
    context = open_context(route_settings(tmp_path_factory.mktemp("routes"), 25))
    for each in context.each_route():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(explain_issue, "_PATHS", 100)
            patch.setattr(explain_issue, "_LEAST_PATHS", 20)
            assert ingest(each).outcome == refit(each).outcome == "done"
    context.database.close()
    return context.settings.var_dir / "crossings.sqlite"


@pytest.fixture
def both(issued_database, mailbox, ca_file, tmp_path):
    with open_copy(issued_database, route_settings(tmp_path, mailbox.port, ca_file)) as context:
        yield context


def route_settings(folder, port, ca_file=None):
    routes = {"routes": "channel,italy", "source": "figures", "fit_seconds": 0}
    settings = mail_settings(folder, port, ca_file, **routes, **ALWAYS_DUE)
    return settings.model_copy(update={"mail_from": "digest@forecast.example.org"})


def of_route(context, name):
    return next(each for each in context.each_route() if each.route.name == name)


def check_words(message, title, time, source, query):
    """Check the title, time, source and address in both parts."""
    url, others = f"https://forecast.example.org/{query}", {"ondata", "Home Office"} - {source}
    text, html = (" ".join(read_body(message, kind).split()) for kind in ("plain", "html"))
    assert text.startswith(title.upper()) and title in html and title in message["List-Id"]
    assert f"See the forecast online: {url} " in text and f'<a href="{url}"' in html
    for part in (text, html):
        assert time in part and source in part and not [one for one in others if one in part]


def confirmation_link(message):
    link = re.search(r"/subscribe/confirm/\S+", message.get_content())
    assert link
    return link[0]


def tokens_by_route(context):
    """The tokens of the only reader."""
    with context.database.reading() as connection:
        return {each.route: each.token for each in subscriber_store.list_subscribers(connection)}


def test_each_reader_gets_one_weekly_email_per_chosen_route(both, mailbox, plain_chart):
    channel, italy = of_route(both, "channel"), of_route(both, "italy")
    add_readers(both, "both", now=JOINED)
    add_readers(both, "both", "one", threshold=700, route="italy", now=JOINED)
    unreachable = channel.settings.model_copy(update={"smtp_port": 1})
    with pytest.raises(JobError):
        digest(replace(channel, settings=unreachable))
    assert digest(italy).outcome == "done", "the failure of one route does not affect the other"
    digest(italy)
    assert mailbox.readers() == ["both@reader.example.org", "one@reader.example.org"]
    digest(channel, clock=lambda: utc_now() + dt.timedelta(minutes=30))
    of_italy, _, of_channel = mailbox.messages()
    assert of_italy["To"] == of_channel["To"]
    assert of_italy["Message-ID"] != of_channel["Message-ID"]
    for message, series, threshold, words in (
        (of_italy, "italy_people", 700, BY_ROUTE[0]),
        (of_channel, "people", 300, BY_ROUTE[1]),
    ):
        title, route, *others = words
        check_words(message, title, *others)
        assert title in message["From"]
        assert f"Weekly forecast - {route}: about " in message["Subject"]
        (attached,) = message.iter_attachments()
        assert str(attached.get_filename()).startswith(f"{series}-forecast-20")
        assert f"YOUR THRESHOLD: {threshold} PEOPLE" in read_body(message)
        looks_back = "FORECAST AND WHAT ARRIVED" in read_body(message)
        assert looks_back == (message is of_channel), "the source of the other has ended"


def test_early_warnings_go_to_readers_of_the_route(both, mailbox):
    add_readers(both, "a", threshold=0, warn_level=1, now=JOINED)
    add_readers(both, "b", threshold=0, warn_level=1, route="italy", now=JOINED)
    warn(of_route(both, "italy"))
    assert mailbox.readers() == ["b@reader.example.org"]
    warn(of_route(both, "channel"))
    assert mailbox.readers() == ["b@reader.example.org", "a@reader.example.org"]
    for message, (title, route, *others) in zip(mailbox.messages(), BY_ROUTE, strict=True):
        check_words(message, title, *others)
        assert message["Subject"].startswith(f"Early warnings paused - {route}: ")
    assert len({message["List-Id"].partition("<")[2] for message in mailbox.messages()}) == 2


def test_reader_subscribes_to_a_second_route(both, mailbox):
    client, home = create_app(both, utc_now).test_client(), "/?series=italy_people"
    add_readers(both, "new", now=JOINED)
    form = {"address": "new@reader.example.org", "route": "italy", "threshold": "900"}
    pages = [client.get("/subscribe?route=italy").text, client.post("/subscribe", data=form).text]
    assert 'name="route" value="italy"' in pages[0]
    assert 'href="/subscribe?route=channel"' in pages[0]
    assert f'<a href="{home}">Go to the forecast</a>' in pages[1]
    assert mail_links(of_route(both, "channel")) == 0, "the request is for the other route"
    assert mail_links(of_route(both, "italy")) == 1
    (message,) = mailbox.messages()
    assert message["Subject"] == f"Confirm your emails: {ITALY}"
    link = confirmation_link(message)
    pages += [client.get(link).text, client.post(link).text]
    assert f"<h1>Confirm your subscription to {ITALY}</h1>" in pages[2]
    assert "900 people" in pages[2]
    assert f"<h1>You are subscribed to {ITALY}</h1>" in pages[3]
    with both.database.reading() as connection:
        subscriptions = subscriber_store.list_subscribers(connection)
    assert {s.route: s.threshold for s in subscriptions} == {"channel": 300, "italy": 900}
    for page in [*pages, client.get(home).text]:
        assert f" – {ITALY}</title>" in page
        assert f'<a href="{home}">{ITALY}</a>' in page
        assert '<a href="/subscribe?route=italy">Emails</a>' in page
    page = client.get("/subscribe").text
    assert f'<a href="/">{CHANNEL}</a>' in page and '<a href="/subscribe">Emails</a>' in page
    assert client.post("/subscribe", data=form | {"route": "gone"}).status_code == 400


def test_early_warnings_are_not_offered_if_the_source_has_ended(both):
    client = create_app(both, utc_now).test_client()
    offers = {
        name: "Warn me at this chance" in client.get(f"/subscribe?route={name}").text
        for name in ("channel", "italy")
    }
    assert offers == {"channel": True, "italy": False}
    for emails in ("warnings", "both"):
        form = {"address": "a@reader.example.org", "emails": emails, "route": "italy"}
        response = client.post("/subscribe", data=form)
        assert response.status_code == 400
        assert "emails that are offered here" in response.text
        assert client.post("/subscribe", data=form | {"route": "channel"}).status_code == 200


def test_one_click_unsubscribes_from_one_route(both, mailbox, plain_chart):
    client = create_app(both, utc_now).test_client()
    for name in ("channel", "italy"):
        add_readers(both, "both", route=name, now=JOINED)
        client.post("/subscribe", data={"address": "both@reader.example.org", "route": name})
    digest(of_route(both, "italy"))
    (message,) = mailbox.messages()
    link = message["List-Unsubscribe"].strip("<>").removeprefix(both.settings.address)
    page = client.get(link).text
    assert f"Unsubscribe from {ITALY}" in page
    assert "You will still get emails from Channel crossings forecast." in page
    response = client.post(link, data={"List-Unsubscribe": "One-Click"}).text
    assert "You will still get emails from Channel crossings forecast." in response
    tokens = tokens_by_route(both)
    assert list(tokens) == ["channel"]
    assert mail_links(of_route(both, "italy")) == 0, "the pending request of the route is deleted"
    assert mail_links(of_route(both, "channel")) == 1
    for page in (client.get(link).text, client.post(link).text):
        assert "You have unsubscribed" in page and "your address" not in page
    assert "We have deleted your address" in client.post(f"/u/{tokens['channel']}").text
    assert not tokens_by_route(both)


def test_button_unsubscribes_from_every_route(both):
    client = create_app(both, utc_now).test_client()
    add_readers(both, "other", now=JOINED)
    for name in ("channel", "gone", "italy"):
        add_readers(both, "both", route=name, now=JOINED)
    link = f"/u/{tokens_by_route(both)['italy']}"
    page = client.get(link).text
    assert "from Channel crossings forecast and gone." in page, "also of a route no longer served"
    assert 'name="all"' in page
    assert "We have deleted your address" in client.post(link, data={"all": "yes"}).text
    with both.database.reading() as connection:
        (subscriber,) = subscriber_store.list_subscribers(connection)
    assert subscriber.address == "other@reader.example.org"
