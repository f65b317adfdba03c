"""Many workers: the same outcomes bit for bit, also when a worker is killed at its task."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast import backtest
from forecast.backtest import BacktestConfig, Mapper, OriginScore, Outcome, Work
from forecast.forecasters.base import Forecaster
from forecast.forecasters.climatology import Climatology
from forecast.forecasters.hurdle import Hurdle
from forecast.series import DailySeries
from service.cli.workers import WorkersError, on_cluster, on_processes
from service.issues.cluster import ClusterError
from tests.service.support import Crossings
from tests.support.waiting import PROCESS, wait_until

ROOT = Path(__file__).resolve().parents[3]
# Enough paths that a task is under way for a while, and can be caught at it. At the first origin
# there is too little to fit a model to.
SLOW = BacktestConfig(
    "2018-02-01", "2020-06-01", every=400, horizon=28, paths=10_000, seed=3, series="people"
)
MODELS: dict[str, Forecaster] = {"hurdle": Hurdle(), "climatology": Climatology()}


def same(one: Outcome, other: Outcome) -> bool:
    """Whether all but the seconds are equal, bit for bit."""
    if not (isinstance(one, OriginScore) and isinstance(other, OriginScore)):
        return one == other
    names = [field.name for field in fields(OriginScore) if field.name != "seconds"]
    np.testing.assert_equal(*({n: getattr(x, n) for n in names} for x in (one, other)))
    return True


def same_runs(one: Any, other: Any) -> bool:
    scores, declined = one
    assert declined == other[1]
    assert {name: len(rows) for name, rows in scores.items()} == {
        name: len(rows) for name, rows in other[0].items()
    }
    return all(
        same(a, b) for name in scores for a, b in zip(scores[name], other[0][name], strict=True)
    )


@pytest.fixture(scope="module")
def work(figures: dict[str, DailySeries]) -> Work:
    return Work(MODELS, figures, SLOW)


@pytest.fixture(scope="module")
def here(work: Work) -> Any:
    return backtest.rolling_origin(work.models, work.figures, work.protocol)


def run(work: Work, mapper: Mapper, progress: Any = lambda: None) -> Any:
    return backtest.rolling_origin(work.models, work.figures, work.protocol, progress, mapper)


def test_processes_change_nothing(work: Work, here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is sent the figures once, and none is left behind."""
    done, sent, children = [], [], []

    def state(self: Work) -> dict[str, Any]:
        sent.append(1)
        return self.__dict__

    def progress() -> None:
        done.append(1)
        alive = multiprocessing.active_children()
        children[:] = [child for child in alive if child.name.startswith("Spawn")]

    monkeypatch.setattr(Work, "__getstate__", state, raising=False)
    scores, declined = result = run(work, on_processes(2), progress)
    assert same_runs(result, here)
    assert len(scores["climatology"]) == 2
    assert declined["climatology"] == ["2018-02-01: climatology needs at least 60 days, found 32"]
    assert len(done) == len(work.tasks()) == 6
    assert len(sent) == len(children) == 2
    assert not [child for child in children if child.is_alive()]


def test_killed_processes_cost_a_try_and_nothing_else(work: Work, here: Any) -> None:
    killed: list[int] = []

    def kill() -> None:
        if not killed:
            for child in multiprocessing.active_children():
                assert child.pid
                os.kill(child.pid, signal.SIGKILL)
                killed.append(child.pid)

    assert same_runs(run(work, on_processes(2), kill), here)
    assert len(killed) == 2


DEADLY = """
import os, signal
class Deadly:
    def fit(self, series, covariates=None):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def deadly(
    figures: dict[str, DailySeries], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Work:
    """Work that no worker survives."""
    (tmp_path / "deadly_model.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    import deadly_model  # type: ignore[import-not-found]

    protocol = BacktestConfig("2024-01-01", "2024-01-01", paths=20, series="people")
    return Work({"deadly": deadly_model.Deadly()}, figures, protocol)


def test_a_task_that_kills_every_process_is_named(deadly: Work) -> None:
    with pytest.raises(WorkersError, match="4 workers died.* of deadly at 2024-01-01"):
        run(deadly, on_processes(2))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and two workers, each a process of its own with two threads."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=2,
        processes=True,
        dashboard_address="127.0.0.1:0",  # the usual port may be another cluster's
    ) as cluster:
        yield cluster


def test_a_cluster_changes_nothing(work: Work, here: Any, cluster: Any) -> None:
    done = []
    assert same_runs(run(work, on_cluster(cluster.scheduler_address), lambda: done.append(1)), here)
    assert len(done) == len(work.tasks())


def test_a_killed_worker_of_a_cluster_costs_a_try_and_nothing_else(
    work: Work, here: Any, cluster: Any
) -> None:
    killed: list[int] = []

    def kill() -> None:
        if not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    assert same_runs(run(work, on_cluster(cluster.scheduler_address), kill), here)
    assert killed


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("service.issues.cluster._SECONDS_TO_CONNECT", 1)
    work = Work({}, {}, SLOW)
    for address in ("tcp://127.0.0.1:1", "nowhere://x"):
        with pytest.raises(ClusterError, match="expected a Dask scheduler"):
            list(on_cluster(address)(work, []))


def test_without_the_package_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match="extra `cluster`"):
        list(on_cluster("tcp://127.0.0.1:8786")(Work({}, {}, SLOW), []))


BACKTEST = ("backtest", "--data", str(ROOT / "service/data/figures.csv"))
WEEKS = ("--first", "2024-01-01", "--last", "2024-02-01", "--models", "hurdle,climatology")


def test_the_command_says_the_same_whoever_works(crossings: Crossings, cluster: Any) -> None:
    def scores(*options: str) -> Any:
        done = crossings(*BACKTEST, *WEEKS, "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        for row in found["models"].values():
            del row["seconds_per_origin"]
        return found

    alone = scores()
    assert scores("--workers", "2") == alone
    assert scores("--dask", cluster.scheduler_address) == alone


def test_the_command_refuses_two_kinds_of_workers(crossings: Crossings) -> None:
    done = crossings(*BACKTEST, *WEEKS, "--workers", "2", "--dask", "tcp://x")
    assert (done.returncode, "found both" in done.stderr) == (2, True)


def test_an_interruption_is_quiet_and_leaves_nobody_behind() -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "backtest", "--data", "service/data/figures.csv"]
        + ["--first", "2020-01-01", "--last", "2025-12-01", "--every", "1", "--models", "hurdle"]
        + ["--workers", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group of its own, as a terminal has it
        # A shell lets what it starts in the background ignore it, these tests perhaps among them.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    workers = wait_until(
        lambda: len(found := _workers_of(running.pid)) == 2 and found, "both workers are there"
    )
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=PROCESS)
    assert (running.returncode, said.strip()) == (130, "")
    wait_until(lambda: not any(map(_alive, workers)), "the workers end too")


def _workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if not children.exists():
        pytest.skip("this system does not list a process's children")
    found = [int(pid) for pid in children.read_text().split()]
    return [pid for pid in found if "spawn_main" in _command(pid)]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    return _command(pid) != ""
