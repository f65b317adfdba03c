from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from service.cli.main import group
from service.core import settings as settings_module
from service.core.database import connect
from service.core.settings import Settings
from service.mail.subscriber_store import list_subscribers as list_all
from tests.service.support import utc


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a `subscribers` command on an empty database of two routes."""
    settings = Settings(var_dir=tmp_path / "var", routes="channel,italy")
    monkeypatch.setattr("service.core.settings.load_settings", lambda: settings)
    monkeypatch.setattr("service.core.logs.configure", lambda *_: None)

    def call(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(group, ["subscribers", *arguments], input=stdin)

    return call


def read_subscribers(run: Any) -> list[dict[str, Any]]:
    """Return what is stored, with the name that the command gives to the level of warnings."""
    opened = connect(settings_module.load_settings().database)
    with closing(opened), opened.reading() as connection:
        return [vars(s) | {"warn_at": s.warn_level} for s in list_all(connection)]


def list_subscriptions(run: Any) -> list[tuple[str, str, int]]:
    return sorted((s["address"], s["route"], s["threshold"]) for s in read_subscribers(run))


def test_add_list_and_remove(run: Any) -> None:
    weekly = "one email a week with the chances of more than"
    assert run("add", "A@Example.org").stdout == f"added (channel): {weekly} 500 people\n"
    change = run("add", "a@example.org", "--threshold", "90")
    assert change.stdout == f"changed (channel): {weekly} 90 people\n"
    assert list_subscriptions(run) == [("a@example.org", "channel", 90)]
    assert "a@example.org" in run("list").stdout
    assert run("list").stdout.endswith("\n1 subscriber\n")
    assert run("remove", "a@EXAMPLE.org").exit_code == 0
    assert list_subscriptions(run) == []
    assert run("list").stdout.endswith("\n0 subscribers\n")
    removal = run("remove", "a@example.org")
    assert removal.exit_code == 1 and "not on the list\n" in removal.output


@pytest.mark.parametrize("address", ["a", "a@b.org\r\nBcc: c@d.org", ""])
def test_invalid_address_is_rejected(address: str, run: Any) -> None:
    result = run("add", address)
    assert result.exit_code == 2
    assert "expected one plain email address" in result.output


def test_add_and_remove_by_route_with_the_first_as_default(run: Any) -> None:
    assert run("add", "a@example.org").exit_code == 0
    both = run("add", "a@example.org", "--route", "italy", "--route", "channel")
    assert [line.partition(":")[0] for line in both.stdout.splitlines()] == [
        "added (italy)",
        "unchanged (channel)",
    ]
    run("add", "b@example.org", "--route", "italy", "--threshold", "90")
    assert list_subscriptions(run) == [
        ("a@example.org", "channel", 500),
        ("a@example.org", "italy", 500),
        ("b@example.org", "italy", 90),
    ]
    assert run("remove", "a@example.org", "--route", "channel").exit_code == 0
    assert list_subscriptions(run) == [
        ("a@example.org", "italy", 500),
        ("b@example.org", "italy", 90),
    ]
    missing = run("remove", "a@example.org", "--route", "italy", "--route", "channel")
    assert missing.exit_code == 1
    assert "this address is not on the list of channel" in missing.output
    assert run("add", "a@example.org").exit_code == 0
    assert run("remove", "a@example.org").exit_code == 0
    assert list_subscriptions(run) == [("b@example.org", "italy", 90)]
    unknown = run("add", "a@example.org", "--route", "gone")
    assert unknown.exit_code == 2
    assert "--route: expected one of the routes channel, italy, found 'gone'" in unknown.output


def test_import_with_any_invalid_row_stores_nothing(run: Any) -> None:
    bad = "address,threshold\na@example.org,5\nnobody,7\nb@example.org,many\nc@example.org,1_000\n"
    result = run("import", "-", stdin=bad)
    assert result.exit_code == 2
    assert "line 3: expected one plain" in result.output
    assert "line 4: expected a threshold" in result.output
    assert "line 5: expected a threshold from 0 to 1,000,000, found '1_000'" in result.output
    assert list_subscriptions(run) == []
    good = "\ufeffaddress,threshold\na@example.org,6\nb@example.org,"
    result = run("import", "-", "--threshold", "70", stdin=good)
    assert result.stdout == "2 added, 0 changed, 0 unchanged\n"
    assert list_subscriptions(run) == [
        ("a@example.org", "channel", 6),
        ("b@example.org", "channel", 70),
    ]


def test_import_takes_routes_from_the_column_or_the_option(run: Any) -> None:
    rows = "address,threshold,route\na@example.org,5,italy\na@example.org,,\n"
    assert run("import", "-", stdin=rows).stdout == "2 added, 0 changed, 0 unchanged\n"
    assert list_subscriptions(run) == [
        ("a@example.org", "channel", 500),
        ("a@example.org", "italy", 5),
    ]
    with_option = run("import", "-", "--route", "italy", stdin="address\nb@example.org\n")
    assert with_option.exit_code == 0
    assert list_subscriptions(run)[-1] == ("b@example.org", "italy", 500)
    result = run("import", "-", stdin="address,route\nc@example.org,italy\nd@example.org,gone\n")
    assert result.exit_code == 2
    assert "line 3: expected one of the routes channel, italy, found 'gone'" in result.output
    assert len(list_subscriptions(run)) == 3, "nothing is imported"


def test_add_and_import_keep_options_that_are_not_given(run: Any) -> None:
    options = ("--threshold", "90", "--no-weekly", "--warn-at", "50", "--week-threshold", "2000")
    run("add", "a@example.org", *options)
    (before,) = read_subscribers(run)
    assert run("add", "a@example.org").stdout.startswith("unchanged (channel): an early warning")
    repeated = run("import", "-", stdin="address,threshold\na@example.org,\nb@example.org,\n")
    assert repeated.stdout == "1 added, 0 changed, 1 unchanged\n"
    assert read_subscribers(run)[0] == before
    assert run("import", "-", stdin="address,threshold\na@example.org,7\n").exit_code == 0
    assert run("add", "a@example.org", "--week-threshold", "3000").exit_code == 0
    row = read_subscribers(run)[0]
    assert (row["threshold"], row["weekly"], row["warn_at"]) == (7, False, 50)
    assert row["week_threshold"] == 3000
    without_mail = run("add", "a@example.org", "--warn-at", "0")
    assert without_mail.exit_code == 2 and "nothing would be sent" in without_mail.output
    assert run("add", "a@example.org", "--warn-at", "0", "--weekly").exit_code == 0
    row = read_subscribers(run)[0]
    assert (row["weekly"], row["warn_at"], row["week_threshold"]) == (True, None, None)


def test_route_whose_source_has_ended_has_no_warnings(run: Any) -> None:
    refused = run("add", "a@example.org", "--route", "italy", "--warn-at", "50")
    assert refused.exit_code == 2
    assert "--warn-at: the source of italy has ended: it has no warnings" in refused.output
    assert list_subscriptions(run) == []
    assert run("add", "a@example.org", "--route", "italy", "--warn-at", "0").exit_code == 0


def test_add_but_not_import_activates_a_suspended_subscriber(run: Any, tmp_path: Path) -> None:
    run("add", "a@example.org", "--threshold", "90")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'var' / 'crossings.sqlite'}")
    with engine.begin() as connection:
        values = "state = 'suspended', changed_at = '2026-01-01 00:00:00'"
        connection.execute(sa.text(f"UPDATE subscribers SET {values}"))
    engine.dispose()
    for threshold, done in [("", "0 changed, 1 unchanged"), ("7", "1 changed, 0 unchanged")]:
        imported = run("import", "-", stdin=f"address,threshold\na@example.org,{threshold}\n")
        assert imported.stdout == f"0 added, {done}; 1 stay suspended\n"
        is_old = read_subscribers(run)[0]["changed_at"] == utc(2026, 1, 1)
        assert is_old == (not threshold), "bounces are counted from the last change"
    assert [(s["state"], s["threshold"]) for s in read_subscribers(run)] == [("suspended", 7)]
    assert run("add", "a@example.org").stdout.startswith("changed (channel): ")
    assert [(s["state"], s["threshold"]) for s in read_subscribers(run)] == [("active", 7)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("address,Route\na@example.org,italy\n", "found 'Route'"),
        ("address,rout\na@example.org,italy\n", "found 'rout'"),
        ("a@example.org\nb@example.org\n", "found 'a@example.org'"),
        ("address;threshold\na@example.org;5\n", "found 'address;threshold'"),
        ("threshold\n5\n", "found 'threshold'"),
        ("address,address\na@example.org,b@example.org\n", "found 'address', 'address'"),
        ("", "found no line"),
    ],
)
def test_import_rejects_unexpected_columns(
    run: Any, tmp_path: Path, rows: str, message: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(rows)
    result = run("import", str(file))
    assert result.exit_code == 2
    expected = "expected a CSV whose first line is address[,threshold][,route]"
    assert result.output.endswith(f"Error: {file}: {expected}, {message}\n")
    assert list_subscriptions(run) == []


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"address,threshold\na@b.org,5\nc@d.org,5,x\n", "line 3", "at most 2 fields, found 3\n"),
        (b"address\na@b.org\nJos\xe9@b.org\n", "after line", "can't decode byte 0xe9"),
        (b"address\na@b.org\n" + b"x" * 200_000, "after line", "field larger than field limit"),
        (b'address\n"a@b.org\n', "after line", "unexpected end of data"),
    ],
    ids=["long-row", "encoding", "field-limit", "quotes"],
)
def test_import_rejects_malformed_csv(
    run: Any, tmp_path: Path, content: bytes, place: str, message: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    result = run("import", str(file))
    assert result.exit_code == 2
    assert f"Error: {file}, {place}" in result.output and message in result.output
    assert list_subscriptions(run) == []


def test_import_rejects_duplicate_addresses(run: Any) -> None:
    rows = "address,threshold,route\na@example.org,5,\nb@example.org,5,\nA@example.org,6,channel\n"
    result = run("import", "-", "--route", "italy", "--route", "channel", stdin=rows)
    assert result.exit_code == 2
    assert result.output.endswith("nothing is imported:\nline 4: address already on line 2\n")
    assert list_subscriptions(run) == []
