import datetime as dt
import inspect
import os
import re
import shutil
import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.answers import state
from service.cli import doctor as module
from service.cli.doctor import clock, examine, space
from service.core import run_store, sqlite
from service.core.database import connect
from service.core.locks import SCHEDULER, try_lock
from service.core.settings import Settings
from service.issues.declared_models import PROBLEMS
from tests.service.mailbox import PASSWORD, mail_settings
from tests.service.support import ISSUED_AT, NOW, ROOT, ROUTE, declare_quick_models, record_run
from tests.support.sites import PAGE, SiteResponse
from tests.support.waiting import BOUND

LATER = NOW + dt.timedelta(days=9)
"""When the embedded figures are out of date."""


def diagnose(settings, now=LATER):
    return {finding.check: finding for finding in examine(settings, lambda: now)}


def get_faults(findings):
    """The states that are not ok; checks that exactly those have a remedy."""
    states = {check: finding.state for check, finding in findings.items() if finding.state != "ok"}
    assert {check for check, finding in findings.items() if finding.remedy} == set(states)
    return states


@pytest.fixture
def healthy(context):
    """Settings of a healthy service with a running scheduler."""
    with try_lock(context.database, SCHEDULER):
        yield context.settings


def execute(context, statement):
    with context.database.writing() as connection:
        connection.execute(sa.text(statement))


def test_healthy_service(healthy):
    findings = diagnose(healthy)
    # The embedded figures are out of date.
    assert get_faults(findings) == {"forecast": "warn"}
    assert findings["scheduler"].said == "running"
    assert "7 versions are intact" in findings["fitted"].said
    others = {"clock", "database", "migrations", "models of channel", "mail", "source of channel"}
    assert others <= set(findings)


def test_missing_database_is_not_created(tmp_path):
    settings = Settings(var_dir=tmp_path / "var", fitted_dir=tmp_path / "fitted")
    findings = diagnose(settings)
    assert get_faults(findings) == {"database": "fail"}
    assert findings["database"].remedy == "`crossings run` creates and fills it"
    assert not settings.var_dir.exists()


def test_unknown_route_does_not_stop_the_other_checks(healthy):
    findings = diagnose(healthy.model_copy(update={"routes": "gone"}))
    assert (findings["routes"].state, "found gone" in findings["routes"].said) == ("fail", True)
    assert findings["migrations"].state == "ok"


def test_database_without_tables_is_not_migrated(database_url, tmp_path):
    settings = Settings(database_url=database_url, var_dir=tmp_path, fitted_dir=tmp_path / "x")
    connect(database_url).close()
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    findings = diagnose(settings)
    assert get_faults(findings) == {"migrations": "warn"}
    opened = connect(database_url)
    with opened.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []
    opened.close()


@pytest.mark.parametrize("revision", ["0053", "9999"])
def test_unknown_database_revision(healthy, context, revision):
    execute(context, f"UPDATE alembic_version SET version_num = '{revision}'")
    findings = diagnose(healthy)
    assert get_faults(findings) == {"forecast": "warn", "migrations": "fail"}
    assert revision in findings["migrations"].said


def test_unreachable_database(tmp_path):
    with socket.socket() as closed:  # bound, but not listening
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = f"postgresql://crossings:hush-hush@127.0.0.1:{port}/x?connect_timeout=2"
        findings = diagnose(Settings(database_url=url, var_dir=tmp_path, fitted_dir=tmp_path / "x"))
    assert findings["database"].state == "fail"
    assert "hush" not in repr(findings)
    assert findings["models of channel"].state == "ok", "other checks still run"


RESTORE = "restore the last complete backup, or move the database away to start afresh"


def test_corrupt_pages_suggest_a_restore(healthy, context):
    file = healthy.var_dir / "crossings.sqlite"
    execute(context, "CREATE TABLE filler AS SELECT * FROM observations")
    content = bytearray(file.read_bytes())
    for page in range(20, len(content) // 4096, 3):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    findings = [finding for finding in examine(healthy) if finding.check == "database"]
    assert ("fail", RESTORE) in [(finding.state, finding.remedy) for finding in findings]


def test_invalid_database_suggests_a_restore(healthy, context):
    execute(context, "DELETE FROM alembic_version")
    finding = diagnose(healthy)["database"]
    assert "alembic_version: expected one row" in finding.said
    assert (finding.state, finding.remedy) == ("fail", RESTORE)
    file = healthy.var_dir / "crossings.sqlite"
    file.write_bytes(b"\xff" * 16 + file.read_bytes()[16:])
    finding = diagnose(healthy)["database"]
    assert (finding.state, finding.remedy) == ("fail", RESTORE)


def test_clock_before_the_latest_record(healthy):
    findings = diagnose(healthy, ISSUED_AT - dt.timedelta(hours=1))
    assert findings["clock"].state == "fail"
    assert "latest record is from" in findings["clock"].said
    assert clock(dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).state == "fail"


@pytest.mark.parametrize(
    ("free", "state"), [(0, "fail"), (150 * 10**6, "fail"), (9 * 10**8, "warn"), (10**10, "ok")]
)
def test_disk_space(free, state):
    assert space("disk", free).state == state


def test_missing_scheduler_dead_run_and_forgotten_request(context):
    now = LATER
    record_run(context.database, "once", now, job="renew")
    with context.database.writing() as connection:
        for job, minutes in (("ingest", 31), ("weather", 29)):
            requested_at = now - dt.timedelta(minutes=minutes)
            run_store.request_run(connection, job, "a key", requested_at, ROUTE.name)
    findings = diagnose(context.settings, now)
    states = {"forecast": "warn", "scheduler": "fail", "job renew": "warn", "job ingest": "warn"}
    assert get_faults(findings) == states
    assert findings["scheduler"].said == "no scheduler is running"
    assert "its process died" in findings["job renew"].said
    assert "still waiting" in findings["job ingest"].said


def test_corrupt_fitted_versions_and_a_file_in_place_of_their_folder(healthy):
    versions = sorted(healthy.fitted_folder.glob("*/*/2*"))[:2]
    versions[0].write_bytes(b"{}")
    versions[1].write_bytes(versions[1].read_bytes()[:-100])
    findings = [finding for finding in examine(healthy) if finding.check == "fitted"]
    for version, finding in zip(versions, findings, strict=True):
        assert (finding.state, str(version) in finding.said) == ("warn", True)
    shutil.rmtree(healthy.fitted_folder)
    healthy.fitted_folder.write_text("a file")
    finding = diagnose(healthy)["fitted"]
    assert finding.state == "fail"
    assert finding.said == f"{healthy.fitted_folder}: File exists"
    assert finding.remedy == f"let user {os.geteuid()} read and write there"


def test_models_are_checked_for_each_route(healthy, tmp_path):
    models = declare_quick_models(tmp_path / "declared")
    (models / "hurdle (copy).toml").write_text('family = "hurdle"')
    italy = (healthy.series_dir / "italy.toml").read_text().replace("../service", f"{ROOT}/service")
    for name, model in (("a", "climatology"), ("b", "nothere")):
        text = italy.replace("italy_people", f"{name}_people")
        (tmp_path / f"{name}.toml").write_text(f'models = ["{model}"]\n{text}')
    changed = {"series_dir": tmp_path, "routes": "a,b", "models_dir": models}
    findings = [*examine(healthy.model_copy(update=changed))]
    warning, count = [finding for finding in findings if finding.check == "models of a"]
    assert (warning.state, count.state) == ("warn", "ok")
    assert "hurdle (copy).toml: model 'hurdle (copy)': expected a name" in warning.said
    assert count.said == "1 declared, climatology the champion"
    (missing,) = [finding for finding in findings if finding.check == "models of b"]
    assert (missing.state, "found nothere" in missing.said) == ("fail", True)


def test_source_and_weather_sites(healthy, sites):
    settings = healthy.model_copy(
        update={
            "source": "declared",
            "govuk_url": sites.url,
            "govuk_assets_url": sites.url,
            "weather": "openmeteo",
            "weather_url": f"{sites.url}/{{service}}",
            "fetch_seconds": BOUND,
        }
    )
    findings = diagnose(settings)
    assert findings["source of channel"].state == "fail"
    assert findings["weather of channel"].state == "warn"
    assert "404" in findings["source of channel"].said
    sites.replies[PAGE] = SiteResponse(b"<h1>Here</h1>")
    assert diagnose(settings)["source of channel"].state == "ok"
    assert sites.times(PAGE) == 2, "one request per check"
    source = diagnose(settings.model_copy(update={"routes": "italy"}))["source of italy"]
    assert (source.state, source.said) == ("ok", "a file, so no site is read")


def test_mail_server(healthy, mailbox, ca_file, monkeypatch):
    mailer = mail_settings(healthy.var_dir, mailbox.port, ca_file)
    names = [name for name in mailer.model_fields_set if name.startswith(("smtp", "mail"))]
    settings = healthy.model_copy(
        update={name: getattr(mailer, name) for name in (*names, "public_url")}
    )
    finding = diagnose(settings)["mail"]
    assert (finding.state, "accepts the login" in finding.said) == ("ok", True)
    assert not mailbox.taken
    wrong = settings.model_copy(update={"smtp_password": type(settings.smtp_password)("wrong")})
    finding = diagnose(wrong)["mail"]
    assert (finding.state, "credentials invalid" in finding.said) == ("fail", True)
    assert PASSWORD not in repr(finding)
    monkeypatch.setattr(module, "check_server", lambda _: f"it repeats {PASSWORD}")
    assert diagnose(settings)["mail"].said == "it repeats ********"


def test_each_reason_of_the_forecast_has_its_remedy(healthy, context):
    reason = "the site is down"
    record_run(context.database, "later", LATER, job="ingest", outcome="failed", reason=reason)
    old, failed = [one for one in examine(healthy, lambda: LATER) if one.check == "forecast"]
    assert old.said.startswith("figures_old: ") and failed.said.startswith("ingest_failed: ")
    assert failed.said.endswith(reason)
    assert (old.state, old.remedy) == ("warn", "nothing, or read a live source")
    assert (failed.state, "crossings ingest --dry-run" in failed.remedy) == ("fail", True)


def test_every_reason_has_a_remedy():
    source = inspect.getsource(state)
    named = {*re.findall(r'Reason\("(\w+)"', source), state.LASTING, *PROBLEMS}
    named |= {sqlite.READ_ONLY[0], sqlite._FULL[0], *(f"{job}_failed" for job in state.NEEDED_JOBS)}
    assert set(module._REMEDIES) == named
