from __future__ import annotations

import csv
import email
import email.policy
import io
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from email.message import EmailMessage

import pytest
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from service.answers.issue_loader import IssueLoader
from service.answers.wording import approximate_headline, range_chance, status_name
from service.core.settings import Settings
from service.mail import chart
from service.mail.edition import build_edition
from service.mail.render import MailRenderer, Reader, confirmation_message
from service.mail.subscriber_store import Preferences
from tests.service.mailbox import read_body
from tests.service.support import NOW, ManualClock

TOKEN = "AbCdEfGhIjKlMnOpQrStUv"
READER = Reader("reader@example.org", 300, TOKEN)
Render = Callable[..., EmailMessage]
HEADER = re.compile(rb"^([A-Za-z-]+): (.*)$")


@pytest.fixture(scope="module")
def edition(module_mailing):
    return build_edition(IssueLoader(module_mailing, ManualClock(NOW)), "2026-W01")


@pytest.fixture(scope="module")
def render(module_mailing, edition):
    """Yield a function that renders the edition for a reader, with changed content.

    The chart is drawn once, since drawing is slow.
    """
    paths = IssueLoader(module_mailing, ManualClock(NOW)).view("people").paths
    images = chart.draw(edition.content)

    def render_changed(reader=READER, url="", period="2026-W01", **changes):
        given = module_mailing.settings
        settings = given.model_copy(update={"public_url": url or given.public_url})
        content = deepcopy(edition.content) | changes
        return MailRenderer(
            replace(edition, period=period, content=content), paths, settings
        ).message(reader)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chart, "draw", lambda _: images)
        yield render_changed


@pytest.fixture(scope="module")
def message(render):
    return render()


def read_headers(message):
    """Parse the raw headers; fail if one is folded or not ASCII."""
    head, _, _ = message.as_bytes().partition(b"\r\n\r\n")
    headers = {}
    for line in head.split(b"\r\n"):
        match = HEADER.match(line)
        assert match, f"not a header on one line: {line!r}"
        headers[match[1].decode()] = match[2].decode("ascii")
    return headers


def read_html(message):
    return LexborHTMLParser(read_body(message, "html"))


def test_headers_are_unfolded_ascii(message, edition):
    headers = read_headers(message)
    message_id = headers.pop("Message-ID")
    assert re.fullmatch(r"<2026-W01\.[0-9a-f]{32}@forecast\.example\.org>", message_id)
    assert headers.pop("Content-Type").startswith("multipart/mixed; boundary=")
    median, lo80, hi80 = approximate_headline(edition.content["headline"])
    assert headers == {
        "From": "Channel forecast <digest@forecast.example.org>",
        "To": "reader@example.org",
        "Subject": (
            f"Weekly forecast: about {median} people, 2 to 8 January 2026 "
            f"({range_chance(lo80, hi80)})"
        ),
        "Date": "Fri, 02 Jan 2026 12:00:00 +0000",
        "Auto-Submitted": "auto-generated",
        "List-Id": "Channel crossings forecast, weekly "
        "<weekly-channel.crossings.forecast.example.org>",
        "List-Unsubscribe": f"<https://forecast.example.org/u/{TOKEN}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
    }
    assert "=?" not in str(headers)


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Home Office, Kent <forecast@example.org>", "Home Office, Kent"),
        ("someone@evil.example <forecast@example.org>", "someone@evil.example"),
        ("forecast@example.org", "Channel crossings forecast"),
    ],
)
def test_sender_name_is_quoted(module_mailing, sender, name):
    settings = Settings(mail_from=sender, public_url="https://forecast.example.org")
    context = replace(module_mailing, settings=settings)
    content = confirmation_message(context, READER.address, Preferences(500), TOKEN, NOW).as_bytes()
    (address,) = email.message_from_bytes(content, policy=email.policy.default)["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "forecast@example.org")


def test_message_is_ascii_with_short_crlf_lines(message):
    content = message.as_bytes()
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert len(content) < 150_000


def test_message_has_mime_parts_in_standard_order(message):
    assert [part.get_content_type() for part in message.walk()] == [
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
    shown = {image.attributes["src"] for image in read_html(message).css("img")}
    assert shown == {f"cid:{cid}" for cid in cids}


def test_html_loads_no_remote_content(message):
    html, page = read_body(message, "html"), read_html(message)
    assert not page.css("script, link, iframe, form, object, [background]")
    assert all(str(one.attributes["src"]).startswith("cid:") for one in page.css("[src]"))
    assert "url(" not in html and "@import" not in html
    links = {link.attributes["href"] for link in page.css("a")}
    assert links == {"https://forecast.example.org/", f"https://forecast.example.org/u/{TOKEN}"}


def test_styles_are_inline_except_for_dark_mode(message):
    html = read_body(message, "html")
    assert re.search(r"<h1[^>]*style=\"[^\"]*font-size: ?23px", html)
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    (dark,) = read_html(message).css("img.on-dark")
    assert "display: none" in str(dark.attributes["style"])


def test_text_and_html_have_the_same_numbers(message, edition):
    content, text = edition.content, read_body(message)
    assert max(map(len, text.splitlines())) <= 100
    html = read_html(message).text(separator=" ")
    assert "31 December 2025" in html
    expected = [content["headline"]["sentence"], content["briefing"], content["track_record"]]
    for row in content["days"][:7]:
        expected += [f"{row['median']:,}"]
        expected += [f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}" for level in (50, 80, 95)]
    for row in content["totals"]:
        if row["median"] is None:
            expected += ["Ends after the last day of the forecast, 31 March 2026."]
        else:
            expected += [f"{row['median']:,}", f"{row['last_year']:,}"]
    for part in (" ".join(text.split()), " ".join(html.split())):
        for one in expected:
            assert one in part


def test_attached_csv_has_the_same_days(message, edition):
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "people-forecast-2026-01-02.csv"
    rows = list(csv.DictReader(io.StringIO(attached.get_content())))
    assert len(rows) == 28
    for row, day in zip(rows, edition.content["days"], strict=True):
        assert [row[name] for name in ("date", "median", "hi95")] == [
            str(day[name]) for name in ("date", "median", "hi95")
        ]


def test_message_id_is_that_of_reader_and_period(render, message):
    other = Reader("reader@example.org", 300, "another-token")
    others = [render(), render(other), render(period="2026-W02")]
    ids = [message["Message-ID"], *(each["Message-ID"] for each in others)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("status", "begins"),
    [("fresh", "Weekly"), ("stale", "[Out of date] Weekly"), ("degraded", "[Problem] Weekly")],
)
def test_status_is_shown_in_subject_and_body(status, begins, render):
    alarm = "people: 900 arrived from 2025-12-22 to 2025-12-28, above the 99% range"
    message = render(status=status, reasons=["<script>alert(1)</script> & more"], alarms=[alarm])
    assert message["Subject"].startswith(begins)
    shown = f"{status_name(status).upper()}: <script>alert(1)</script> & more."
    assert shown in read_body(message)
    html = read_body(message, "html").replace("&nbsp;", " ")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more." in html and "<script" not in html
    sentence = "People: 900 arrived from 22 December 2025 to 28 December 2025, above the 99% range."
    assert f"ALARM: {sentence}" in " ".join(read_body(message).split())
    assert f"<strong>Alarm:</strong> {sentence}" in html


def test_copy_without_token_has_no_unsubscribe_link(render, edition):
    week = edition.content["headline"] | {"median": 1, "lo80": 0, "hi80": 3}
    message = render(Reader("copy@example.org", 1), headline=week)
    text, html = read_body(message), read_body(message, "html")
    assert "List-Unsubscribe" not in message
    assert "Unsubscribe" not in text and "/u/" not in html
    assert ": about 1 person, " in message["Subject"]
    assert ": 1 PERSON\n" in text and ": 1 person</p>" in html.replace("&nbsp;", " ")


def test_unsubscribe_link_is_one_click_with_https_only_and_never_encoded(render):
    for url in (f"https://{'f' * 60}.example.org/a/b", "http://127.0.0.1:8000"):
        headers = read_headers(render(url=url))
        assert headers["List-Unsubscribe"] == f"<{url}/u/{TOKEN}>"
        assert ("List-Unsubscribe-Post" in headers) == url.startswith("https")


def test_line_break_in_a_header_is_rejected(render):
    with pytest.raises(ValueError, match="one plain email address"):
        render(Reader("a@b.org\r\nBcc: c@d.org", 300, TOKEN))
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        render(unit="people\r\nBcc: c@d.org")


def test_confirmation_link_is_on_its_own_line(module_mailing):
    message = confirmation_message(module_mailing, "new@example.org", Preferences(400), TOKEN, NOW)
    headers, text = read_headers(message), read_body(message)
    assert (headers["To"], headers["Auto-Submitted"]) == ("new@example.org", "auto-generated")
    assert "List-Unsubscribe" not in headers
    assert f"\nhttps://forecast.example.org/subscribe/confirm/{TOKEN}\n" in text
    assert "400 people" in text
