"""The mails of two routes: each its own words, readers and failures."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from service.answers.issue_loader import IssueLoader
from service.app import create_app
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.data.ingest import ingest
from service.issues.refit import refit
from service.mail import delivery_store, subscriber_store
from service.mail.early_warnings import warn
from service.mail.edition import gather, iso_week
from service.mail.render import Reader
from service.mail.sending import mail_links
from service.mail.weekly import digest, renderer_of
from tests.service.mailbox import Mailbox, join, mail_settings
from tests.service.support import utc

JOINED = utc(2026, 1, 1)


@pytest.fixture
def both(mailbox: Mailbox, ca_file: Path, tmp_path: Path) -> Iterator[Context]:
    settings = mail_settings(
        tmp_path, mailbox.port, ca_file, routes="channel,italy", source="figures", fit_seconds=0
    )
    settings = settings.model_copy(update={"mail_from": "digest@forecast.example.org"})
    context = open_context(settings)
    for one in context.each_route():
        assert ingest(one).outcome == refit(one).outcome == "done"
    yield context
    context.database.close()


def about(context: Context, name: str) -> Context:
    return next(one for one in context.each_route() if one.route.name == name)


ITALY, CHANNEL = "Mediterranean crossings forecast", "Channel crossings forecast"


def address_of(message: EmailMessage) -> str:
    """The address in both parts at which the forecast is seen."""
    online = re.search(r"See the forecast online: (\S+)", words(message, "plain"))
    assert online
    assert f'<a href="{online[1]}"' in words(message, "html")
    return online[1]


def words(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return " ".join(body.get_content().split())


def test_each_reader_has_the_mail_of_each_chosen_route_once(
    both: Context, mailbox: Mailbox, plain_chart: list[int]
) -> None:
    channel, italy = about(both, "channel"), about(both, "italy")
    join(both, "both", now=JOINED)
    join(both, "both", "one", threshold=700, route="italy", now=JOINED)
    away = channel.settings.model_copy(update={"smtp_port": 1})
    with pytest.raises(JobError):
        digest(replace(channel, settings=away))
    assert digest(italy).outcome == "done", "what fails for one route costs the other nothing"
    digest(italy)
    assert mailbox.readers() == ["both@reader.example.org", "one@reader.example.org"]
    with both.database.reading() as connection:
        week = iso_week(italy.route, utc_now())
        assert delivery_store.counts(connection, week, "italy") == {"sent": 2}
        assert "sent" not in delivery_store.counts(connection, week, "channel")
    digest(channel, clock=lambda: utc_now() + dt.timedelta(minutes=30))
    of_italy, _, of_channel = mailbox.messages()
    assert of_italy["To"] == of_channel["To"]
    assert of_italy["Message-ID"] != of_channel["Message-ID"]
    assert address_of(of_italy) == "https://forecast.example.org/?series=italy_people"
    assert address_of(of_channel) == "https://forecast.example.org/"
    for message, series in ((of_italy, "italy_people"), (of_channel, "people")):
        (attached,) = message.iter_attachments()
        assert str(attached.get_filename()).startswith(f"{series}-forecast-20")
    for message, title, time, whose, other in (
        (of_italy, ITALY, "Italian time", "ondata", "Home Office"),
        (of_channel, CHANNEL, "UK time", "Home Office", "ondata"),
    ):
        assert title in message["From"] and title in message["List-Id"]
        for kind in ("plain", "html"):
            text = words(message, kind)
            assert title.lower() in text.lower()
            assert ". For planning" in text, "the attribution ends as a sentence"
            assert time in text and whose in text and other not in text
    assert "YOUR THRESHOLD: 700 PEOPLE" in words(of_italy, "plain")
    assert "YOUR THRESHOLD: 300 PEOPLE" in words(of_channel, "plain")


def test_an_edition_frozen_without_its_series_is_still_sent(
    both: Context, plain_chart: list[int]
) -> None:
    loader = IssueLoader(about(both, "italy"))
    edition = gather(loader, iso_week(loader.route, utc_now()))
    del edition.content["series_id"], edition.content["query"]
    message = renderer_of(loader, edition, both.settings).message(Reader("a@example.org", 300))
    assert address_of(message) == "https://forecast.example.org/"
    (attached,) = message.iter_attachments()
    assert str(attached.get_filename()).startswith("people-forecast-20")


def test_early_warnings_go_to_the_readers_of_their_route(both: Context, mailbox: Mailbox) -> None:
    join(both, "a", threshold=0, warn_level=1, now=JOINED)
    join(both, "b", threshold=0, warn_level=1, route="italy", now=JOINED)
    warn(about(both, "italy"))
    assert mailbox.readers() == ["b@reader.example.org"]
    warn(about(both, "channel"))
    assert mailbox.readers() == ["b@reader.example.org", "a@reader.example.org"]
    of_italy, of_channel = mailbox.messages()
    assert "ondata" in words(of_italy, "plain") and "Italian time" in words(of_italy, "html")
    assert "Home Office" in words(of_channel, "plain") and "UK time" in words(of_channel, "html")
    assert address_of(of_italy) == "https://forecast.example.org/?series=italy_people"
    assert address_of(of_channel) == "https://forecast.example.org/"


def test_a_reader_confirms_one_route_more(both: Context, mailbox: Mailbox) -> None:
    client, address = create_app(both, utc_now).test_client(), "new@reader.example.org"
    page = client.get("/subscribe?route=italy").text
    assert 'name="route" value="italy"' in page and 'href="/subscribe?route=channel"' in page
    join(both, "new", now=JOINED)
    form = {"address": address, "route": "italy", "threshold": "900"}
    assert client.post("/subscribe", data=form).status_code == 200
    assert mail_links(about(both, "channel")) == 0, "the other route mails it"
    assert mail_links(about(both, "italy")) == 1
    (message,) = mailbox.messages()
    assert message["Subject"] == "Confirm your emails: Mediterranean crossings forecast"
    link = re.search(r"/subscribe/confirm/\S+", message.get_content())
    assert link and "900 people" in client.get(link[0]).text
    assert client.post(link[0]).status_code == 200
    with both.database.reading() as connection:
        chosen = subscriber_store.everybody(connection)
    assert {one.route: one.threshold for one in chosen} == {"channel": 300, "italy": 900}
    unknown = client.post("/subscribe", data=form | {"route": "gone"})
    assert unknown.status_code == 400


def test_the_pages_of_a_reader_are_of_the_chosen_route(both: Context, mailbox: Mailbox) -> None:
    client = create_app(both, utc_now).test_client()
    home = "/?series=italy_people"
    form = {"address": "new@reader.example.org", "route": "italy"}
    pages = [client.get("/subscribe?route=italy").text, client.post("/subscribe", data=form).text]
    assert f'<a href="{home}">Go to the forecast</a>' in pages[-1]
    mail_links(about(both, "italy"))
    (message,) = mailbox.messages()
    link = re.search(r"/subscribe/confirm/\S+", message.get_content())
    assert link
    pages += [client.get(link[0]).text, client.post(link[0]).text]
    assert f"<h1>Confirm your subscription to {ITALY}</h1>" in pages[-2]
    assert f"<h1>You are subscribed to {ITALY}</h1>" in pages[-1]
    leaving = f"/u/{on_the_list(both)['italy']}"
    pages += [client.get(leaving).text, client.post(leaving).text, client.get(home).text]
    for page in pages:
        assert f" – {ITALY}</title>" in page
        assert f'<a href="{home}">{ITALY}</a>' in page
        assert '<a href="/subscribe?route=italy">Emails</a>' in page
        assert CHANNEL not in page
    first = client.get("/subscribe").text
    assert f'<a href="/">{CHANNEL}</a>' in first and '<a href="/subscribe">Emails</a>' in first


def on_the_list(context: Context) -> dict[str, str]:
    """The token of each route of the one reader."""
    with context.database.reading() as connection:
        return {one.route: one.token for one in subscriber_store.everybody(connection)}


def test_a_click_in_the_mail_of_a_route_leaves_that_route_alone(
    both: Context, mailbox: Mailbox, plain_chart: list[int]
) -> None:
    client = create_app(both, utc_now).test_client()
    for name in ("channel", "italy"):
        join(both, "both", route=name, now=JOINED)
        client.post("/subscribe", data={"address": "both@reader.example.org", "route": name})
    digest(about(both, "italy"))
    (mail,) = mailbox.messages()
    link = mail["List-Unsubscribe"].strip("<>").removeprefix(both.settings.address)
    page = client.get(link).text
    assert "Unsubscribe from Mediterranean crossings forecast" in page
    assert "You will still get emails of Channel crossings forecast." in page
    answer = client.post(link, data={"List-Unsubscribe": "One-Click"}).text
    assert "You will still get emails of Channel crossings forecast." in answer
    tokens = on_the_list(both)
    assert list(tokens) == ["channel"]
    assert mail_links(about(both, "italy")) == 0, "a request for the route is gone with it"
    assert mail_links(about(both, "channel")) == 1
    for again in (client.get(link).text, client.post(link).text):
        assert "You have unsubscribed" in again and "your address" not in again
    assert "We have deleted your address" in client.post(f"/u/{tokens['channel']}").text
    assert not on_the_list(both)


def test_a_button_leaves_every_route(both: Context) -> None:
    client = create_app(both, utc_now).test_client()
    join(both, "other", now=JOINED)
    for name in ("channel", "gone", "italy"):
        join(both, "both", route=name, now=JOINED)
    link = f"/u/{on_the_list(both)['italy']}"
    page = client.get(link).text
    assert "of Channel crossings forecast and gone." in page, "also of one that is served no more"
    assert 'name="all"' in page
    assert "We have deleted your address" in client.post(link, data={"all": "yes"}).text
    with both.database.reading() as connection:
        (left,) = subscriber_store.everybody(connection)
    assert left.address == "other@reader.example.org"
