"""Helpers for the tests of the service."""

import contextlib
import ctypes
import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from forecast.paths import Paths
from forecast.series import ONE_DAY
from forecast.specs import champion, published
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.database import connect
from service.core.route_files import enabled_routes
from service.core.tables import issues
from service.data import observation_store
from service.issues import issue_store, note_store
from service.issues.declared_models import declared
from service.issues.issue_store import Entry, Issue
from tests.support.loopback_guard import with_guard
from tests.support.waiting import BOUND, wait_until

ROOT = Path(__file__).resolve().parents[2]
NOW = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
"""Two days after the last embedded figure, so the forecast is fresh."""
ISSUED_AT = dt.datetime(2026, 1, 1, 14, tzinfo=dt.UTC)
"""When the service was published whose database tests copy."""
ISSUE_HOURS = 1000
"""How old its issue may be, so that only its figures are old at later times."""

_LIBC = ctypes.CDLL(None)
_SPECS = declared(ROOT / "models")
DECLARED = sorted(published(_SPECS))
"""Names of the published models of the project."""

CHAMPION = champion(_SPECS)

ROUTE = enabled_routes(ROOT / "series")[0]
"""The first enabled route."""

Crossings = Callable[..., "subprocess.CompletedProcess[str]"]


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


def environment(**settings):
    """Environment of a child process: ours with only these `settings`.

    By default the child reads only the embedded figures.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CROSSINGS_")}
    given = {f"CROSSINGS_{name.upper()}": str(value) for name, value in settings.items()}
    defaults = {"PYTHONPATH": with_guard(str(ROOT)), "CROSSINGS_SOURCE": "figures"}
    defaults["CROSSINGS_WEATHER"] = "off"
    return environment | defaults | given


# Sets the clock before anything imports it: to stand still, or to go on from a moment.
_WITH_CLOCK = """
import datetime, sys
from service.core import clock
start, real = datetime.datetime.fromisoformat(sys.argv.pop(1)), clock.utc_now
begun = real() if sys.argv.pop(1) == "goes" else None
clock.utc_now = lambda: start + (real() - begun) if begun else start
from service.cli import main
sys.argv[0] = "crossings"
main()
"""


def command_at(moment, *arguments, goes=False):
    """Command line of the service, run as at `moment`; the clock stands still unless it `goes`."""
    clock = [moment.isoformat(), "goes" if goes else "stands"]
    return [sys.executable, "-c", _WITH_CLOCK, *clock, *arguments]


def command(*arguments):
    return [sys.executable, "-m", "service.cli", *arguments]


def as_environment(settings):
    """Environment in which a child process has these settings."""
    return environment(**settings.model_dump(exclude_defaults=True))


class ManualClock:
    """A clock that is set by hand."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


def declare_model(models, name, family, role, more=""):
    """Write the declaration of a model."""
    text = f'title = "The {name}"\nfamily = "{family}"\nrole = "{role}"\n{more}'
    models.mkdir(exist_ok=True)
    (models / f"{name}.toml").write_text(text)


def declare_quick_models(models):
    """Declare two models that need no optimiser."""
    declare_model(models, "climatology", "climatology", "champion")
    declare_model(models, "seasonal_naive", "seasonal_naive", "baseline")
    return models


def read_table(text):
    """Return the rows of a printed table, by column; of a cell in several lines, the first."""
    lines = [line.replace("┃", "│").split("│") for line in text.splitlines()]
    columns, *rows = [[cell.strip() for cell in line[1:-1]] for line in lines if len(line) > 2]
    return [dict(zip(columns, row, strict=True)) for row in rows if row[0]]


def record_run(
    database,
    period="first",
    moment=NOW,
    *,
    job="refit",
    outcome="running",
    reason=None,
    detail=None,
    ended=None,
):
    """Record a run, ended unless `outcome` is ``running``; return its id."""
    with database.writing() as connection:
        claimed = run_store.claim_run(connection, job, period, moment, ROUTE.name)
        assert claimed is not None
        if outcome != "running":
            run_store.finish_run(
                connection, claimed, outcome, reason, dict(detail or {}), ended or moment
            )
    return claimed.run_id


def latest_run(context, job):
    with context.database.reading() as connection:
        return run_store.get_latest_run(connection, job)


def publish(
    database,
    paths,
    run_id,
    issued_at=NOW,
    series_id="people",
    champion="climatology",
    failures=None,
    wanted="",
    kind="live",
):
    """Store an issue with these `paths` by model."""
    first = next(iter(paths.values()))
    origin = (first.start - ONE_DAY).item()
    issue = Issue(
        issue_id=issue_store.make_id(series_id, origin, issued_at, f"{run_id}"),
        series_id=series_id,
        run_id=run_id,
        kind=kind,
        origin=origin,
        data_through=origin,
        as_of=issued_at,
        issued_at=issued_at,
        champion=champion,
        wanted=wanted or champion,
        seed=1,
        n_paths=first.n_paths,
        horizon_days=first.horizon,
        inputs_hash="0" * 64,
        failures=dict(failures or {}),
    )
    rows = [(Entry(m, f"The {m}", "champion", "v1"), p) for m, p in paths.items()]
    with database.writing() as connection:
        issue_store.insert_issue(connection, issue, rows)
        figures = observation_store.get_series(connection, series_id, issued_at)
        if figures is not None:
            note_store.save_inputs(connection, issue, figures.upto(origin), "0" * 64)
    return issue


def random_paths(start, horizon, n_paths=50, seed=0):
    """Paths with many zeros and a long tail, like arrivals."""
    rng = np.random.default_rng(seed)
    busy = rng.random((n_paths, horizon)) < 0.4
    return Paths(np.datetime64(start), np.where(busy, rng.geometric(0.01, busy.shape), 0))


@contextlib.contextmanager
def collect_sql(context):
    """Collect the statements sent to the database."""
    seen = []

    def note(connection, cursor, statement, *rest):
        seen.append(statement)

    sa.event.listen(context.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(context.database.engine, "before_cursor_execute", note)


def run_concurrently(threads, work):
    """Call `work` in several threads at the same moment; return the results."""
    start = threading.Barrier(threads)

    def run(_):
        start.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def drop_file_capabilities():
    """Drop root's right to ignore file permissions, before starting a program.

    These are CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
    """
    for capability in (1, 2):
        _LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; fails unless root


def date_issues_as_now(settings):
    """Let the issues be new to commands, which have the real clock."""
    with contextlib.closing(connect(settings.database)) as opened, opened.writing() as connection:
        connection.execute(issues.update().values(issued_at=utc_now()))


def write_problem_of(database):
    with database.reading() as connection:
        return database.write_problem(connection)


@contextlib.contextmanager
def open_copy(store, settings):
    """Copy the SQLite file `store` to its place in `settings`, and open it."""
    settings.var_dir.mkdir(exist_ok=True)
    shutil.copy(store, settings.var_dir / "crossings.sqlite")
    context = open_context(settings)
    with contextlib.closing(context.database):
        yield context


def drop_everything(url):
    """Drop all tables of a PostgreSQL database."""
    with contextlib.closing(connect(url)) as opened, opened.writing() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def run_server(settings, bound=False, stderr=subprocess.PIPE, **more):
    """Run a real server with these settings during the block; yield its address.

    Its clock starts at `NOW`. If `bound`, file permissions apply even if it runs as root.
    """
    port = free_port()
    more = {"port": port, "log_level": "WARNING"} | more
    env = as_environment(settings) | environment(**more)
    with subprocess.Popen(
        command_at(NOW, "serve", goes=True),
        env=env,
        cwd=ROOT,
        stderr=stderr,
        preexec_fn=drop_file_capabilities if bound else None,
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"

            def answers():
                assert server.poll() is None, server.stderr and server.stderr.read()
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/livez", timeout=BOUND).close()
                    return True
                return False

            wait_until(answers, "the server answers")
            yield address
        finally:
            server.terminate()
            server.communicate(timeout=BOUND)
