from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.config import config
from service.core import settings as module
from service.core.settings import Settings, variable
from tests.service.support import Crossings


def test_every_setting_is_shown_with_where_it_comes_from(crossings: Crossings) -> None:
    done = crossings(
        "config",
        "--format",
        "json",
        port=8123,
        smtp_password="hush-hush",
        database_url="postgresql://user:hush-hush@host/db",
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found) == [variable(name) for name in Settings.model_fields]
    assert found["CROSSINGS_PORT"] == {"value": "8123", "from": "environment"}
    assert found["CROSSINGS_HOST"] == {"value": "127.0.0.1", "from": "default"}
    assert found["CROSSINGS_DATABASE_URL"]["value"] == "postgresql://user:********@host/db"
    assert found["CROSSINGS_DATABASE_URL"]["from"] == "environment"
    assert found["CROSSINGS_SMTP_PASSWORD"] == {"value": "********", "from": "environment"}


def test_a_file_is_named_as_where_a_secret_comes_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / "crossings_smtp_password").write_text("hush-hush")
    done = CliRunner().invoke(config, ["--format", "json"], obj=Settings())
    found = json.loads(done.stdout)
    assert found["CROSSINGS_SMTP_PASSWORD"] == {
        "value": "********",
        "from": f"{tmp_path}/crossings_smtp_password",
    }


@pytest.mark.parametrize("form", ["table", "json", "env"])
def test_no_form_shows_a_secret(form: str, crossings: Crossings) -> None:
    secrets = {
        "smtp_password": "hush-1-hush",
        "weather_key": "hush-2-hush",
        "database_url": "postgresql://user:hush-3-hush@host/db",
        "rate_store": "redis://:hush-4-hush@cache/0",
    }
    done = crossings("config", "--format", form, **secrets)
    assert done.returncode == 0
    assert "hush" not in done.stdout + done.stderr


def test_the_form_of_an_environment_is_one(
    crossings: Crossings, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact = "The loader, it's open: loader@example.org"
    said = crossings("config", "--format", "env", contact=contact, smtp_password="hush").stdout
    lines = said.splitlines()
    assert "# CROSSINGS_SMTP_PASSWORD='********'" in lines
    assert shlex.split(next(line for line in lines if "CONTACT" in line)) == [
        f"CROSSINGS_CONTACT={contact}"
    ]
    assert "CROSSINGS_SMTP_HOST=" in lines


def test_every_setting_that_does_not_hold_is_named_at_once(crossings: Crossings) -> None:
    done = crossings("config", port="x", paths=1, smtp_password_file="/nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    named = [line.removeprefix("Error: ").partition(":")[0] for line in done.stderr.splitlines()]
    assert named == ["CROSSINGS_PORT", "CROSSINGS_PATHS", "CROSSINGS_SMTP_PASSWORD_FILE"]


def test_a_name_that_is_no_setting_is_told(crossings: Crossings) -> None:
    done = crossings("config", prot=8123)
    assert done.returncode == 0
    assert done.stderr == (
        "warning: CROSSINGS_PROT is not a setting and has no effect; did you mean CROSSINGS_PORT?\n"
    )


def test_a_file_that_is_no_setting_is_told_and_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    for name in ("CROSSINGS_PORT", "crossings_prot", "crossings_host", "grafana_token"):
        (tmp_path / name).write_text("127.0.0.9")
    done = CliRunner().invoke(config, ["--format", "json"])
    assert json.loads(done.stdout)["CROSSINGS_PORT"] == {"value": "8000", "from": "default"}
    assert json.loads(done.stdout)["CROSSINGS_HOST"]["value"] == "127.0.0.9"
    said = "is not a setting and has no effect; did you mean crossings_port?"
    assert done.stderr.splitlines() == [
        f"warning: {tmp_path}/{name} {said}" for name in ("CROSSINGS_PORT", "crossings_prot")
    ]


def test_lines_and_exit_status(crossings: Crossings, settings: Settings) -> None:
    done = crossings("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert any(line.startswith("ok   database: sqlite:///") for line in lines)
    at = next(
        at for at, line in enumerate(lines) if line == "warn scheduler: no scheduler is running"
    )
    assert lines[at + 1].startswith("     -> start it with `crossings scheduler`")
    assert lines[-1].endswith("0 fail")


def test_a_failure_is_told_by_the_exit_status(crossings: Crossings, settings: Settings) -> None:
    done = crossings("doctor", "--format", "json", smtp_host="127.0.0.1", smtp_port=9)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["state"] == "fail"
    (mail,) = [one for one in found["findings"] if one["check"] == "mail"]
    assert set(mail) == {"check", "state", "said", "remedy"}
    assert mail["state"] == "fail"
