from __future__ import annotations

import email
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.main import group
from service.core.context import Context
from service.mail import chart, weekly
from tests.service.mailbox import FRIDAY, Mailbox, add_readers
from tests.service.support import Crossings, ManualClock, read_table


@pytest.fixture
def run(mailer: Context, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command with the settings of `mailing`."""
    monkeypatch.setattr("service.core.settings.load_settings", lambda: mailer.settings)
    monkeypatch.setattr("service.core.logs.configure", lambda *_: None)
    monkeypatch.setattr(chart, "draw", lambda _: {"light": b"light", "dark": b"dark"})

    def call(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(group, arguments, input=stdin)

    return call


def test_early_warnings_are_chosen_previewed_and_sent(run: Any, mailbox: Mailbox) -> None:
    warnings = ("--no-weekly", "--warn-at", "40", "--week-threshold", "2000")
    addition = run("subscribers", "add", "a@example.org", *warnings)
    assert addition.stdout.startswith("added: an early warning when the chance of more than 500")
    run(
        "subscribers", "import", "-", "--warn-at", "1", stdin="address,threshold\nb@example.org,0\n"
    )
    rows = read_table(run("subscribers", "list").stdout)
    assert [(row["weekly"], row["warn at"], row["week threshold"]) for row in rows] == [
        ("False", "40", "2000"),
        ("True", "1", ""),
    ]
    preview = run("warn", "--dry-run").stdout
    assert preview.endswith("\n2 would be sent\n") and not mailbox.taken
    assert (
        "To: a@example.org\nSubject: Early warning" in preview and "warnings are paused" in preview
    )
    assert run("warn").stdout.endswith(": 2 sent\n")
    assert run("warn", "--dry-run").stdout == "0 would be sent\n"
    assert all("Early warning" in message["Subject"] for message in mailbox.messages())
    without_mail = run("subscribers", "add", "c@example.org", "--no-weekly")
    assert without_mail.exit_code == 2 and "nothing would be sent" in without_mail.output
    without_warning = run("subscribers", "add", "c@example.org", "--week-threshold", "5")
    assert (
        without_warning.exit_code == 2
        and "--week-threshold needs --warn-at" in without_warning.output
    )


def test_digest_dry_run_writes_a_preview_and_sends_nothing(
    run: Any, mailbox: Mailbox, tmp_path: Path
) -> None:
    result = run("digest", "--dry-run", "--week", "2026-W02", "--out", str(tmp_path / "look"))
    assert result.exit_code == 0, result.output
    names = {file.name for file in (tmp_path / "look").iterdir()}
    assert names == {
        *("2026-W02.eml", "2026-W02.html", "2026-W02.txt"),
        *("2026-W02-light.png", "2026-W02-dark.png"),
    }
    assert 'src="2026-W02-light.png"' in (tmp_path / "look" / "2026-W02.html").read_text()
    message = email.message_from_bytes((tmp_path / "look" / "2026-W02.eml").read_bytes())
    assert message["To"] == "reader@example.org"
    assert not mailbox.taken


def test_digest_copy_is_sent_to_one_address(run: Any, mailer: Context, mailbox: Mailbox) -> None:
    add_readers(mailer, "a", "b", threshold=123)
    addresses = ["me@example.org", "a@reader.example.org", "a@reader.example.org"]
    for to in addresses:
        result = run("digest", "--week", "2026-W01", "--to", to)
        assert result.stdout.startswith("sent a copy: "), result.output
    assert mailbox.readers() == addresses
    ids = {message["Message-ID"] for message in mailbox.messages()}
    assert len(ids) == 3, "a mailbox may drop the second of two emails with one id"
    can_leave = ["List-Unsubscribe" in message for message in mailbox.messages()]
    assert can_leave == [False, True, True]
    own_copy = mailbox.messages()[1].get_body(("plain",))
    assert own_copy and "YOUR THRESHOLD: 123 PEOPLE" in own_copy.get_content()
    for code in ("550", "451"):
        mailbox.rcpt = {"me@example.org": f"{code} not now"}.get
        result = run("digest", "--week", "2026-W01", "--to", "me@example.org")
        assert result.exit_code == 1 and f"the server answered {code}" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--week", "2026-W60", "--dry-run"], "--week: expected an ISO week such as 2026-W02"),
        (["--week", "2026-W54"], "--week: expected an ISO week such as 2026-W02, found 2026-W54"),
        (["--to", "nobody"], "expected one plain email address"),
        (["--out", "x"], "needs --to or --dry-run"),
    ],
)
def test_digest_rejects_invalid_options(arguments: list[str], message: str, run: Any) -> None:
    result = run("digest", *arguments)
    assert result.exit_code == 2
    assert message in result.output + str(result.exception)


def test_digest_names_the_missing_setting(crossings: Crossings) -> None:
    result = crossings("digest")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: CROSSINGS_SMTP_HOST: needed to send mail, found nothing"
    )


def test_commands_retry_deferred_mail_at_once(
    run: Any, mailer: Context, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weekly, "digest", partial(weekly.digest, clock=ManualClock(FRIDAY)))
    add_readers(mailer, "a")
    run("subscribers", "add", "a@reader.example.org", "--warn-at", "40")
    for command in ("digest", "warn"):
        mailbox.rcpt = lambda _: "451 later"
        for _ in range(4):  # it waits longer each time
            assert run(command).stdout.endswith(": 1 later\n")
        mailbox.rcpt = lambda _: None
        assert run(command).stdout.endswith(": 1 sent\n")
        assert run(command).stdout.endswith(": nobody to send to\n")
    assert len(mailbox.taken) == 2
