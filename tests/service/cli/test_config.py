import json
from pathlib import Path

from service.core import settings as module
from service.core.settings import Settings, variable_of
from tests.service.support import command, date_issues_as_now, environment, read_table
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
    assert done.stdout.endswith("No site is read for figures.\n")
    *_, sites, times, agent = crossings("config", source="declared").stdout.splitlines()
    assert sites.startswith("Figures: read from https://www.gov.uk and ")
    assert "(cron, local time) renew 50 13 * * *, 40 9 * * sat,sun; renew-again " in times
    assert agent.startswith("User-Agent: channel-crossings-forecast/")


def test_config_masks_secrets_in_every_format(crossings):
    secrets = {
        "smtp_password": "hush-1-hush",
        "weather_key": "hush-2-hush",
        "database_url": "postgresql://user:hush-3-hush@host/db",
        "rate_store": "redis://:hush-4-hush@cache/0",
    }
    for form in ("table", "env"):
        done = crossings("config", "--format", form, **secrets)
        assert (done.returncode, done.stderr, "hush" in done.stdout) == (0, "", False), form
        assert "postgresql://user:********@host/db" in done.stdout


def test_config_read_back_by_a_shell_is_the_same(crossings, tmp_path):
    texts = {"contact": "The loader, it's $HOME: `a`", "mail_from": '"A, B" <a@b.org>'}
    given = texts | {"fitted_dir": tmp_path / "a b", "port": 8123, "refit_hours": "1e1"}
    shown = crossings("config", "--format", "env", **given)
    assert shown.stdout.count("CROSSINGS_") == len(Settings.model_fields)
    (tmp_path / "crossings.env").write_text(shown.stdout)
    shell = ("sh", "-c", 'set -a; . "$0"; exec "$@"', tmp_path / "crossings.env")
    again = run_command(*shell, *command("config", "--format", "env"), env=environment())
    assert (again.stdout, again.stderr) == (shown.stdout, "")


def test_config_reports_all_invalid_settings(crossings):
    done = crossings("config", port="x", paths=1)
    assert (done.returncode, done.stdout) == (2, "")
    names = [line.removeprefix("Error: ").partition(":")[0] for line in done.stderr.splitlines()]
    assert names == ["CROSSINGS_PORT", "CROSSINGS_PATHS"]


def test_config_names_secret_files_and_those_without_effect(crossings, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # else a path might not fit into the table
    monkeypatch.setattr(module, "FOLDER", Path("run"))
    monkeypatch.setenv("crossings_seed", "3")  # settings are read in any case
    Path("run").mkdir()
    for name in ("crossings_prot", "crossings_smtp_password", "grafana_token"):
        Path("run", name).write_text("hush-hush")
    done = crossings("config", prot=8123)
    values = read_values(done.stdout)
    assert values["CROSSINGS_SEED"][0] == "3"
    origin = "run/crossings_smtp_password"
    assert values["CROSSINGS_SMTP_PASSWORD"] == ("********", origin)
    assert done.stderr.splitlines() == [
        "warning: CROSSINGS_PROT is not a setting and has no effect",
        "warning: run/crossings_prot is not a setting and has no effect",
    ]
    values = read_values(crossings("config", smtp_password="another").stdout)
    assert values["CROSSINGS_SMTP_PASSWORD"] == ("********", "environment")


def test_doctor_prints_findings_with_remedies(crossings, settings):
    date_issues_as_now(settings)
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
