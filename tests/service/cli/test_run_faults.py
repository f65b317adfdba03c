"""``crossings run`` serves the last forecast and retries under full disks and broken models."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from service.app import create_app
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues.refit import refit
from tests.service.stored_issues import latest_issue
from tests.service.support import declare_quick_models, free_port
from tests.support.small_disk import fill, mount, small_disk
from tests.support.waiting import BOUND, wait_until

FORECAST = "/v1/series/people/forecast"


def publish_issue(settings):
    """Publish an issue and return its ID."""
    context = open_context(settings)
    with contextlib.closing(context.database):
        ingest(context, "figures")
        refit(context)
        return latest_issue(context).issue_id


@pytest.fixture
def home(tmp_path):
    models = declare_quick_models(tmp_path / "models")
    return Settings(var_dir=tmp_path / "var", models_dir=models, paths=100, fit_seconds=0)


def read_reasons(answer, issue_id):
    """The names of the reasons given with the issue, which must be served."""
    status, body = answer
    assert status == 200
    forecast = json.loads(body)
    assert forecast["issue_id"] == issue_id
    assert (forecast["status"] == "degraded") == bool(get_reasons(body) - {"figures_old"})
    return get_reasons(body)


def get_reasons(body):
    return {reason["name"] for reason in json.loads(body)["reasons"]}


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        yield folder


def test_run_serves_the_last_forecast_on_a_full_disk(start, small, home):
    settings = home.model_copy(update={"var_dir": small / "var"})
    issue_id = publish_issue(settings)
    ballast = fill(small)
    service = start(var_dir=settings.var_dir, refit_hours=0.0001)
    service.wait_for("stop with Ctrl-C")
    assert "forecast  not updated, the last forecast is served: " in service.output
    assert "database_not_written" in read_reasons(service.get(FORECAST), issue_id)
    assert service.get("/readyz")[0] == 200
    ballast.unlink()

    def has_new_issue():
        return json.loads(service.get(FORECAST)[1])["issue_id"] != issue_id

    wait_until(has_new_issue, "the scheduler publishes once there is space")
    service.stop()


def test_run_serves_from_a_read_only_disk_and_ends_with_a_child(start, home):
    issue_id = publish_issue(home)
    var = str(home.var_dir)
    mount("--bind", var, var)
    try:
        mount("-o", "remount,bind,ro", var)
        service = start()
        service.wait_for("stop with Ctrl-C")
        assert "database_read_only" in read_reasons(service.get(FORECAST), issue_id)
        children = service.children()
        (scheduler,) = [child for child in children if child.cmdline()[-1:] == ["scheduler"]]
        scheduler.kill()
        assert service.process.wait(BOUND) == 1
        service.wait_for("Error: the scheduler process ended with status -9")
        assert not psutil.wait_procs(children, timeout=BOUND)[1]
    finally:
        subprocess.run(["umount", "--lazy", var], check=True)


def set_read_only(database_url, value):
    """Set whether new sessions may write: ``on`` or ``off``."""
    engine = sa.create_engine(
        database_url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
    )
    setting = f"SET default_transaction_read_only = {value}"
    with engine.connect() as connection:
        connection.execute(sa.text("SET default_transaction_read_only = off"))
        connection.execute(sa.text(f'ALTER DATABASE "{engine.url.database}" {setting}'))
    engine.dispose()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_last_forecast_is_served_from_read_only_postgresql(home, database_url):
    settings = home.model_copy(update={"database_url": database_url})
    issue_id = publish_issue(settings)
    try:
        set_read_only(database_url, "on")
        context = open_context(settings)
        with contextlib.closing(context.database):
            response = create_app(context, utc_now).test_client().get(FORECAST)
            answer = response.status_code, response.text
        assert "database_read_only" in read_reasons(answer, issue_id)
    finally:
        set_read_only(database_url, "off")


def test_run_serves_the_last_forecast_with_broken_models(start, home):
    """First some cannot be read, then none, and at last none can be fitted."""
    publish_issue(home)
    (home.models_dir / ".#climatology.toml").symlink_to("me@here.1234")
    (home.models_dir / "x.toml").write_text("no TOML")
    service = start(refit_hours=0.0001)
    service.wait_for("stop with Ctrl-C")
    reasons = get_reasons(service.get("/v1/status")[1])
    assert "models_left_out" in reasons
    assert not {"no_models", "refit_failed"} & reasons
    for text, reason in (
        ("no TOML", "no_models"),
        ('family = "climatology"\nrole = "champion"\n[parameters]\nx = 1', "refit_failed"),
    ):
        for file in home.models_dir.glob("[!.]*.toml"):
            file.write_text(text)

        def is_served_with(reason=reason):
            status, body = service.get(FORECAST)
            return status == 200 and reason in get_reasons(body)

        wait_until(is_served_with, reason, 0.2)
    service.stop(signal.SIGHUP)


def test_run_fails_on_broken_models_without_a_forecast(crossings, home, tmp_path):
    for file in home.models_dir.glob("[!.]*.toml"):
        file.write_text("no TOML")
    done = crossings("run", models_dir=home.models_dir, port=free_port())
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    open_files = [Path(os.path.realpath(file)) for file in Path("/proc/self/fd").iterdir()]
    assert not [file for file in open_files if file.is_relative_to(tmp_path)]
