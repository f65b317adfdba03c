from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.config import config
from service.core import settings as module
from service.core.settings import Settings, variable_of
from tests.service.support import ROOT, Crossings, command, environment, read_table
from tests.support.waiting import PROCESS


def read_values(text: str) -> dict[str, tuple[str, str]]:
    return {row["setting"]: (row["value"], row["from"]) for row in read_table(text)}


def test_config_shows_each_setting_with_its_source(crossings: Crossings) -> None:
    done = crossings(
        "config",
        port=8123,
        smtp_password="hush-hush",
        database_url="postgresql://user:hush-hush@host/db",
    )
    assert (done.returncode, done.stderr) == (0, "")
    values = read_values(done.stdout)
    assert list(values) == [variable_of(name) for name in Settings.model_fields]
    assert values["CROSSINGS_PORT"] == ("8123", "environment")
    assert values["CROSSINGS_HOST"] == ("127.0.0.1", "default")
    url = "postgresql://user:********@host/db"
    assert values["CROSSINGS_DATABASE_URL"] == (url, "environment")
    assert values["CROSSINGS_SMTP_PASSWORD"] == ("********", "environment")


def test_config_names_the_file_of_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / "crossings_smtp_password").write_text("hush-hush")
    for origin in (f"{tmp_path}/crossings_smtp_password", "environment"):
        done = CliRunner().invoke(config, obj=Settings())
        assert read_values(done.stdout)["CROSSINGS_SMTP_PASSWORD"] == ("********", origin)
        monkeypatch.setenv("CROSSINGS_SMTP_PASSWORD", "another")  # which comes first


@pytest.mark.parametrize("output_format", ["table", "env"])
def test_config_masks_secrets_in_every_format(output_format: str, crossings: Crossings) -> None:
    secrets = {
        "smtp_password": "hush-1-hush",
        "weather_key": "hush-2-hush",
        "database_url": "postgresql://user:hush-3-hush@host/db",
        "rate_store": "redis://:hush-4-hush@cache/0",
    }
    done = crossings("config", "--format", output_format, **secrets)
    assert done.returncode == 0
    assert "hush" not in done.stdout + done.stderr


def test_config_env_format_is_shell_syntax(crossings: Crossings) -> None:
    contact = "The loader, it's open: loader@example.org"
    done = crossings("config", "--format", "env", contact=contact, smtp_password="hush")
    lines = done.stdout.splitlines()
    assert "# CROSSINGS_SMTP_PASSWORD='********'" in lines
    assert shlex.split(next(line for line in lines if "CONTACT" in line)) == [
        f"CROSSINGS_CONTACT={contact}"
    ]
    assert "CROSSINGS_SMTP_HOST=" in lines


def test_config_read_back_by_a_shell_is_the_same(crossings: Crossings, tmp_path: Path) -> None:
    texts = {"contact": "The loader, it's $HOME: `a`", "mail_from": '"A, B" <a@b.org>'}
    for given in ({}, texts | {"fitted_dir": tmp_path / "a b", "port": 8123, "refit_hours": "1e1"}):
        shown = crossings("config", "--format", "env", **given)
        assert shown.stdout.count("CROSSINGS_") == len(Settings.model_fields)
        (tmp_path / "crossings.env").write_text(shown.stdout)
        script = 'set -a; . "$0"; exec "$@"'
        again = subprocess.run(
            ["sh", "-c", script, tmp_path / "crossings.env", *command("config", "--format", "env")],
            env=environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PROCESS,
        )
        assert (again.stdout, again.stderr) == (shown.stdout, "")


def test_config_reports_all_invalid_settings(crossings: Crossings) -> None:
    done = crossings("config", port="x", paths=1)
    assert done.returncode == 2
    assert done.stdout == ""
    names = [line.removeprefix("Error: ").partition(":")[0] for line in done.stderr.splitlines()]
    assert names == ["CROSSINGS_PORT", "CROSSINGS_PATHS"]


def test_config_warns_of_unknown_variable(crossings: Crossings) -> None:
    done = crossings("config", prot=8123, token="of Grafana")
    assert done.returncode == 0
    assert done.stderr == (
        "warning: CROSSINGS_PROT is not a setting and has no effect; did you mean CROSSINGS_PORT?\n"
        "warning: CROSSINGS_TOKEN is not a setting and has no effect\n"
    )


def test_config_warns_of_unknown_secret_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    for name in ("crossings_prot", "crossings_host", "grafana_token"):
        (tmp_path / name).write_text("127.0.0.9")
    done = CliRunner().invoke(config)
    values = read_values(done.stdout)
    assert values["CROSSINGS_HOST"] == ("127.0.0.9", str(tmp_path / "crossings_host"))
    warning = "is not a setting and has no effect; did you mean crossings_port?"
    assert done.stderr == f"warning: {tmp_path}/crossings_prot {warning}\n"


def test_doctor_prints_findings_with_remedies(crossings: Crossings, settings: Settings) -> None:
    done = crossings("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert any(line.startswith("ok   database: sqlite:///") for line in lines)
    index = lines.index("warn scheduler: no scheduler is running")
    assert lines[index + 1].startswith("     -> start it with `crossings scheduler`")
    assert lines[-1].endswith("0 fail")


def test_doctor_exits_with_1_on_failure(crossings: Crossings, settings: Settings) -> None:
    done = crossings("doctor", "--format", "json", smtp_host="127.0.0.1", smtp_port=9)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["state"] == "fail"
    (mail,) = [finding for finding in report["findings"] if finding["check"] == "mail"]
    assert set(mail) == {"check", "state", "said", "remedy"}
    assert mail["state"] == "fail"
