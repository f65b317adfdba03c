import re
from contextlib import closing
from functools import partial

import pytest
import sqlalchemy as sa

from service.cli.options import exit_status
from service.core import settings as settings_module
from service.core.context import open_context
from service.core.database import connect
from service.core.settings import Settings
from service.mail.subscriber_store import Preferences
from service.mail.subscriber_store import list_subscribers as list_all
from tests.service.support import utc


@pytest.fixture
def run(tmp_path, invoke_with):
    """Run a `subscribers` command on an empty database of two routes."""
    settings = Settings(var_dir=tmp_path / "var", routes="channel,italy")
    open_context(settings).database.close()
    return partial(invoke_with(settings), "subscribers")


def read_subscribers():
    opened = connect(settings_module.load_settings().database)
    with closing(opened), opened.reading() as connection:
        return list_all(connection)


def list_subscriptions():
    return sorted((one.address, one.route, one.threshold) for one in read_subscribers())


def test_add_list_and_remove(run):
    weekly = "one email a week with the chances of more than"
    assert run("add", "A@Example.org").stdout == f"added (channel): {weekly} 500 people\n"
    change = run("add", "a@example.org", "--threshold", "1")
    assert change.stdout == f"changed (channel): {weekly} 1 person\n"
    assert list_subscriptions() == [("a@example.org", "channel", 1)]
    listed = run("list").stdout
    assert "a@example.org" in listed and listed.endswith("\n1 subscriber\n")
    assert run("remove", "a@EXAMPLE.org").exit_code == 0
    assert run("list").stdout.endswith("\n0 subscribers\n")
    removal = run("remove", "a@example.org")
    assert removal.exit_code == 1 and "not on the list\n" in removal.output


def test_routes_of_a_subscriber(run):
    run("add", "a@example.org")
    both = run("add", "a@example.org", "--route", "italy", "--route", "channel").stdout
    assert re.findall(r"(?m)^(.*?):", both) == ["added (italy)", "unchanged (channel)"]
    run("add", "b@example.org", "--route", "italy", "--threshold", "90")
    assert run("remove", "a@example.org", "--route", "channel").exit_code == 0
    remaining = [("a@example.org", "italy", 500), ("b@example.org", "italy", 90)]
    assert list_subscriptions() == remaining
    missing = run("remove", "a@example.org", "--route", "italy", "--route", "channel")
    assert missing.exit_code == 1
    assert "this address is not on the list of italy and channel" in missing.output
    assert list_subscriptions() == remaining
    run("add", "a@example.org")
    assert run("remove", "a@example.org").exit_code == 0
    assert list_subscriptions() == remaining[1:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a@b.org\r\nBcc: c@d.org"], "expected one plain email address"),
        (["a@b.org", "--route", "gone"], "one of the routes channel, italy, found 'gone'"),
        (["a@b.org", "--no-weekly"], "expected --warn-at with --no-weekly: nothing would be sent"),
        (["a@b.org", "--week-threshold", "5"], "--week-threshold needs --warn-at"),
        (
            ["a@b.org", "--route", "channel", "--route", "italy", "--warn-at", "50"],
            "the source of italy has ended: it has no warnings",
        ),
    ],
)
def test_add_rejects_invalid_options(run, arguments, message):
    result = run("add", *arguments)
    assert message in result.output + str(result.exception)
    assert list_subscriptions() == []


def test_import_takes_thresholds_and_routes_from_columns_or_options(run):
    rows = "\ufeffaddress,threshold,route\na@example.org,5,italy\na@example.org,,\n"
    imported = run("import", "-", "--threshold", "70", stdin=rows)
    assert imported.stdout == "2 added, 0 changed, 0 unchanged\n"
    added = [("a@example.org", "channel", 70), ("a@example.org", "italy", 5)]
    assert list_subscriptions() == added
    assert run("import", "-", "--route", "italy", stdin="address\nb@example.org\n").exit_code == 0
    assert list_subscriptions()[-1] == ("b@example.org", "italy", 500)


def test_add_and_import_keep_options_that_are_not_given(run):
    options = ("--threshold", "90", "--no-weekly", "--warn-at", "50", "--week-threshold", "2000")
    run("add", "a@example.org", *options)
    (before,) = read_subscribers()
    assert before.columns() == vars(Preferences(90, False, 50, 2000, "channel"))
    assert run("add", "a@example.org").stdout.startswith("unchanged (channel): an early warning")
    repeated = run("import", "-", stdin="address,threshold\na@example.org,\nb@example.org,\n")
    assert repeated.stdout == "1 added, 0 changed, 1 unchanged\n"
    assert read_subscribers()[0] == before
    assert run("import", "-", stdin="address,threshold\na@example.org,7\n").exit_code == 0
    assert run("add", "a@example.org", "--week-threshold", "3000").exit_code == 0
    assert read_subscribers()[0].columns() == vars(Preferences(7, False, 50, 3000, "channel"))
    assert run("add", "a@example.org", "--warn-at", "0", "--weekly").exit_code == 0
    assert read_subscribers()[0].columns() == vars(Preferences(7, True, route="channel"))


def test_add_but_not_import_activates_a_suspended_subscriber(run, tmp_path):
    run("add", "a@example.org", "--threshold", "90")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'var' / 'crossings.sqlite'}")
    with engine.begin() as connection:
        values = "state = 'suspended', changed_at = '2026-01-01 00:00:00'"
        connection.execute(sa.text(f"UPDATE subscribers SET {values}"))
    engine.dispose()
    for threshold, done in [("", "0 changed, 1 unchanged"), ("7", "1 changed, 0 unchanged")]:
        imported = run("import", "-", stdin=f"address,threshold\na@example.org,{threshold}\n")
        assert imported.stdout == f"0 added, {done}; 1 stay suspended\n"
        is_old = read_subscribers()[0].changed_at == utc(2026, 1, 1)
        assert is_old == (not threshold), "bounces are counted from the last change"
    assert [(s.state, s.threshold) for s in read_subscribers()] == [("suspended", 7)]
    assert run("add", "a@example.org").stdout.startswith("changed (channel): ")
    assert [(s.state, s.threshold) for s in read_subscribers()] == [("active", 7)]


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (
            b"address,threshold,route\na@b.org,5,\nnobody,7,\nb@b.org,many,\nc@b.org,5,gone\n",
            [
                "line 3: expected one plain email address",
                "line 4, threshold: expected a whole number from 0 to 1,000,000, found 'many'",
                "line 5: expected one of the routes channel, italy, found 'gone'",
            ],
        ),
        (b"address,route\na@b.org,italy\nb@b.org,italy,5\n", ["row 3: expected 2 values, found 3"]),
        (
            b"address,rout\na@example.org,italy\n",
            ["row 1: expected the columns address[,threshold][,route], found address,rout\n"],
        ),
        (b"a@example.org\nb@example.org\n", ["a column 'address', found a@example.org"]),
        (b"", ["a column 'address', found nothing"]),
        (b"address\na@b.org\nJos\xe9@b.org\n", ["line 3: expected text in UTF-8, found the byte"]),
    ],
    ids=["rows", "fields", "column", "no-header", "empty", "encoding"],
)
def test_import_of_an_invalid_file_stores_nothing(run, tmp_path, content, messages):
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    result = run("import", str(file))
    assert 2 in (result.exit_code, exit_status(result.exception))
    output = result.output + str(result.exception)
    assert [message for message in messages if message not in output] == [], output
    assert list_subscriptions() == []
