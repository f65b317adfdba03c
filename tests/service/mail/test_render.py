from __future__ import annotations

import csv
import email
import email.policy
import io
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from PIL import Image

from service.answers.issue_loader import IssueLoader
from service.answers.wording import approximate_headline, status_name
from service.app import create_app
from service.core.context import Context
from service.core.settings import Settings
from service.mail import chart
from service.mail.delivery_store import Edition
from service.mail.edition import gather
from service.mail.render import MailRenderer, Reader, confirmation, subject
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, Hand

TOKEN = "AbCdEfGhIjKlMnOpQrStUv"
GATHERED: list[Edition] = []
DRAWN: list[dict[str, bytes]] = []
READER = Reader("reader@example.org", 300, TOKEN)
HEADER = re.compile(rb"^([A-Za-z-]+): (.*)$")


@pytest.fixture
def mailing(module_mailing: Context) -> Context:
    return module_mailing


def press_of(context: Context, **changes: Any) -> MailRenderer:
    loader = IssueLoader(context, Hand(NOW))
    if not GATHERED:
        GATHERED.append(gather(loader, "2026-W01"))
    edition = deepcopy(GATHERED[0])
    edition.content.update(changes)
    return MailRenderer(edition, loader.view("people").paths, context.settings)


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chart is the same in nearly all of these tests, and takes longest."""
    draw = chart.draw

    def once(content: dict[str, Any]) -> dict[str, bytes]:
        DRAWN.extend([] if DRAWN else [draw(content)])
        return DRAWN[0]

    monkeypatch.setattr(chart, "draw", once)


@pytest.fixture
def press(mailing: Context) -> MailRenderer:
    return press_of(mailing)


def headers(content: bytes) -> dict[str, str]:
    """Headers as the bytes have them; a header that is folded or not ASCII fails."""
    head, _, _ = content.partition(b"\r\n\r\n")
    found = {}
    for line in head.split(b"\r\n"):
        match = HEADER.match(line)
        assert match, f"not a header on one line: {line!r}"
        found[match[1].decode()] = match[2].decode("ascii")
    return found


def parts(content: bytes) -> dict[str, EmailMessage]:
    message = email.message_from_bytes(content, policy=email.policy.default)
    return {part.get_content_type(): part for part in message.walk()}  # type: ignore[misc]


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_every_header_is_one_line_of_ascii(press: MailRenderer) -> None:
    content = press.message(READER).as_bytes()
    found = headers(content)
    message_id = found.pop("Message-ID")
    assert re.fullmatch(r"<2026-W01\.[0-9a-f]{32}@forecast\.example\.org>", message_id)
    assert found.pop("Content-Type").startswith("multipart/mixed; boundary=")
    median, lo80, hi80 = approximate_headline(press.edition.content["headline"])
    assert found == {
        "From": "Channel forecast <digest@forecast.example.org>",
        "To": "reader@example.org",
        "Subject": (
            f"Weekly forecast: about {median} people, 2 to 8 January 2026 "
            f"(80% chance of between {lo80} and {hi80})"
        ),
        "Date": "Fri, 02 Jan 2026 12:00:00 +0000",
        "Auto-Submitted": "auto-generated",
        "List-Id": "Channel crossings forecast, weekly <crossings-weekly.forecast.example.org>",
        "List-Unsubscribe": f"<https://forecast.example.org/u/{TOKEN}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
    }
    assert b"=?" not in content.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Home Office, Kent <forecast@example.org>", "Home Office, Kent"),
        ('"Home Office, Kent" <forecast@example.org>', "Home Office, Kent"),
        ("someone@evil.example <forecast@example.org>", "someone@evil.example"),
        ("Kent: a; b (all) <forecast@example.org>", "Kent: a; b (all)"),
        ("forecast@example.org", "Channel crossings forecast"),
    ],
)
def test_a_name_is_quoted_and_never_an_address(mailing: Context, sender: str, name: str) -> None:
    settings = Settings(mail_from=sender, public_url="https://forecast.example.org")
    message = confirmation(
        replace(mailing, settings=settings), "reader@example.org", Preferences(500), TOKEN, NOW
    )
    content = message.as_bytes()
    (address,) = email.message_from_bytes(content, policy=email.policy.default)["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "forecast@example.org")


def test_a_long_address_to_unsubscribe_is_not_encoded(mailing: Context) -> None:
    long = Settings(
        **(mailing.settings.model_dump() | {"public_url": f"https://{'f' * 60}.example.org/a/b"})
    )
    press = press_of(replace(mailing, settings=long))
    link = headers(press.message(READER).as_bytes())["List-Unsubscribe"]
    assert link == f"<https://{'f' * 60}.example.org/a/b/u/{TOKEN}>"
    assert len(link) > 78


def test_lines_are_such_as_every_server_takes(press: MailRenderer) -> None:
    content = press.message(READER).as_bytes()
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert all(byte < 128 for byte in content)
    assert len(content) < 150_000


def test_the_parts_are_where_mail_programs_look(press: MailRenderer) -> None:
    message = press.message(READER)
    tree = [part.get_content_type() for part in message.walk()]
    assert tree == [
        "multipart/mixed",
        *("multipart/alternative", "text/plain", "multipart/related", "text/html"),
        *("image/png", "image/png"),
        "text/csv",
    ]
    images = [part for part in message.walk() if part.get_content_type() == "image/png"]
    for part in images:
        assert part["Content-Disposition"].startswith("inline")
        with Image.open(io.BytesIO(part.get_payload(decode=True))) as image:  # type: ignore[arg-type]
            assert image.size == (880, 620)
    cids = {part["Content-ID"].strip("<>") for part in images}
    tags = Tags(press.html(READER)).found
    assert {str(a["src"]).removeprefix("cid:") for tag, a in tags if tag == "img"} == cids


def test_nothing_is_loaded_from_elsewhere(press: MailRenderer) -> None:
    tags = Tags(press.html(READER)).found
    assert not [tag for tag, _ in tags if tag in ("script", "link", "iframe", "form", "object")]
    sources = [a[key] for _, a in tags for key in ("src", "background") if key in a]
    assert all(str(source).startswith("cid:") for source in sources)
    assert "url(" not in press.html(READER) and "@import" not in press.html(READER)
    links = {a["href"] for tag, a in tags if tag == "a"}
    assert links == {
        "https://forecast.example.org/",
        f"https://forecast.example.org/u/{TOKEN}",
    }


def test_styles_stand_in_the_elements_and_dark_ones_in_the_head(press: MailRenderer) -> None:
    html = press.html(READER)
    assert re.search(r"<h1[^>]*style=\"[^\"]*font-size: ?23px", html)
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    dark = next(a for tag, a in Tags(html).found if tag == "img" and a["class"] == "on-dark")
    assert "display: none" in str(dark["style"])


def test_the_chart_has_words(press: MailRenderer) -> None:
    images = [a for tag, a in Tags(press.html(READER)).found if tag == "img"]
    highest = max(row["value"] for row in press.edition.content["past"])
    for image in images:
        assert f"{highest:,}" in str(image["alt"])
        assert "14 days of forecast" in str(image["alt"])


def numbers(content: Mapping[str, Any]) -> list[str]:
    """Every number of the tables, as the mail writes it."""
    found = []
    for row in content["days"][:7]:
        found += [f"{row['median']:,}"]
        found += [f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}" for level in (50, 80, 95)]
    for row in content["totals"]:
        if row["median"] is None:
            assert row["note"].startswith("ends after the last day of the forecast, 2026-03-31")
            found += ["Ends after the last day of the forecast, 31 March 2026."]
            continue
        assert row["last_year"] is not None
        found += [f"{row['median']:,}", f"{row['last_year']:,}"]
    return found


def test_text_and_html_have_all_the_numbers(press: MailRenderer) -> None:
    text = press.text(READER)
    assert "\N{NO-BREAK SPACE}" not in text
    html = " ".join(Tags(press.html(READER)).words)
    assert "31\xa0December 2025" in html, "a day stays beside its month"
    html = html.replace("\xa0", " ")
    for number in numbers(press.edition.content):
        assert number in text
        assert number in html
    for words in (" ".join(text.split()), " ".join(html.split())):
        assert press.edition.content["headline"]["sentence"] in words
        assert press.edition.content["briefing"] in words
        assert press.edition.content["track_record"] in words
        assert "31 December 2025" in words
    assert max(map(len, text.splitlines())) <= 100


def test_the_csv_has_the_same_days(press: MailRenderer) -> None:
    attached = parts(press.message(READER).as_bytes())["text/csv"]
    assert attached.get_filename() == "people-forecast-2026-01-02.csv"
    rows = list(csv.DictReader(io.StringIO(attached.get_content())))
    assert len(rows) == 28
    for row, day in zip(rows, press.edition.content["days"], strict=True):
        assert row["date"] == day["date"]
        assert int(row["median"]) == day["median"]
        assert int(row["hi95"]) == day["hi95"]


def test_the_mail_and_the_interface_give_the_same_numbers(
    mailing: Context, press: MailRenderer
) -> None:
    client = create_app(mailing, Hand(NOW)).test_client()
    base = "/v1/series/people"
    days = client.get(f"{base}/forecast?horizon=28&levels=50,80,95").get_json()["rows"]
    assert press.edition.content["days"] == days
    totals = client.get(f"{base}/totals?periods=next_7_days&levels=80").get_json()["rows"]
    week = press.edition.content["totals"][0]
    assert {k: v for k, v in week.items() if k in totals[0]} == totals[0]
    text = press.text(READER)
    for window in (1, 7):
        asked = f"{base}/exceedance?threshold=300&window={window}&horizon=7"
        assert f"{100 * client.get(asked).get_json()['p_any']:.0f}%  chance" in text


def test_a_message_keeps_its_id_and_no_two_share_one(mailing: Context, press: MailRenderer) -> None:
    again = press_of(mailing)
    other = Reader("reader@example.org", 300, "another-token")
    edition = Edition("2026-W02", *list(vars(press.edition).values())[1:])
    week = MailRenderer(edition, press._ahead.paths, press._settings)
    ids = [
        p.message(reader)["Message-ID"]
        for p, reader in ((press, READER), (again, READER), (press, other), (week, READER))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("status", "begins"),
    [("fresh", "Weekly"), ("stale", "[Out of date] Weekly"), ("degraded", "[Problem] Weekly")],
)
def test_the_state_stands_in_the_subject_and_on_top(
    status: str, begins: str, mailing: Context
) -> None:
    press = press_of(mailing, status=status, reasons=["the figures are old"])
    assert subject(press.edition.content).startswith(begins)
    assert "The figures are old." in press.html(READER)
    assert f"{status_name(status).upper()}: The figures are old." in press.text(READER)


def test_an_alarm_stands_on_top_of_both_parts(mailing: Context) -> None:
    said = "people: 900 arrived from 2025-12-22 to 2025-12-28, above the 99% range"
    press = press_of(mailing, alarms=[said])
    shown = "People: 900 arrived from 22 December 2025 to 28 December 2025, above the 99% range."
    assert f"ALARM: {shown}" in re.sub(r"\s+", " ", press.text(READER))
    assert f"<strong>Alarm:</strong> {shown}" in press.html(READER).replace("&nbsp;", " ")
    old = press_of(mailing)
    del old.edition.content["alarms"]  # as one that was frozen before there were any
    assert "ALARM" not in old.text(READER)
    assert "Alarm" not in old.html(READER)


def test_a_single_copy_has_no_link_to_leave(press: MailRenderer) -> None:
    copy = Reader("copy@example.org", 1)
    message, text, html = press.message(copy), press.text(copy), press.html(copy)
    assert "List-Unsubscribe" not in message
    assert "Unsubscribe" not in text and "/u/" not in html
    assert ": 1 PERSON\n" in text and ": 1 person</p>" in html.replace("&nbsp;", " ")


def test_one_click_is_promised_over_https_alone(mailing: Context) -> None:
    own = Settings(**(mailing.settings.model_dump() | {"public_url": "http://127.0.0.1:8000"}))
    press = press_of(replace(mailing, settings=own))
    message = press.message(READER)
    assert message["List-Unsubscribe"] == f"<http://127.0.0.1:8000/u/{TOKEN}>"
    assert "List-Unsubscribe-Post" not in message


@pytest.mark.parametrize("bad", ["a@b.org\r\nBcc: c@d.org", "a@b.org\nX: y", "a@b.org\r"])
def test_no_address_begins_another_header(bad: str, press: MailRenderer) -> None:
    with pytest.raises(ValueError, match="one plain e-mail address"):
        press.message(Reader(bad, 300, TOKEN))


def test_no_text_begins_another_header(mailing: Context) -> None:
    press = press_of(mailing, unit="people\r\nBcc: c@d.org")
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        press.message(READER)


def test_what_is_written_is_not_taken_for_markup(mailing: Context) -> None:
    press = press_of(mailing, status="degraded", reasons=["<script>alert(1)</script> & more"])
    assert "<script" not in press.html(READER)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in press.html(READER)
    assert "<script>alert(1)</script> & more" in press.text(READER)


def test_the_link_to_confirm_is_whole(mailing: Context) -> None:
    content = confirmation(mailing, "new@example.org", Preferences(400), TOKEN, NOW).as_bytes()
    found = headers(content)
    assert found["To"] == "new@example.org"
    assert found["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in found
    text = parts(content)["text/plain"].get_content().replace("\r\n", "\n")
    assert f"\nhttps://forecast.example.org/subscribe/confirm/{TOKEN}\n" in text
    assert "400 people" in text
