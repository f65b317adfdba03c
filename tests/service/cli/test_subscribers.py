from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from service.cli.main import group
from service.core.settings import Settings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command in this process, on an empty database of two routes."""
    settings = Settings(var_dir=tmp_path / "var", routes="channel,italy")
    monkeypatch.setattr("service.core.settings.load", lambda: settings)
    monkeypatch.setattr("service.core.logs.configure", lambda *_: None)

    def call(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(group, ["subscribers", *arguments], input=stdin)

    return call


def whole(run: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run("list", "--format", "json").stdout)
    return rows


def listed(run: Any) -> list[tuple[str, str, int]]:
    return sorted((row["address"], row["route"], row["threshold"]) for row in whole(run))


def test_routes_are_chosen_and_the_first_is_the_default(run: Any) -> None:
    assert run("add", "a@example.org").exit_code == 0
    both = run("add", "a@example.org", "--route", "italy", "--route", "channel")
    assert [line.partition(":")[0] for line in both.stdout.splitlines()] == ["added", "unchanged"]
    run("add", "b@example.org", "--route", "italy", "--threshold", "90")
    assert listed(run) == [
        ("a@example.org", "channel", 500),
        ("a@example.org", "italy", 500),
        ("b@example.org", "italy", 90),
    ]
    assert run("remove", "a@example.org", "--route", "channel").exit_code == 0
    assert listed(run) == [("a@example.org", "italy", 500), ("b@example.org", "italy", 90)]
    missing = run("remove", "a@example.org", "--route", "italy", "--route", "channel")
    assert missing.exit_code == 1
    assert "this address is not on the list of channel" in missing.output
    assert run("add", "a@example.org").exit_code == 0
    assert run("remove", "a@example.org").exit_code == 0
    assert listed(run) == [("b@example.org", "italy", 90)]
    assert "not on the list\n" in run("remove", "a@example.org").output
    unknown = run("add", "a@example.org", "--route", "gone")
    assert unknown.exit_code == 2
    assert "--route: expected a route of channel, italy, found 'gone'" in unknown.output


def test_a_list_names_routes_or_takes_those_of_the_option(run: Any) -> None:
    rows = "address,threshold,route\na@example.org,5,italy\na@example.org,,\n"
    assert run("import", "-", stdin=rows).stdout == "2 added, 0 changed, 0 unchanged\n"
    assert listed(run) == [("a@example.org", "channel", 500), ("a@example.org", "italy", 5)]
    given = run("import", "-", "--route", "italy", stdin="address\nb@example.org\n")
    assert given.exit_code == 0
    assert listed(run)[-1] == ("b@example.org", "italy", 500)
    wrong = run("import", "-", stdin="address,route\nc@example.org,italy\nd@example.org,gone\n")
    assert wrong.exit_code == 2
    assert "line 3: expected a route of channel, italy, found 'gone'" in wrong.output
    assert len(listed(run)) == 3, "all or none"


def test_what_is_not_named_stays(run: Any) -> None:
    chosen = ("--threshold", "90", "--no-weekly", "--warn-at", "50", "--week-threshold", "2000")
    run("add", "a@example.org", *chosen)
    (before,) = whole(run)
    assert run("add", "a@example.org").stdout.startswith("unchanged: an early warning")
    again = run("import", "-", stdin="address,threshold\na@example.org,\nb@example.org,\n")
    assert again.stdout == "1 added, 0 changed, 1 unchanged\n"
    assert whole(run)[0] == before
    assert run("import", "-", stdin="address,threshold\na@example.org,7\n").exit_code == 0
    assert run("add", "a@example.org", "--week-threshold", "3000").exit_code == 0
    one = whole(run)[0]
    assert (one["threshold"], one["weekly"], one["warn_at"]) == (7, False, 50)
    assert one["week_threshold"] == 3000
    nothing = run("add", "a@example.org", "--warn-at", "0")
    assert nothing.exit_code == 2 and "nothing would be sent" in nothing.output
    assert run("add", "a@example.org", "--warn-at", "0", "--weekly").exit_code == 0
    one = whole(run)[0]
    assert (one["weekly"], one["warn_at"], one["week_threshold"]) == (True, None, None)


def test_a_suspended_subscriber_is_activated_by_name_only(run: Any, tmp_path: Path) -> None:
    run("add", "a@example.org", "--threshold", "90")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'var' / 'crossings.sqlite'}")
    with engine.begin() as connection:
        long_ago = "state = 'suspended', changed_at = '2026-01-01 00:00:00'"
        connection.execute(sa.text(f"UPDATE subscribers SET {long_ago}"))
    engine.dispose()
    for row, done in [("", "0 changed, 1 unchanged"), ("7", "1 changed, 0 unchanged")]:
        imported = run("import", "-", stdin=f"address,threshold\na@example.org,{row}\n")
        assert imported.stdout == f"0 added, {done}; 1 stay suspended\n"
        is_old = whole(run)[0]["changed_at"] == "2026-01-01T00:00:00Z"
        assert is_old == (not row), "bounces count since the last change"
    assert [(one["state"], one["threshold"]) for one in whole(run)] == [("suspended", 7)]
    assert run("add", "a@example.org").stdout.startswith("changed: ")
    assert [(one["state"], one["threshold"]) for one in whole(run)] == [("active", 7)]


@pytest.mark.parametrize(
    ("rows", "said"),
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
def test_a_list_has_its_columns_and_no_others(
    run: Any, tmp_path: Path, rows: str, said: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(rows)
    result = run("import", str(file))
    assert result.exit_code == 2
    first = "expected a CSV whose first line is address[,threshold][,route]"
    assert result.output.endswith(f"Error: {file}: {first}, {said}\n")
    assert listed(run) == []


def test_a_row_longer_than_the_header_is_refused(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("address,threshold\na@example.org,5\nb@example.org,5,italy\n")
    result = run("import", str(file))
    assert result.exit_code == 2
    assert f"Error: {file}, line 3: expected at most 2 fields, found 3\n" in result.output
    assert listed(run) == []


def test_an_address_stands_once_for_a_route(run: Any) -> None:
    rows = "address,threshold,route\na@example.org,5,\nb@example.org,5,\nA@example.org,6,channel\n"
    result = run("import", "-", "--route", "italy", "--route", "channel", stdin=rows)
    assert result.exit_code == 2
    assert result.output.endswith("nothing is imported:\nline 4: address already on line 2\n")
    assert listed(run) == []
