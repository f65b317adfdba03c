"""``crossings run`` over real faults: it serves the last forecast, says so, and goes on trying."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.cli import run as run_module
from service.core.context import Context, open_context
from service.core.files import RegistryError
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.refit import refit
from tests.service.cli.test_run import Service, Start, start  # noqa: F401
from tests.service.mailbox import free_port
from tests.service.support import Crossings, quick_models
from tests.support.small_disk import fill, mount, small_disk
from tests.support.waiting import wait_until


def issued(settings: Settings) -> str:
    """Publish an issue; gives its name."""
    context = open_context(settings)
    ingest(context, "figures")
    refit(context)
    with context.database.reading() as connection:
        issue = issue_store.get_latest_issue(connection, "people")
    context.database.close()
    assert issue is not None
    return issue.issue_id


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    models = quick_models(tmp_path / "models")
    return Settings(var_dir=tmp_path / "var", models_dir=models, paths=100, fit_seconds=0)


def names_of_reasons(service: Service, issue_id: str) -> set[str]:
    """The reasons that readers are given with that issue."""
    status, body = service.get("/v1/series/people/forecast")
    assert status == 200
    answer = json.loads(body)
    assert answer["issue_id"] == issue_id
    assert (answer["status"] == "degraded") == bool(set(names(answer)) - {"figures_old"})
    return set(names(answer))


def names(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [reason["name"] for reason in answer["reasons"]]


def answers(service: Service) -> bool:
    assert service.process.poll() is None
    with contextlib.suppress(OSError):
        return service.get("/readyz")[0] == 200
    return False


def end(service: Service, number: int = signal.SIGTERM) -> None:
    assert service.stop(number) == 0
    assert "Traceback" not in "".join(service.said)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small") as folder:
        yield folder


def test_a_full_disk(start: Start, small: Path, home: Settings) -> None:  # noqa: F811
    settings = home.model_copy(update={"var_dir": small / "var"})
    issue_id = issued(settings)
    ballast = fill(small)
    service = start(var_dir=settings.var_dir, refit_hours=0.0001)
    service.wait_for("stop with Ctrl-C")
    assert "forecast  not renewed, the last forecast is served: " in "".join(service.said)
    assert "database_not_written" in names_of_reasons(service, issue_id)
    assert service.get("/readyz")[0] == 200
    ballast.unlink()

    def healed() -> bool:
        return json.loads(service.get("/v1/series/people/forecast")[1])["issue_id"] != issue_id

    wait_until(healed, "the scheduler publishes once there is room")
    end(service)


def test_a_disk_that_is_read_only(start: Start, home: Settings) -> None:  # noqa: F811
    issue_id = issued(home)
    var = str(home.var_dir)
    mount("--bind", var, var)
    try:
        mount("-o", "remount,bind,ro", var)
        service = start()
        service.wait_for("stop with Ctrl-C")
        assert "database_read_only" in names_of_reasons(service, issue_id)
        end(service)
    finally:
        subprocess.run(["umount", "--lazy", var], check=True)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_is_read_only(
    start: Start,  # noqa: F811
    home: Settings,
    database_url: str,
) -> None:
    settings = home.model_copy(update={"database_url": database_url})
    issue_id = issued(settings)
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    name = sa.make_url(database_url).database
    try:
        with engine.connect() as connection:
            connection.execute(
                sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            )
            connection.commit()
        service = start("serve", database_url=database_url)
        wait_until(lambda: answers(service), "the server answers")
        assert "database_read_only" in names_of_reasons(service, issue_id)
        end(service)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text("SET default_transaction_read_only = off"))
            connection.execute(
                sa.text(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            )
            connection.commit()
        engine.dispose()


def test_broken_files_of_models(start: Start, home: Settings) -> None:  # noqa: F811
    """First of some, then of all, and last of models that can be read and not fitted."""
    issued(home)
    (home.models_dir / ".#climatology.toml").symlink_to("me@here.1234")
    (home.models_dir / "x.toml").write_text("no TOML")
    service = start(refit_hours=0.0001)
    service.wait_for("stop with Ctrl-C")
    reasons = names(json.loads(service.get("/v1/status")[1]))
    assert "models_left_out" in reasons
    assert not {"no_models", "refit_failed"} & set(reasons)
    for text, reason in (
        ("no TOML", "no_models"),
        ('family = "climatology"\nrole = "champion"\n[parameters]\nx = 1', "refit_failed"),
    ):
        for file in home.models_dir.glob("[!.]*.toml"):
            file.write_text(text)

        def is_served_with(reason: str = reason) -> bool:
            status, body = service.get("/v1/series/people/forecast")
            return status == 200 and reason in names(json.loads(body))

        wait_until(is_served_with, reason, 0.2)
    end(service, signal.SIGHUP)


def test_no_model_stands(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is a forecast it is served; where there is none, the start ends."""
    for file in home.models_dir.glob("*.toml"):
        file.write_text("no TOML")
    with contextlib.closing(open_context(home).database) as database:
        context = Context(home, database)
        run_module._prepare(context, is_served=True)
        said = "forecast  not renewed, the last forecast is served: "
        assert said in capsys.readouterr().err
        with pytest.raises(RegistryError):
            run_module._prepare(context, is_served=False)


def test_without_a_forecast_a_fault_ends_it(
    crossings: Crossings, home: Settings, tmp_path: Path
) -> None:
    for file in home.models_dir.glob("*.toml"):
        file.write_text("no TOML")
    done = crossings("run", models_dir=home.models_dir, port=free_port())
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    open_files = [Path(os.path.realpath(file)) for file in Path("/proc/self/fd").iterdir()]
    assert not [file for file in open_files if file.is_relative_to(tmp_path)]
