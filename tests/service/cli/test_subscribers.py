from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
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


def listed(run: Any) -> list[tuple[str, str, int]]:
    rows = json.loads(run("list", "--format", "json").stdout)
    return sorted((row["address"], row["route"], row["threshold"]) for row in rows)


def test_routes_are_chosen_and_the_first_is_the_default(run: Any) -> None:
    assert run("add", "a@example.org").exit_code == 0
    both = run("add", "a@example.org", "--route", "italy", "--route", "channel")
    assert [line.partition(":")[0] for line in both.stdout.splitlines()] == ["added", "changed"]
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
    assert run("import", "-", stdin=rows).stdout == "2 added, 0 changed\n"
    assert listed(run) == [("a@example.org", "channel", 500), ("a@example.org", "italy", 5)]
    given = run("import", "-", "--route", "italy", stdin="address\nb@example.org\n")
    assert given.exit_code == 0
    assert listed(run)[-1] == ("b@example.org", "italy", 500)
    wrong = run("import", "-", stdin="address,route\nc@example.org,italy\nd@example.org,gone\n")
    assert wrong.exit_code == 2
    assert "line 3: expected a route of channel, italy, found 'gone'" in wrong.output
    assert len(listed(run)) == 3, "all or none"
