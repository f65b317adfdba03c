"""Real faults, one at a time: each is found, and told with what to do."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme

from service.cli.doctor import Finding, clock, examine, space
from service.core import request_store, run_store
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.database import connect
from service.core.locks import SCHEDULER
from service.core.settings import Settings
from tests.service.mailbox import PASSWORD, Mailbox, mail_settings
from tests.service.support import NOW, ROOT, ROUTE, quick_models
from tests.support.sites import Answer, Sites
from tests.support.waiting import BOUND

IS_ROOT = os.geteuid() == 0


def found(settings: Settings, now: dt.datetime | None = None) -> dict[str, Finding]:
    return {one.check: one for one in examine(settings, lambda: now or utc_now())}


def faults(findings: dict[str, Finding]) -> dict[str, str]:
    wrong = {name: one.state for name, one in findings.items() if one.state != "ok"}
    assert all(findings[name].remedy for name in wrong), "each says what to do"
    assert all(not one.remedy for name, one in findings.items() if name not in wrong)
    return wrong


@pytest.fixture
def well(settings: Settings) -> Iterator[Settings]:
    """A service that is well, with a scheduler that runs."""
    context = open_context(settings)
    with context.database.alone(SCHEDULER):
        yield settings
    context.database.close()


def test_what_is_well(well: Settings) -> None:
    findings = found(well)
    # The embedded figures are old today, and that is all.
    assert faults(findings) == {"forecast": "warn"}
    assert findings["scheduler"].said == "running"
    assert "7 versions are intact" in findings["fitted"].said
    assert {
        "clock",
        "database",
        "migrations",
        "models of channel",
        "mail",
        "source of channel",
    } <= set(findings)


def test_a_fresh_machine(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var", fitted_dir=tmp_path / "fitted")
    findings = found(settings)
    assert faults(findings) == {"database": "fail"}
    assert findings["database"].remedy == "`crossings run` creates and fills it"
    assert not settings.var_dir.exists(), "to look is not to make"


def test_a_database_without_tables(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database_url, var_dir=tmp_path, fitted_dir=tmp_path / "x")
    connect(database_url).close()
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    findings = found(settings)
    assert faults(findings) == {"migrations": "warn"}
    opened = connect(database_url)
    with opened.reading() as connection:
        assert sa.inspect(connection).get_table_names() == [], "the doctor does not operate"
    opened.close()


@pytest.mark.parametrize(("revision", "state"), [("0053", "fail"), ("9999", "fail")])
def test_a_database_of_another_version(well: Settings, revision: str, state: str) -> None:
    opened = connect(well.database)
    with opened.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    opened.close()
    findings = found(well)
    assert faults(findings) == {"forecast": "warn", "migrations": state}
    assert revision in findings["migrations"].said


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        url = f"postgresql://crossings:hush-hush@127.0.0.1:{port}/x?connect_timeout=2"
        findings = found(Settings(database_url=url, var_dir=tmp_path, fitted_dir=tmp_path / "x"))
    assert findings["database"].state == "fail"
    assert "hush" not in repr(findings)
    assert findings["models of channel"].state == "ok", "the other checks are made all the same"


def test_a_damaged_file(well: Settings) -> None:
    file = well.var_dir / "crossings.sqlite"
    opened = connect(well.database)
    with opened.writing() as connection:
        connection.execute(sa.text("CREATE TABLE filler AS SELECT * FROM observations"))
    opened.close()
    content = bytearray(file.read_bytes())
    for page in range(20, len(content) // 4096, 3):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    findings = found(well)
    assert findings["database"].state == "fail"
    assert faults(findings)["database"] == "fail"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "crossings.sqlite").write_text("date,people\n" * 500)
    findings = found(Settings(var_dir=tmp_path, fitted_dir=tmp_path / "fitted"))
    assert findings["database"].state == "fail"
    assert "not a database" in findings["database"].said


def test_a_clock_that_has_gone_back(well: Settings) -> None:
    findings = found(well, NOW)
    assert findings["clock"].state == "fail"
    assert "latest record is of" in findings["clock"].said
    (only,) = clock(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    assert only.state == "fail"


@pytest.mark.parametrize(
    ("free", "state"), [(0, "fail"), (150 * 10**6, "fail"), (9 * 10**8, "warn"), (10**10, "ok")]
)
def test_space(free: int, state: str) -> None:
    assert space("disk", free).state == state


def test_without_a_scheduler_and_with_a_run_whose_process_died(settings: Settings) -> None:
    context = open_context(settings)
    with context.database.writing() as connection:
        assert run_store.claim(connection, "renew", "once", utc_now(), ROUTE.name)
    context.database.close()
    findings = found(settings)
    assert faults(findings)["scheduler"] == "fail"
    assert findings["scheduler"].said == "no scheduler is running"
    assert faults(findings)["job renew"] == "warn"
    assert "its process died" in findings["job renew"].said


@pytest.mark.parametrize(("minutes", "is_overdue"), [(29, False), (31, True)])
def test_a_request_that_waits_long_beside_a_scheduler_that_runs(
    well: Settings, minutes: int, is_overdue: bool
) -> None:
    context, now = open_context(well), utc_now()
    with context.database.writing() as connection:
        asked_at = now - dt.timedelta(minutes=minutes)
        request_store.leave(connection, "ingest", "a key", asked_at, ROUTE.name)
    context.database.close()
    findings = found(well, now)
    assert findings["scheduler"].state == "ok"
    assert ("job ingest" in findings) is is_overdue
    if is_overdue:
        assert faults(findings)["job ingest"] == "warn"
        assert "still waiting" in findings["job ingest"].said


def test_a_declaration_that_cannot_be_read(well: Settings, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "odd.toml").write_text("family = ")
    findings = found(well.model_copy(update={"models_dir": models}))
    assert findings["models of channel"].state == "fail"
    assert "odd" in findings["models of channel"].said


def test_versions_that_are_not_sound(well: Settings) -> None:
    versions = sorted(well.fitted_folder.glob("*/*/2*"))
    versions[0].write_bytes(b"{}")
    versions[1].write_bytes(versions[1].read_bytes()[:-100])
    said = [one for one in examine(well) if one.check == "fitted"]
    assert [one.state for one in said] == ["warn"] * 2
    assert all(str(folder) in one.said for folder, one in zip(versions, said, strict=False))


def test_a_declaration_that_is_left_out_is_named(well: Settings, tmp_path: Path) -> None:
    models = quick_models(tmp_path / "declared")
    (models / "hurdle (copy).toml").write_text('family = "hurdle"')
    settings = well.model_copy(update={"models_dir": models})
    warned, counted = [one for one in examine(settings) if one.check == "models of channel"]
    assert (warned.state, counted.state) == ("warn", "ok")
    assert "hurdle (copy).toml: model 'hurdle (copy)': expected a name" in warned.said
    assert counted.said == "2 declared, climatology the champion"


def test_the_models_are_those_of_each_route(well: Settings, tmp_path: Path) -> None:
    text = (well.series_dir / "italy.toml").read_text().replace("../service", f"{ROOT}/service")
    for name, model in (("a", "climatology"), ("b", "nothere")):
        mine = text.replace("italy_people", f"{name}_people")
        (tmp_path / f"{name}.toml").write_text(f'models = ["{model}"]\n{mine}')
    findings = found(well.model_copy(update={"series_dir": tmp_path, "routes": "a,b"}))
    assert findings["models of a"].said == "1 declared, climatology the champion"
    assert findings["models of b"].state == "fail"
    assert "found nothere" in findings["models of b"].said


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(well: Settings) -> None:
    well.fitted_folder.chmod(0o500)
    try:
        assert found(well)["fitted"].state == "fail"
    finally:
        well.fitted_folder.chmod(0o700)


def test_a_folder_that_cannot_be_made(well: Settings) -> None:
    shutil.rmtree(well.fitted_folder)
    well.fitted_folder.write_text("a file")
    assert found(well)["fitted"].state == "fail"


def test_sites(well: Settings, sites: Sites) -> None:
    settings = well.model_copy(
        update={
            "source": "declared",
            "govuk_url": sites.url,
            "govuk_assets_url": sites.url,
            "weather": "openmeteo",
            "weather_url": f"{sites.url}/{{service}}",
            "fetch_seconds": BOUND,
        }
    )
    findings = found(settings)
    assert (findings["source of channel"].state, findings["weather of channel"].state) == (
        "fail",
        "warn",
    )
    assert "404" in findings["source of channel"].said
    path = "/government/publications/migrants-detected-crossing-the-english-channel-in-small-boats"
    sites.replies[path] = Answer(b"<h1>Here</h1>")
    assert found(settings)["source of channel"].state == "ok"
    assert len([asked for asked in sites.asked if asked.path == path]) == 2, "once each"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080"),
        ("SSL_CERT_FILE", "/nonexistent"),
        ("NO_PROXY", "[::1]"),
    ],
)
def test_a_variable_that_keeps_every_site_away_is_named(
    well: Settings, sites: Sites, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    settings = well.model_copy(
        update={
            "source": "declared",
            "govuk_url": sites.url,
            "weather": "openmeteo",
            "weather_url": f"{sites.url}/{{service}}",
        }
    )
    findings = found(settings)
    for check in ("source of channel", "weather of channel"):
        assert findings[check].state != "ok"
        assert findings[check].said.startswith(name)
    assert sites.asked == []


def test_mail(well: Settings, mailbox: Mailbox, ca_file: Path, authority: trustme.CA) -> None:
    mailing = mail_settings(well.var_dir, mailbox.port, ca_file)
    names = [name for name in mailing.model_fields_set if name.startswith(("smtp", "mail"))]
    settings = well.model_copy(
        update={name: getattr(mailing, name) for name in (*names, "public_url")}
    )
    finding = found(settings)["mail"]
    assert (finding.state, "lets us in" in finding.said) == ("ok", True)
    assert not mailbox.taken, "nothing is sent"
    wrong = settings.model_copy(update={"smtp_password": type(settings.smtp_password)("wrong")})
    finding = found(wrong)["mail"]
    assert (finding.state, "refuses the login" in finding.said) == ("fail", True)
    assert PASSWORD not in repr(finding)
    unsaid = settings.model_copy(update={"public_url": ""})
    assert "CROSSINGS_PUBLIC_URL" in found(unsaid)["mail"].said
    away = settings.model_copy(update={"smtp_port": 9})
    assert found(away)["mail"].state == "fail"


def test_a_degraded_forecast(well: Settings) -> None:
    context: Context = open_context(well)
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "ingest", "later", utc_now(), ROUTE.name)
        assert claimed
        run_store.finish(connection, claimed, "failed", "the site is down", {}, utc_now())
    context.database.close()
    finding = found(well)["forecast"]
    assert finding.state == "fail"
    assert "the site is down" in finding.said


def test_a_broken_header_is_no_matter_of_the_address(well: Settings) -> None:
    file = well.var_dir / "crossings.sqlite"
    content = file.read_bytes()
    for at in (0, 16, 18, 40):
        file.write_bytes(content[:at] + b"\xff" * 16 + content[at + 16 :])
        finding = found(well)["database"]
        if finding.state == "fail":
            assert finding.remedy.startswith("restore the last complete backup"), (at, finding)
        assert at > 18 or finding.state == "fail"


@pytest.mark.parametrize("rows", ["DELETE FROM", "INSERT INTO"])
def test_migrations_that_are_not_one_are_no_empty_database(well: Settings, rows: str) -> None:
    more = " VALUES ('0099')" if rows.startswith("INSERT") else ""
    opened = connect(well.database)
    with opened.writing() as connection:
        connection.execute(sa.text(f"{rows} alembic_version{more}"))
    opened.close()
    finding = found(well)["database"]
    assert finding.state == "fail" and "alembic_version: expected one row" in finding.said
    assert finding.remedy.startswith("restore the last complete backup")
