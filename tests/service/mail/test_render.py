from __future__ import annotations

import csv
import email
import email.policy
import io
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from PIL import Image

from service.answers.issue_loader import IssueLoader
from service.answers.wording import approximate_headline, range_chance, status_name
from service.app import create_app
from service.core.context import Context
from service.core.settings import Settings
from service.mail import chart
from service.mail.edition import build_edition
from service.mail.render import MailRenderer, Reader, confirmation_message, subject
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ManualClock

TOKEN = "AbCdEfGhIjKlMnOpQrStUv"
READER = Reader("reader@example.org", 300, TOKEN)
MakeRenderer = Callable[..., MailRenderer]
HEADER = re.compile(rb"^([A-Za-z-]+): (.*)$")


@pytest.fixture(scope="module")
def make_renderer(module_mailing: Context) -> Iterator[MakeRenderer]:
    """Yield a function that renders one edition with changed content or another public URL.

    The chart is drawn once, since drawing is slow.
    """
    loader = IssueLoader(module_mailing, ManualClock(NOW))
    edition = build_edition(loader, "2026-W01")
    images = chart.draw(edition.content)

    def make(public_url: str = module_mailing.settings.public_url, **changes: Any) -> MailRenderer:
        settings = module_mailing.settings.model_copy(update={"public_url": public_url})
        changed = replace(edition, content=deepcopy(edition.content) | changes)
        return MailRenderer(changed, loader.view("people").paths, settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chart, "draw", lambda _: images)
        yield make


@pytest.fixture
def renderer(make_renderer: MakeRenderer) -> MailRenderer:
    return make_renderer()


def read_headers(content: bytes) -> dict[str, str]:
    """Parse the raw headers; fail if one is folded or not ASCII."""
    head, _, _ = content.partition(b"\r\n\r\n")
    headers = {}
    for line in head.split(b"\r\n"):
        match = HEADER.match(line)
        assert match, f"not a header on one line: {line!r}"
        headers[match[1].decode()] = match[2].decode("ascii")
    return headers


def read_parts(content: bytes) -> dict[str, EmailMessage]:
    message = email.message_from_bytes(content, policy=email.policy.default)
    return {part.get_content_type(): part for part in message.walk()}  # type: ignore[misc]


class HtmlContent(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_headers_are_unfolded_ascii(renderer: MailRenderer) -> None:
    content = renderer.message(READER).as_bytes()
    headers = read_headers(content)
    message_id = headers.pop("Message-ID")
    assert re.fullmatch(r"<2026-W01\.[0-9a-f]{32}@forecast\.example\.org>", message_id)
    assert headers.pop("Content-Type").startswith("multipart/mixed; boundary=")
    median, lo80, hi80 = approximate_headline(renderer.edition.content["headline"])
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
    assert b"=?" not in content.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Home Office, Kent <forecast@example.org>", "Home Office, Kent"),
        ("someone@evil.example <forecast@example.org>", "someone@evil.example"),
        ("forecast@example.org", "Channel crossings forecast"),
    ],
)
def test_sender_name_is_quoted(module_mailing: Context, sender: str, name: str) -> None:
    settings = Settings(mail_from=sender, public_url="https://forecast.example.org")
    context = replace(module_mailing, settings=settings)
    content = confirmation_message(context, READER.address, Preferences(500), TOKEN, NOW).as_bytes()
    (address,) = email.message_from_bytes(content, policy=email.policy.default)["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "forecast@example.org")


def test_long_unsubscribe_link_is_not_encoded(make_renderer: MakeRenderer) -> None:
    url = f"https://{'f' * 60}.example.org/a/b"
    link = read_headers(make_renderer(url).message(READER).as_bytes())["List-Unsubscribe"]
    assert link == f"<{url}/u/{TOKEN}>"
    assert len(link) > 78


def test_message_is_ascii_with_short_crlf_lines(renderer: MailRenderer) -> None:
    content = renderer.message(READER).as_bytes()
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert all(byte < 128 for byte in content)
    assert len(content) < 150_000


def test_message_has_mime_parts_in_standard_order(renderer: MailRenderer) -> None:
    message = renderer.message(READER)
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
    tags = HtmlContent(renderer.html(READER)).tags
    assert {str(a["src"]).removeprefix("cid:") for tag, a in tags if tag == "img"} == cids


def test_html_loads_no_remote_content(renderer: MailRenderer) -> None:
    tags = HtmlContent(renderer.html(READER)).tags
    assert not [tag for tag, _ in tags if tag in ("script", "link", "iframe", "form", "object")]
    sources = [a[key] for _, a in tags for key in ("src", "background") if key in a]
    assert all(str(source).startswith("cid:") for source in sources)
    assert "url(" not in renderer.html(READER) and "@import" not in renderer.html(READER)
    links = {a["href"] for tag, a in tags if tag == "a"}
    assert links == {
        "https://forecast.example.org/",
        f"https://forecast.example.org/u/{TOKEN}",
    }


def test_styles_are_inline_except_for_dark_mode(renderer: MailRenderer) -> None:
    html = renderer.html(READER)
    assert re.search(r"<h1[^>]*style=\"[^\"]*font-size: ?23px", html)
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    dark = next(a for tag, a in HtmlContent(html).tags if tag == "img" and a["class"] == "on-dark")
    assert "display: none" in str(dark["style"])


def test_chart_has_alt_text(renderer: MailRenderer) -> None:
    images = [a for tag, a in HtmlContent(renderer.html(READER)).tags if tag == "img"]
    highest = max(row["value"] for row in renderer.edition.content["past"])
    for image in images:
        assert f"{highest:,}" in str(image["alt"])
        assert "14 days of forecast" in str(image["alt"])


def format_table_numbers(content: Mapping[str, Any]) -> list[str]:
    """Every number of the tables, formatted as in the email."""
    numbers = []
    for row in content["days"][:7]:
        numbers += [f"{row['median']:,}"]
        numbers += [f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}" for level in (50, 80, 95)]
    for row in content["totals"]:
        if row["median"] is None:
            assert row["note"].startswith("ends after the last day of the forecast, 2026-03-31")
            numbers += ["Ends after the last day of the forecast, 31 March 2026."]
            continue
        assert row["last_year"] is not None
        numbers += [f"{row['median']:,}", f"{row['last_year']:,}"]
    return numbers


def test_text_and_html_contain_all_table_numbers(renderer: MailRenderer) -> None:
    text = renderer.text(READER)
    assert "\N{NO-BREAK SPACE}" not in text
    html = " ".join(HtmlContent(renderer.html(READER)).texts)
    assert "31\xa0December 2025" in html, "day and month stay on one line"
    html = html.replace("\xa0", " ")
    for number in format_table_numbers(renderer.edition.content):
        assert number in text
        assert number in html
    for part in (" ".join(text.split()), " ".join(html.split())):
        assert renderer.edition.content["headline"]["sentence"] in part
        assert renderer.edition.content["briefing"] in part
        assert renderer.edition.content["track_record"] in part
        assert "31 December 2025" in part
    assert max(map(len, text.splitlines())) <= 100


def test_attached_csv_has_the_same_days(renderer: MailRenderer) -> None:
    attached = read_parts(renderer.message(READER).as_bytes())["text/csv"]
    assert attached.get_filename() == "people-forecast-2026-01-02.csv"
    rows = list(csv.DictReader(io.StringIO(attached.get_content())))
    assert len(rows) == 28
    for row, day in zip(rows, renderer.edition.content["days"], strict=True):
        assert row["date"] == day["date"]
        assert int(row["median"]) == day["median"]
        assert int(row["hi95"]) == day["hi95"]


def test_email_has_the_numbers_of_the_api(module_mailing: Context, renderer: MailRenderer) -> None:
    client = create_app(module_mailing, ManualClock(NOW)).test_client()
    base = "/v1/series/people"
    days = client.get(f"{base}/forecast?horizon=28&levels=50,80,95").get_json()["rows"]
    assert renderer.edition.content["days"] == days
    totals = client.get(f"{base}/totals?periods=next_7_days&levels=80").get_json()["rows"]
    week = renderer.edition.content["totals"][0]
    assert {k: v for k, v in week.items() if k in totals[0]} == totals[0]
    text = renderer.text(READER)
    for window in (1, 7):
        url = f"{base}/exceedance?threshold=300&window={window}&horizon=7"
        assert f"{100 * client.get(url).get_json()['p_any']:.0f}%  chance" in text


def test_message_id_is_unique(renderer: MailRenderer, make_renderer: MakeRenderer) -> None:
    other = Reader("reader@example.org", 300, "another-token")
    edition = replace(renderer.edition, period="2026-W02")
    next_week = MailRenderer(edition, renderer._ahead.paths, renderer._settings)
    ids = [
        message["Message-ID"]
        for message in (
            renderer.message(READER),
            make_renderer().message(READER),
            renderer.message(other),
            next_week.message(READER),
        )
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("status", "begins"),
    [("fresh", "Weekly"), ("stale", "[Out of date] Weekly"), ("degraded", "[Problem] Weekly")],
)
def test_status_is_shown_in_subject_and_body(
    status: str, begins: str, make_renderer: MakeRenderer
) -> None:
    renderer = make_renderer(status=status, reasons=["the figures are old"])
    assert subject(renderer.edition.content).startswith(begins)
    assert "The figures are old." in renderer.html(READER)
    assert f"{status_name(status).upper()}: The figures are old." in renderer.text(READER)


def test_alarm_is_shown_in_both_parts(make_renderer: MakeRenderer) -> None:
    alarm = "people: 900 arrived from 2025-12-22 to 2025-12-28, above the 99% range"
    renderer = make_renderer(alarms=[alarm])
    sentence = "People: 900 arrived from 22 December 2025 to 28 December 2025, above the 99% range."
    assert f"ALARM: {sentence}" in re.sub(r"\s+", " ", renderer.text(READER))
    assert f"<strong>Alarm:</strong> {sentence}" in renderer.html(READER).replace("&nbsp;", " ")
    old = make_renderer()
    del old.edition.content["alarms"]  # an edition frozen before alarms existed
    assert "ALARM" not in old.text(READER)
    assert "Alarm" not in old.html(READER)


def test_copy_without_token_has_no_unsubscribe_link(renderer: MailRenderer) -> None:
    copy = Reader("copy@example.org", 1)
    message, text, html = renderer.message(copy), renderer.text(copy), renderer.html(copy)
    assert "List-Unsubscribe" not in message
    assert "Unsubscribe" not in text and "/u/" not in html
    assert ": 1 PERSON\n" in text and ": 1 person</p>" in html.replace("&nbsp;", " ")


def test_one_click_header_requires_https(make_renderer: MakeRenderer) -> None:
    message = make_renderer("http://127.0.0.1:8000").message(READER)
    assert message["List-Unsubscribe"] == f"<http://127.0.0.1:8000/u/{TOKEN}>"
    assert "List-Unsubscribe-Post" not in message


def test_address_with_line_break_is_rejected(renderer: MailRenderer) -> None:
    with pytest.raises(ValueError, match="one plain email address"):
        renderer.message(Reader("a@b.org\r\nBcc: c@d.org", 300, TOKEN))


def test_subject_with_line_break_is_rejected(make_renderer: MakeRenderer) -> None:
    renderer = make_renderer(unit="people\r\nBcc: c@d.org")
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        renderer.message(READER)


def test_html_escapes_text(make_renderer: MakeRenderer) -> None:
    renderer = make_renderer(reasons=["<script>alert(1)</script> & more"], status="degraded")
    assert "<script" not in renderer.html(READER)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in renderer.html(READER)
    assert "<script>alert(1)</script> & more" in renderer.text(READER)


def test_confirmation_link_is_on_its_own_line(module_mailing: Context) -> None:
    message = confirmation_message(module_mailing, "new@example.org", Preferences(400), TOKEN, NOW)
    content = message.as_bytes()
    headers = read_headers(content)
    assert headers["To"] == "new@example.org"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in headers
    text = read_parts(content)["text/plain"].get_content().replace("\r\n", "\n")
    assert f"\nhttps://forecast.example.org/subscribe/confirm/{TOKEN}\n" in text
    assert "400 people" in text
