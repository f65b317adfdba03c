"""Emails of two routes: separate texts, subscribers and failures."""

import datetime as dt
import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from service.app import create_app
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.job_runner import JobError
from service.core.tables import deliveries
from service.data.ingest import ingest
from service.issues import explain_issue
from service.issues.refit import refit
from service.mail.early_warnings import warn
from service.mail.sending import mail_links
from service.mail.weekly import digest
from tests.service.mailbox import ALWAYS_DUE, add_readers, list_readers, mail_settings, read_body
from tests.service.support import open_copy

ITALY, CHANNEL = "Mediterranean crossings forecast", "Channel crossings forecast"
WORDS = {
    "italy": (ITALY, "The central Mediterranean", "Italian time", "ondata", "?series=italy_people"),
    "channel": (CHANNEL, "The English Channel", "UK time", "Home Office", ""),
}
"""Title of the emails, title of each route, its time and source, and the query of its page."""


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


@pytest.fixture
def channel(both):
    return both


@pytest.fixture
def italy(both):
    return both.for_route(both.routes[1])


@pytest.fixture
def client(both):
    return create_app(both, utc_now).test_client()


def route_settings(folder, port, ca_file=None):
    routes = {"routes": "channel,italy", "source": "figures", "fit_seconds": 0}
    settings = mail_settings(folder, port, ca_file, **routes, **ALWAYS_DUE)
    return settings.model_copy(update={"mail_from": "digest@forecast.example.org"})


def check_words(message, route, subject):
    """Check the title, time, source and address in both parts."""
    title, title_of_route, time, source, query = WORDS[route]
    url, others = f"https://forecast.example.org/{query}", {"ondata", "Home Office"} - {source}
    text, html = (" ".join(read_body(message, kind).split()) for kind in ("plain", "html"))
    assert text.startswith(title.upper()) and title in html and title in message["List-Id"]
    assert f"See the forecast online: {url} " in text and f'<a href="{url}"' in html
    for part in (text, html):
        assert time in part and source in part and not [one for one in others if one in part]
    assert f"{subject} - {title_of_route}: " in message["Subject"]


def test_each_reader_gets_one_weekly_email_per_chosen_route(channel, italy, mailbox, plain_chart):
    add_readers(channel, "both")
    add_readers(channel, "both", "one", threshold=700, route="italy")
    unreachable = channel.settings.model_copy(update={"smtp_port": 1})
    with pytest.raises(JobError):
        digest(replace(channel, settings=unreachable))
    with channel.database.reading() as connection:
        assert set(connection.scalars(sa.select(deliveries.c.attempts))) == {0}
    assert digest(italy).outcome == "done", "the failure of one route does not affect the other"
    digest(italy)
    assert mailbox.readers() == ["both@reader.example.org", "one@reader.example.org"]
    digest(channel, clock=lambda: utc_now() + dt.timedelta(minutes=30))
    of_italy, _, of_channel = mailbox.messages()
    assert of_italy["To"] == of_channel["To"]
    assert of_italy["Message-ID"] != of_channel["Message-ID"]
    for message, route, series, threshold in (
        (of_italy, "italy", "italy_people", 700),
        (of_channel, "channel", "people", 300),
    ):
        check_words(message, route, "Weekly forecast")
        assert WORDS[route][0] in message["From"]
        (attached,) = message.iter_attachments()
        assert str(attached.get_filename()).startswith(f"{series}-forecast-20")
        assert f"YOUR THRESHOLD: {threshold} PEOPLE" in read_body(message)
        looks_back = "FORECAST AND WHAT ARRIVED" in read_body(message)
        assert looks_back == (message is of_channel), "the source of the other has ended"


def test_early_warnings_go_to_readers_of_the_route(channel, italy, mailbox):
    routes = {"italy": italy, "channel": channel}
    for name in routes:
        add_readers(channel, name, threshold=0, warn_level=1, route=name)
    for name, context in routes.items():
        warn(context)
        assert mailbox.readers()[-1] == f"{name}@reader.example.org"
        check_words(mailbox.messages()[-1], name, "Early warnings paused")
    assert len({message["List-Id"].partition("<")[2] for message in mailbox.messages()}) == 2


def test_reader_subscribes_to_a_second_route(channel, italy, client, mailbox):
    home = "/?series=italy_people"
    add_readers(channel, "new")
    form = {"address": "new@reader.example.org", "route": "italy", "threshold": "900"}
    pages = [client.get("/subscribe?route=italy").text, client.post("/subscribe", data=form).text]
    assert 'name="route" value="italy"' in pages[0]
    assert 'href="/subscribe?route=channel"' in pages[0]
    assert f'<a href="{home}">Go to the forecast</a>' in pages[1]
    assert mail_links(channel) == 0, "the request is for the other route"
    assert mail_links(italy) == 1
    (message,) = mailbox.messages()
    assert message["Subject"] == f"Confirm your emails: {ITALY}"
    (link,) = re.findall(r"/subscribe/confirm/\S+", message.get_content())
    pages += [client.get(link).text, client.post(link).text]
    assert f"<h1>Confirm your subscription to {ITALY}</h1>" in pages[2]
    assert "900 people" in pages[2]
    assert f"<h1>You are subscribed to {ITALY}</h1>" in pages[3]
    subscriptions = [(one.route, one.threshold) for one in list_readers(channel)]
    assert subscriptions == [("channel", 300), ("italy", 900)]
    for page in [*pages, client.get(home).text]:
        assert f" – {ITALY}</title>" in page
        assert f'<a href="{home}">{ITALY}</a>' in page
        assert '<a href="/subscribe?route=italy">Emails</a>' in page
    page = client.get("/subscribe").text
    assert f'<a href="/">{CHANNEL}</a>' in page and '<a href="/subscribe">Emails</a>' in page
    assert client.post("/subscribe", data=form | {"route": "gone"}).status_code == 400


@pytest.mark.parametrize(("route", "status"), [("channel", 200), ("italy", 400)])
def test_early_warnings_are_not_offered_if_the_source_has_ended(client, route, status):
    is_offered = "Warn me at this chance" in client.get(f"/subscribe?route={route}").text
    assert is_offered == (status == 200)
    for emails in ("warnings", "both"):
        form = {"address": "a@reader.example.org", "emails": emails, "route": route}
        response = client.post("/subscribe", data=form)
        assert response.status_code == status
        assert ("emails that are offered here" in response.text) != is_offered


def test_one_click_unsubscribes_from_one_route(channel, italy, client, mailbox, plain_chart):
    for name in ("channel", "italy"):
        add_readers(channel, "both", route=name)
        client.post("/subscribe", data={"address": "both@reader.example.org", "route": name})
    digest(italy)
    (message,) = mailbox.messages()
    link = message["List-Unsubscribe"].strip("<>").removeprefix(italy.settings.address)
    assert f"<h1>Unsubscribe from {ITALY}</h1>" in client.get(link).text
    page = client.post(link, data={"List-Unsubscribe": "One-Click"}).text
    assert f"<h1>You have unsubscribed from {ITALY}</h1>" in page
    assert [one.route for one in list_readers(channel)] == ["channel"]
    assert mail_links(italy) == 0, "the pending request of the route is deleted"
    assert mail_links(channel) == 1
    add_readers(channel, "both", route="gone")
    link = f"/u/{list_readers(channel)[-1].token}"
    assert "<h1>Unsubscribe from gone</h1>" in client.get(link).text, "no longer served"
