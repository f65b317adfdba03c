from __future__ import annotations

import email
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.main import group
from service.core.context import Context
from service.mail import chart, weekly
from tests.service.mailbox import FRIDAY, Mailbox, join
from tests.service.support import Crossings, Hand


@pytest.fixture
def run(mailing: Context, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command in this process, with the settings of `mailing`."""
    monkeypatch.setattr("service.core.settings.load", lambda: mailing.settings)
    monkeypatch.setattr("service.core.logs.configure", lambda *_: None)
    monkeypatch.setattr(chart, "draw", lambda _: {"light": b"light", "dark": b"dark"})

    def call(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(group, arguments, input=stdin)

    return call


def listed(run: Any) -> list[tuple[str, int]]:
    rows = json.loads(run("subscribers", "list", "--format", "json").stdout)
    return [(row["address"], row["threshold"]) for row in rows]


def test_subscribers_are_added_listed_and_removed(run: Any) -> None:
    weekly = "one email a week with the chances of more than"
    assert run("subscribers", "add", "A@Example.org").stdout == f"added: {weekly} 500 people\n"
    again = run("subscribers", "add", "a@example.org", "--threshold", "90")
    assert again.stdout == f"changed: {weekly} 90 people\n"
    assert listed(run) == [("a@example.org", 90)]
    assert "a@example.org" in run("subscribers", "list").stdout
    assert run("subscribers", "remove", "a@EXAMPLE.org").exit_code == 0
    assert listed(run) == []
    gone = run("subscribers", "remove", "a@example.org")
    assert gone.exit_code == 1 and "not on the list" in gone.output


def test_early_warnings_are_chosen_and_sent(run: Any, mailbox: Mailbox) -> None:
    warnings = ("--no-weekly", "--warn-at", "40", "--week-threshold", "2000")
    added = run("subscribers", "add", "a@example.org", *warnings)
    assert added.stdout.startswith("added: an early warning when the chance of more than 500")
    run(
        "subscribers", "import", "-", "--warn-at", "1", stdin="address,threshold\nb@example.org,0\n"
    )
    rows = json.loads(run("subscribers", "list", "--format", "json").stdout)
    assert [(r["weekly"], r["warn_at"], r["week_threshold"]) for r in rows] == [
        (False, 40, 2000),
        (True, 1, None),
    ]
    shown = run("warn", "--dry-run").stdout
    assert shown.endswith("\n2 would be sent\n") and not mailbox.taken
    assert "To: a@example.org\nSubject: Early warning" in shown and "warnings are paused" in shown
    assert run("warn").stdout.endswith(": 2 sent\n")
    assert run("warn", "--dry-run").stdout == "0 would be sent\n"
    assert all("Early warning" in message["Subject"] for message in mailbox.messages())
    nothing = run("subscribers", "add", "c@example.org", "--no-weekly")
    assert nothing.exit_code == 2 and "nothing would be sent" in nothing.output
    alone = run("subscribers", "add", "c@example.org", "--week-threshold", "5")
    assert alone.exit_code == 2 and "--week-threshold belongs to --warn-at" in alone.output


@pytest.mark.parametrize("wrong", ["a", "a@b.org\r\nBcc: c@d.org", ""])
def test_a_wrong_address_is_one_line(wrong: str, run: Any) -> None:
    result = run("subscribers", "add", wrong)
    assert result.exit_code == 2
    assert "expected one plain e-mail address" in result.output


def test_a_list_is_imported_whole_or_not_at_all(run: Any) -> None:
    bad = "address,threshold\na@example.org,5\nnobody,7\nb@example.org,many\nc@example.org,1_000\n"
    result = run("subscribers", "import", "-", stdin=bad)
    assert result.exit_code == 2
    assert "line 3: expected one plain" in result.output
    assert "line 4: expected a threshold" in result.output
    assert "line 5: expected a threshold from 0 to 1,000,000, found '1_000'" in result.output
    assert listed(run) == []
    rows = ["\ufeffaddress,threshold", "a@example.org,6", "b@example.org,"]
    good = "\n".join(rows)
    result = run("subscribers", "import", "-", "--threshold", "70", stdin=good)
    assert result.stdout == "2 added, 0 changed, 0 unchanged\n"
    assert listed(run) == [("a@example.org", 6), ("b@example.org", 70)]


def test_a_dry_run_writes_what_there_is_to_look_at(
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


def test_a_copy_goes_to_one_and_counts_for_nothing(
    run: Any, mailing: Context, mailbox: Mailbox
) -> None:
    join(mailing, "a", "b", threshold=123)
    for to in ("me@example.org", "a@reader.example.org"):
        result = run("digest", "--week", "2026-W01", "--to", to)
        assert result.stdout.startswith("sent a copy: "), result.output
    assert mailbox.readers() == ["me@example.org", "a@reader.example.org"]
    own = mailbox.messages()[1].get_body(("plain",))
    assert own and "YOUR THRESHOLD: 123 PEOPLE" in own.get_content()
    mailbox.rcpt = lambda _: "550 no such mailbox"
    result = run("digest", "--week", "2026-W01", "--to", "me@example.org")
    assert result.exit_code == 1 and "the server answered 550" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--week", "2026-W60", "--dry-run"], 2, "--week: expected an ISO week such as 2026-W02"),
        (
            ["--week", "2026-W54"],
            2,
            "--week: expected an ISO week such as 2026-W02, found 2026-W54",
        ),
        (["--to", "nobody"], 2, "expected one plain e-mail address"),
        (["--out", "x"], 2, "belong to --to or --dry-run"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], status: int, said: str, run: Any) -> None:
    result = run("digest", *arguments)
    assert result.exit_code == status
    assert said in result.output + str(result.exception)


def test_without_settings_the_missing_one_is_named(crossings: Crossings) -> None:
    result = crossings("digest")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: CROSSINGS_SMTP_HOST: needed to send mail, found nothing"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            "address\na@example.org\nJos\xe9@example.org\n".encode("latin-1"),
            "can't decode byte 0xe9",
        ),
        (b"address\na@example.org\n" + b"x" * 200_000, "field larger than field limit"),
        (b'address\n"a@example.org\n', "unexpected end of data"),
    ],
)
def test_a_file_that_is_no_csv_is_one_line(
    run: Any, tmp_path: Path, content: bytes, found: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    result = run("subscribers", "import", str(file))
    assert result.exit_code == 2
    assert f"{file}, after line" in result.output and found in result.output
    assert listed(run) == []


def test_a_command_does_not_wait_for_the_next_try(
    run: Any, mailing: Context, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weekly, "digest", partial(weekly.digest, clock=Hand(FRIDAY)))
    join(mailing, "a")
    run("subscribers", "add", "a@reader.example.org", "--warn-at", "40")
    for command in ("digest", "warn"):
        mailbox.rcpt = lambda _: "451 later"
        assert run(command).stdout.endswith(": 1 later\n")
        mailbox.rcpt = lambda _: None
        assert run(command).stdout.endswith(": 1 sent\n")
        assert run(command).stdout.endswith(": nobody to send to\n")
    assert len(mailbox.taken) == 2
