import csv
import email
import email.policy
import io
import re
from copy import deepcopy
from dataclasses import replace

import pytest
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from service.answers.issue_loader import IssueLoader
from service.answers.wording import approximate_headline, range_chance, status_name
from service.core.settings import Settings
from service.mail import chart
from service.mail.delivery_store import Reader
from service.mail.edition import build_edition
from service.mail.render import confirmation_message, weekly_messages
from service.mail.subscriber_store import Preferences
from tests.service.mailbox import read_body
from tests.service.support import NOW, ManualClock
from tests.support.waiting import BOUND

TOKEN = "AbCdEfGhIjKlMnOpQrStUv"
READER = Reader("reader@example.org", 300, TOKEN)
BUSY = {"median": 387, "lo50": 137, "hi50": 688, "lo80": 107, "hi80": 937, "lo95": 106, "hi95": 999}
YEAR = {name: 100 * count for name, count in BUSY.items()} | {"last_year": 41_472}


@pytest.fixture(scope="module")
def edition(module_mailing):
    return build_edition(IssueLoader(module_mailing, ManualClock(NOW)), "2026-W01")


@pytest.fixture(scope="module")
def render(module_mailing, edition):
    """Yield a function that renders the edition for a reader, with changed content.

    The chart is drawn once, since drawing is slow.
    """
    images = chart.draw(edition.content)

    def render_changed(reader=READER, url="", period="2026-W01", **changes):
        given = module_mailing.settings
        settings = given.model_copy(update={"public_url": url or given.public_url})
        loader = IssueLoader(replace(module_mailing, settings=settings), ManualClock(NOW))
        content = deepcopy(edition.content) | changes
        return weekly_messages(loader, replace(edition, period=period, content=content))(reader)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chart, "draw", lambda _: images)
        yield render_changed


@pytest.fixture(scope="module")
def message(render):
    return render()


def read_headers(message):
    """Parse the raw headers; fail if one is not ASCII. The rest of one that is folded is a key."""
    head, _, _ = message.as_bytes().partition(b"\r\n\r\n")
    return dict(line.partition(": ")[::2] for line in head.decode("ascii").split("\r\n"))


def read_html(message):
    return LexborHTMLParser(read_body(message, "html"))


def read_words(message):
    """The words of the text and of the HTML."""
    texts = read_body(message), read_html(message).text(separator=" ")
    return [" ".join(text.split()) for text in texts]


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
def test_confirmation_has_a_quoted_sender_and_its_link_on_a_line(module_mailing, sender, name):
    settings = Settings(mail_from=sender, public_url="https://forecast.example.org")
    context = replace(module_mailing, settings=settings)
    sent = confirmation_message(context, "new@example.org", Preferences(400), TOKEN, NOW)
    message = email.message_from_bytes(sent.as_bytes(), policy=email.policy.default)
    (address,) = message["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "forecast@example.org")
    assert (message["To"], message["Auto-Submitted"]) == ("new@example.org", "auto-generated")
    assert "List-Unsubscribe" not in message
    text = read_body(message)
    assert f"\nhttps://forecast.example.org/subscribe/confirm/{TOKEN}\n" in text
    assert "400 people" in text and "for 48 hours" in text


def test_message_is_ascii_with_short_crlf_lines_and_mime_parts_in_order(message):
    content = message.as_bytes()
    assert content.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert len(content) < 150_000
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        *("multipart/alternative", "text/plain", "multipart/related", "text/html"),
        *("image/png", "image/png"),
        "text/csv",
    ]
    images = [part for part in message.walk() if part.get_content_type() == "image/png"]
    for part in images:
        assert part["Content-Disposition"].startswith("inline")
        with Image.open(io.BytesIO(part.get_payload(decode=True))) as image:
            assert image.size == (880, 620)
    cids = [f"cid:{part['Content-ID'].strip('<>')}" for part in images]
    assert cids == [image.attributes["src"] for image in read_html(message).css("img")]
    assert len({*cids}) == 2


def test_html_loads_no_remote_content_and_has_inline_styles(message):
    html, page = read_body(message, "html"), read_html(message)
    assert not page.css("script, link, iframe, form, object, [background]")
    assert all(str(one.attributes["src"]).startswith("cid:") for one in page.css("[src]"))
    assert "url(" not in html and "@import" not in html
    links = {link.attributes["href"] for link in page.css("a")}
    assert links == {"https://forecast.example.org/", f"https://forecast.example.org/u/{TOKEN}"}
    assert re.search(r"<h1[^>]*style=\"[^\"]*font-size: ?23px", html)
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    (dark,) = page.css("img.on-dark")
    assert "display: none" in str(dark.attributes["style"])


def test_text_html_and_attached_csv_have_the_same_numbers(message, edition):
    content = edition.content
    assert max(map(len, read_body(message).splitlines())) <= 100
    expected = [content["headline"]["sentence"], content["briefing"], content["track_record"]]
    expected.append("31 December 2025")
    for row in content["days"][:7]:
        expected += [f"{row['median']:,}"]
        expected += [f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}" for level in (50, 80, 95)]
    for row in content["totals"]:
        if row["median"] is None:
            expected += ["Ends after the last day of the forecast, 31 March 2026."]
        else:
            expected += [f"{row['median']:,}", f"{row['last_year']:,}"]
    for part in read_words(message):
        assert [one for one in expected if one not in part] == []
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "people-forecast-2026-01-02.csv"
    rows = list(csv.DictReader(io.StringIO(attached.get_content())))
    columns = ("date", "median", "hi95")
    assert len(rows) == 28
    assert [[row[name] for name in columns] for row in rows] == [
        [str(day[name]) for name in columns] for day in content["days"]
    ]


def test_message_id_is_that_of_reader_and_period_but_new_for_a_copy(render, message):
    assert render()["Message-ID"] == message["Message-ID"]
    copy = replace(READER, token=None)
    others = [render(replace(READER, token="another")), render(period="2026-W02")]
    others += [render(copy), render(copy)]
    assert len({each["Message-ID"] for each in (message, *others)}) == 5


@pytest.mark.parametrize(
    ("status", "begins"),
    [("fresh", "Weekly"), ("stale", "[Out of date] Weekly"), ("degraded", "[Problem] Weekly")],
)
def test_status_is_shown_in_subject_and_body(status, begins, render):
    alarm = "people: 900 arrived from 2025-12-22 to 2025-12-28, above the 99% range"
    message = render(status=status, reasons=["<script>alert(1)</script> & more"], alarms=[alarm])
    assert message["Subject"].startswith(begins)
    text, words = read_words(message)
    reason = "<script>alert(1)</script> & more."
    assert f"{status_name(status).upper()}: {reason}" in text
    assert f"{status_name(status)}: {reason}" in words
    assert "<script" not in read_body(message, "html")
    sentence = "People: 900 arrived from 22 December 2025 to 28 December 2025, above the 99% range."
    assert f"ALARM: {sentence}" in text and f"Alarm: {sentence}" in words


def test_copy_without_token_has_no_unsubscribe_link(render, edition):
    week = edition.content["headline"] | {"median": 1, "lo80": 0, "hi80": 3}
    message = render(Reader("copy@example.org", 1), headline=week)
    text, html = read_words(message)
    assert "List-Unsubscribe" not in message
    assert "Unsubscribe" not in text and "/u/" not in read_body(message, "html")
    assert ": about 1 person, " in message["Subject"]
    assert ": 1 PERSON " in text and ": 1 person " in html


@pytest.mark.parametrize("url", [f"https://{'f' * 60}.example.org/a/b", "http://127.0.0.1:8000"])
def test_unsubscribe_link_is_one_click_with_https_only_and_never_encoded(render, url):
    headers = read_headers(render(url=url))
    assert headers["List-Unsubscribe"] == f"<{url}/u/{TOKEN}>"
    assert ("List-Unsubscribe-Post" in headers) == url.startswith("https")


def test_line_break_in_a_header_is_rejected(render):
    with pytest.raises(ValueError, match="one plain email address"):
        render(Reader("a@b.org\r\nBcc: c@d.org", 300, TOKEN))
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        render(unit="people\r\nBcc: c@d.org")


def test_period_without_counted_days_has_a_dash(edition, render):
    year = edition.content["totals"][-1] | {"known": 0, "known_days": 0}
    assert year["note"]
    (line,) = (one for one in read_body(render(totals=[year])).splitlines() if "The year" in one)
    assert " - " in line and " 0 " not in line


@pytest.mark.parametrize(
    ("past", "waiting", "median", "words"),
    [
        (
            [{"date": "2025-12-01", "value": 0}, {"date": "2025-12-02", "value": 1250}],
            [{}],
            0,
            (
                "2 days as published: the highest 1,250 on 2 December 2025, 1 day with no "
                "arrivals. 1 day not yet published. Then 14 days of forecast: a median of 0 on "
                "each day;"
            ),
        ),
        ([], [], 7, "Then 14 days of forecast: medians between 0 and 7;"),
    ],
)
def test_chart_is_described_in_words(edition, render, past, waiting, median, words):
    days = [day | {"median": 0, "lo80": 0, "hi80": 90} for day in edition.content["days"]]
    days[3] |= {"lo80": 80, "hi80": 95}
    days[13]["median"] = median
    html = read_body(render(days=days, past=past, waiting=waiting), "html")
    alt = f'alt="Chart of people per day. {words} the 80% range reaches furthest on 5 January 2026:'
    assert html.replace("&nbsp;", " ").count(f"{alt} 80 to 95. The numbers") == 2


@pytest.mark.parametrize("width", [320, 640])
def test_weekly_email_fits_a_phone(edition, render, browser, width):
    content = edition.content
    days, totals = (
        [row | BUSY for row in content["days"]],
        [row | YEAR for row in content["totals"]],
    )
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_default_timeout(1000 * BOUND)
    page.set_content(read_body(render(days=days, totals=totals), "html"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
