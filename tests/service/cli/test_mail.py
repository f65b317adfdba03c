import email
from functools import partial

import pytest

from service.mail import chart, weekly
from tests.service.mailbox import FRIDAY, add_readers
from tests.service.support import ManualClock, read_table


@pytest.fixture
def run(mailer, invoke_with, monkeypatch):
    """Run a command with the settings of `mailer`."""
    monkeypatch.setattr(chart, "draw", lambda _: {"light": b"light", "dark": b"dark"})
    return invoke_with(mailer.settings)


def test_early_warnings_are_chosen_previewed_and_sent(run, mailbox):
    warnings = ("--no-weekly", "--warn-at", "40", "--week-threshold", "2000")
    added = run("subscribers", "add", "a@example.org", *warnings).stdout
    assert added.startswith("added (channel): an early warning when the chance of more than 500")
    run("subscribers", "add", "b@example.org", "--warn-at", "1", "--threshold", "0")
    rows = read_table(run("subscribers", "list").stdout)
    columns = ("weekly", "warn at", "week threshold")
    chosen = [[row[column] for column in columns] for row in rows]
    assert chosen == [["False", "40", "2000"], ["True", "1", ""]]
    preview = run("warn", "--dry-run").stdout
    assert preview.endswith("\n2 would be sent\n") and not mailbox.taken
    assert "To: a@example.org\nSubject: Early warning" in preview
    assert "warnings are paused" in preview
    assert run("warn").stdout.endswith(": 2 sent\n")
    assert run("warn", "--dry-run").stdout == "0 would be sent\n"
    assert all("Early warning" in message["Subject"] for message in mailbox.messages())


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("routes", "status", "name"), [("channel", 0, ""), ("channel,italy", 1, "channel")]
)
def test_digest_dry_run_writes_a_preview_and_sends_nothing(
    mailer, invoke_with, mailbox, tmp_path, routes, status, name
):
    """Of several routes each has its folder; that of Italy has no forecast yet."""
    run = invoke_with(mailer.settings.model_copy(update={"routes": routes}))
    result = run("digest", "--dry-run", "--week", "2026-W02", "--out", str(tmp_path / "look"))
    assert result.exit_code == status, result.output
    folder = tmp_path / "look" / name
    ends = (".eml", ".html", ".txt", "-light.png", "-dark.png")
    assert {file.name for file in folder.iterdir()} == {f"2026-W02{end}" for end in ends}
    assert (folder / "2026-W02-dark.png").read_bytes() == b"dark"
    assert 'src="2026-W02-light.png"' in (folder / "2026-W02.html").read_text()
    message = email.message_from_bytes((folder / "2026-W02.eml").read_bytes())
    assert message["To"] == "reader@example.org"
    assert not mailbox.taken


def test_digest_copy_is_sent_to_one_address(run, mailer, mailbox):
    add_readers(mailer, "a", "b")
    copy = ("digest", "--week", "2026-W01", "--to", "me@example.org")
    for _ in range(2):
        result = run(*copy)
        assert result.stdout.startswith("sent a copy: "), result.output
    assert mailbox.readers() == ["me@example.org"] * 2
    ids = {message["Message-ID"] for message in mailbox.messages()}
    assert len(ids) == 2, "a mailbox may drop the second of two emails with one id"
    mailbox.rcpt = {"me@example.org": "451 not now"}.get
    result = run(*copy)
    assert result.exit_code == 1 and "the server answered 451" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "nobody"], "expected one plain email address"),
        (["--out", "x"], "--out needs --dry-run"),
        (["--week", "2026-W02"], "--week needs --to or --dry-run"),
    ],
)
def test_digest_rejects_invalid_options(arguments, message, crossings):
    done = crossings("digest", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_digest_names_the_missing_setting(crossings):
    result = crossings("digest")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: CROSSINGS_SMTP_HOST: needed to send mail, found nothing"
    )


def test_commands_retry_deferred_mail_at_once(run, mailer, mailbox, monkeypatch):
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
