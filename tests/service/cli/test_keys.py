import re
from pathlib import Path

import pytest

from service.api.key_store import SCOPES
from tests.service.cli.test_main import run_with_stdout


def test_keys_create_list_and_revoke(crossings):
    created = crossings("keys", "create", "--name", "grafana", "--scope", "read")
    assert created.returncode == 0, created.stderr
    assert re.fullmatch(r"crossings_[0-9a-f]{10}_[\w-]{43}\n", created.stdout)
    secret = created.stdout.strip()[-43:]
    listing = crossings("keys", "list")
    assert created.stdout[:20] in listing.stdout
    assert "active" in listing.stdout
    assert secret not in listing.stdout
    duplicate = crossings("keys", "create", "--name", "grafana")
    assert (duplicate.returncode, "already exists" in duplicate.stderr) == (2, True)
    assert crossings("keys", "revoke", "grafana").returncode == 0
    again = crossings("keys", "revoke", "grafana")
    assert (again.returncode, "no key" in again.stderr) == (1, True)
    odd = crossings("keys", "revoke", "\udcff")
    assert (odd.returncode, "no key" in odd.stderr) == (1, True)
    assert "revoked" in crossings("keys", "list").stdout


def test_keys_create_rejects_invalid_options(crossings):
    for arguments in (
        ("--name", " "),
        ("--name", "x" * 65),
        ("--name", "x", "--expires", "2001-01-01"),
        ("--name", "x", "--scope", "all"),
        (),
    ):
        done = crossings("keys", "create", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr
    for scope in SCOPES:
        assert crossings("keys", "create", "--name", scope, "--scope", scope).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_key_is_not_stored_when_stdout_is_full(crossings, tmp_path):
    with Path("/dev/full").open("wb") as full:
        done = run_with_stdout(full, "keys", "create", "--name", "k1", var_dir=tmp_path / "var")
    assert done.returncode == 1 and "Error: no room to write" in done.stderr
    assert crossings("keys", "create", "--name", "k1").returncode == 0, "its name is free"
