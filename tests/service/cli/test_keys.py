from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from service.api.key_store import SCOPES
from service.cli.keys import keys
from tests.service.support import ROOT, Crossings, command, environment
from tests.support.waiting import PROCESS


def test_a_key_is_made_listed_and_revoked(crossings: Crossings, tmp_path: Path) -> None:
    made = crossings("keys", "create", "--name", "grafana", "--scope", "read")
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"crossings_[0-9a-f]{10}_[\w-]{43}\n", made.stdout)
    secret = made.stdout.strip()[-43:]
    listed = crossings("keys", "list")
    assert made.stdout[:20] in listed.stdout
    assert "active" in listed.stdout
    assert secret not in listed.stdout
    twice = crossings("keys", "create", "--name", "grafana")
    assert (twice.returncode, "already exists" in twice.stderr) == (2, True)
    assert crossings("keys", "revoke", "grafana").returncode == 0
    again = crossings("keys", "revoke", "grafana")
    assert (again.returncode, "no key" in again.stderr) == (1, True)
    assert "revoked" in crossings("keys", "list").stdout


def test_what_is_no_key_is_said_in_one_line(crossings: Crossings) -> None:
    for arguments in (
        ("--name", " "),
        ("--name", "x" * 65),
        ("--name", "x", "--expires", "2001-01-01"),
        ("--name", "x", "--scope", "all"),
        (),
    ):
        refused = crossings("keys", "create", *arguments)
        assert (refused.returncode, refused.stdout) == (2, ""), arguments
        assert "Traceback" not in refused.stderr


def test_a_name_is_shown_as_it_is(crossings: Crossings) -> None:
    for name in ("[x] loader", "loader [/b]", ":smile:"):
        assert crossings("keys", "create", "--name", name).returncode == 0
        listed = crossings("keys", "list")
        assert listed.returncode == 0, listed.stderr
        assert name in listed.stdout


def test_the_scopes_offered_are_those_of_the_store() -> None:
    scope = next(param for param in keys.commands["create"].params if param.name == "scope")
    assert tuple(scope.to_info_dict()["type"]["choices"]) == SCOPES


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_key_that_cannot_be_shown_is_not_stored(crossings: Crossings, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("keys", "create", "--name", "k1"),
            env=environment(var_dir=tmp_path / "var"),
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PROCESS,
        )
    assert done.returncode == 1 and "Error: no room to write" in done.stderr
    assert crossings("keys", "create", "--name", "k1").returncode == 0, "its name is free"
