"""Backtests on several workers: identical scores, even when a worker is killed."""

import json
import multiprocessing
import os
import signal
import subprocess
from dataclasses import asdict, replace
from functools import partial

import click
import numpy as np
import psutil
import pytest

from forecast import backtest
from forecast.backtest import BacktestConfig, Work, in_turn
from forecast.forecasters.climatology import Climatology
from forecast.forecasters.hurdle import Hurdle
from service.cli.workers import choose_mapper, on_cluster, on_processes
from tests.service.support import ROOT, command
from tests.support.waiting import BOUND, PROCESS, wait_until

# Enough paths that a task is still running when its worker is killed. At the first origin there
# are too few days to fit a model.
CONFIG = BacktestConfig(
    "2018-02-01", "2020-06-01", every=400, horizon=28, paths=10_000, seed=3, series="people"
)


@pytest.fixture(scope="module")
def work(figures):
    return Work({"hurdle": Hurdle(), "climatology": Climatology()}, figures, CONFIG)


@pytest.fixture(scope="module")
def serial_run(work):
    return run(work, in_turn)


def run(work, mapper, progress=lambda: None):
    """Scores with the seconds set to 0, as dictionaries, and the origins that were declined."""
    scores, declined = backtest.rolling_origin(
        work.models, work.figures, work.protocol, progress, mapper
    )
    rows = {name: [asdict(replace(row, seconds=0)) for row in scores[name]] for name in scores}
    return rows, declined


class Deadly:
    """A model that kills its process."""

    def fit(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)


def test_task_that_kills_every_process_is_named(figures):
    config = BacktestConfig("2024-01-01", "2024-01-01", paths=20, series="people")
    with pytest.raises(click.ClickException, match="4 workers in a row died on deadly at"):
        run(Work({"deadly": Deadly()}, figures, config), on_processes(2))


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and one worker process with two threads."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=True,
        dashboard_address="127.0.0.1:0",  # the usual port may be another cluster's
    ) as cluster:
        yield cluster


@pytest.mark.parametrize("kind", ["processes", "cluster"])
def test_tasks_of_killed_workers_are_retried(work, serial_run, kind, request):
    if kind == "processes":
        mapper, list_workers = on_processes(2), multiprocessing.active_children
    else:
        cluster = request.getfixturevalue("cluster")
        mapper, list_workers = on_cluster(cluster.scheduler_address), cluster.workers.values
    killed_pids = []

    def kill_workers():
        if not killed_pids:
            killed_pids.extend(worker.pid for worker in list_workers())
            for pid in killed_pids:
                os.kill(pid, signal.SIGKILL)

    scores, declined = result = run(work, mapper, kill_workers)
    np.testing.assert_equal(result, serial_run)
    assert len(scores["climatology"]) == 2
    assert declined["climatology"] == ["2018-02-01: climatology needs at least 60 days, found 32"]
    assert killed_pids


BACKTEST = ("backtest", "--data", str(ROOT / "service/data/figures.csv"))
WEEKS = ("--first", "2024-01-01", "--last", "2024-02-01", "--models", "climatology")


def test_backtest_command_prints_the_same_scores_with_workers(crossings, cluster):
    def scores(*options):
        done = crossings(*BACKTEST, *WEEKS, "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        for row in report["models"].values():
            del row["seconds_per_origin"]
        return report

    serial = scores()
    assert scores("--workers", "2") == serial
    assert scores("--dask", cluster.scheduler_address) == serial


@pytest.mark.parametrize("address", ["nonsense", "tcp://h:999999", "tcp://user:word@h:1"])
def test_invalid_scheduler_is_rejected(address):
    with pytest.raises(click.UsageError, match="--dask: expected a scheduler such as tcp://host"):
        choose_mapper(1, address)
    with pytest.raises(click.UsageError, match="found both"):
        choose_mapper(2, "tcp://host:8786")


def test_interrupt_is_quiet_and_ends_the_workers():
    days = ("--first", "2020-01-01", "--last", "2025-12-01", "--every", "1")
    process = subprocess.Popen(
        command(*BACKTEST, *days, "--models", "hurdle", "--workers", "2"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group, as in a terminal
        # Background jobs of a shell, such as these tests, may ignore SIGINT.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )

    def find_workers():
        children = psutil.Process(process.pid).children(recursive=True)
        return children if len(children) >= 4 else []

    # The fork server, its resource tracker and two tasks.
    workers = wait_until(find_workers, "both workers have started")
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PROCESS)
    assert (process.returncode, errors.strip()) == (130, "")
    assert not psutil.wait_procs(workers, timeout=BOUND)[1], "the workers end"
