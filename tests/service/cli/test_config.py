from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from service.cli.config import config
from service.core import settings as module
from service.core.settings import Settings, variable_of
from tests.service.support import command, environment, read_table
from tests.support.commands import run_command


def read_values(text):
    return {row["setting"]: (row["value"], row["from"]) for row in read_table(text)}


def test_config_shows_each_setting_with_its_source(crossings):
    done = crossings("config", port=8123)
    assert (done.returncode, done.stderr) == (0, "")
    values = read_values(done.stdout)
    assert list(values) == [variable_of(name) for name in Settings.model_fields]
    assert values["CROSSINGS_PORT"] == ("8123", "environment")
    assert values["CROSSINGS_HOST"] == ("127.0.0.1", "default")


def test_config_names_the_file_of_a_secret(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / "crossings_smtp_password").write_text("hush-hush")
    for origin in (f"{tmp_path}/crossings_smtp_password", "environment"):
        done = CliRunner().invoke(config, obj=Settings())
        assert read_values(done.stdout)["CROSSINGS_SMTP_PASSWORD"] == ("********", origin)
        monkeypatch.setenv("CROSSINGS_SMTP_PASSWORD", "another")  # which comes first


@pytest.mark.parametrize("output_format", ["table", "env"])
def test_config_masks_secrets_in_every_format(output_format, crossings):
    secrets = {
        "smtp_password": "hush-1-hush",
        "weather_key": "hush-2-hush",
        "database_url": "postgresql://user:hush-3-hush@host/db",
        "rate_store": "redis://:hush-4-hush@cache/0",
    }
    done = crossings("config", "--format", output_format, **secrets)
    assert done.returncode == 0
    assert "hush" not in done.stdout + done.stderr
    assert "postgresql://user:********@host/db" in done.stdout


def test_config_read_back_by_a_shell_is_the_same(crossings, tmp_path):
    texts = {"contact": "The loader, it's $HOME: `a`", "mail_from": '"A, B" <a@b.org>'}
    for given in ({}, texts | {"fitted_dir": tmp_path / "a b", "port": 8123, "refit_hours": "1e1"}):
        shown = crossings("config", "--format", "env", **given)
        assert shown.stdout.count("CROSSINGS_") == len(Settings.model_fields)
        (tmp_path / "crossings.env").write_text(shown.stdout)
        script = 'set -a; . "$0"; exec "$@"'
        shell = ("sh", "-c", script, tmp_path / "crossings.env")
        again = run_command(*shell, *command("config", "--format", "env"), env=environment())
        assert (again.stdout, again.stderr) == (shown.stdout, "")


def test_config_reports_all_invalid_settings(crossings):
    done = crossings("config", port="x", paths=1)
    assert done.returncode == 2
    assert done.stdout == ""
    names = [line.removeprefix("Error: ").partition(":")[0] for line in done.stderr.splitlines()]
    assert names == ["CROSSINGS_PORT", "CROSSINGS_PATHS"]


def test_config_warns_of_unknown_variables_and_secret_files(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setenv("CROSSINGS_PROT", "8123")
    for name in ("crossings_prot", "crossings_host", "grafana_token"):
        (tmp_path / name).write_text("127.0.0.9")
    done = CliRunner().invoke(config)
    values = read_values(done.stdout)
    assert values["CROSSINGS_HOST"] == ("127.0.0.9", f"{tmp_path}/crossings_host")
    unknown = (f"{tmp_path}/crossings_prot", "CROSSINGS_PROT")
    assert done.stderr.splitlines() == [
        f"warning: {name} is not a setting and has no effect" for name in unknown
    ]


def test_doctor_prints_findings_with_remedies(crossings, settings):
    done = crossings("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert any(line.startswith("ok   database: sqlite:///") for line in lines)
    index = lines.index("warn scheduler: no scheduler is running")
    assert lines[index + 1].startswith("     -> start it with `crossings scheduler`")
    assert lines[-1].endswith("0 fail")


def test_doctor_exits_with_1_on_failure(crossings, settings):
    done = crossings("doctor", "--format", "json", smtp_host="127.0.0.1", smtp_port=9)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["state"] == "fail"
    (mail,) = [finding for finding in report["findings"] if finding["check"] == "mail"]
    assert set(mail) == {"check", "state", "said", "remedy"}
    assert mail["state"] == "fail"
