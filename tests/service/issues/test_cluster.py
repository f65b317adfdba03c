"""Fits of several routes on a real Dask cluster."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.core import run_store
from service.core.context import Context, open_context
from service.core.job_runner import run_in_parallel
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues import cluster as clusters
from service.issues import issue_store
from service.issues.cluster import ClusterError, run_on_worker
from service.issues.compare import compare
from service.issues.refit import refit
from service.issues.resource_limits import LimitError
from tests.service.support import declare_quick_models
from tests.support.waiting import BOUND, wait_until

LocalCluster = pytest.importorskip("distributed").LocalCluster
LOCAL = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed worker may take long to restart on a busy machine."""
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", BOUND)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and one worker in separate processes."""
    with LocalCluster(n_workers=1, threads_per_worker=2, **LOCAL) as started:
        yield started
        client = clusters._clients.pop(str(started.scheduler_address), None)
        if client is not None:
            client.close()


@pytest.fixture(scope="module")
def address(cluster: Any) -> str:
    return str(cluster.scheduler_address)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the figures of two routes."""
    folder = tmp_path_factory.mktemp("ingested")
    context = open_context(Settings(routes="channel,italy", source="figures", var_dir=folder))
    for one in context.each_route():
        ingest(one)
    context.database.close()
    return folder / "crossings.sqlite"


def open_two_routes(ingested: Path, folder: Path, **settings: Any) -> Context:
    """Two routes with ingested figures and no forecast."""
    (folder / "var").mkdir(parents=True)
    shutil.copy(ingested, folder / "var")
    options = Settings(
        routes="channel,italy",
        source="figures",
        var_dir=folder / "var",
        fitted_dir=folder / "fitted",
        models_dir=declare_quick_models(folder / "models"),
        paths=100,
        horizon=28,
        workers=2,
        champion_origins=4,
        **settings,
    )
    return open_context(options)


def refit_routes(context: Context) -> dict[str, Any]:
    """Refit each route; return the champion's paths by route."""
    paths_by_route = {}
    for one, result in run_in_parallel(context, refit):
        assert not isinstance(result, Exception), result
        with context.database.reading() as connection:
            issue = issue_store.get_latest_issue(connection, one.route.leading)
            assert issue is not None
            paths = issue_store.load_paths(connection, issue, issue.champion)
            assert paths is not None
            paths_by_route[one.route.name] = paths.values
    return paths_by_route


def test_fits_on_workers_equal_local_fits(
    address: str, ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = open_two_routes(ingested, tmp_path / "local", fit_seconds=0)
    remote = open_two_routes(ingested, tmp_path / "remote", dask=address)
    local_paths = refit_routes(local)
    with monkeypatch.context() as patch:  # no fit in this process or its children
        patch.setattr("service.issues.fit_task.run_limited", None)
        patch.setattr("forecast.joint.fit", None)
        remote_paths = refit_routes(remote)
        compared = {one.route.name: result for one, result in run_in_parallel(remote, compare)}
    assert set(local_paths) == set(remote_paths) == {"channel", "italy"}
    for name, paths in local_paths.items():
        np.testing.assert_array_equal(paths, remote_paths[name])
    for one in local.each_route():
        result = compared[one.route.name]
        assert not isinstance(result, Exception), result
        assert result.detail["computed"] > 0
        assert result.detail["ratios"] == compare(one).detail["ratios"]
    with remote.database.reading() as connection:
        run = run_store.get_latest_run(connection, "refit", "done", "italy")
    assert run and run.detail["steps"][0]["step"] == "fit climatology", "timings are recorded"
    for context in (local, remote):
        context.database.close()


def kill_self(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_worker_enforces_limits(address: str) -> None:
    with pytest.raises(LimitError, match=r"longer than 1 s"):
        run_on_worker(address, time.sleep, BOUND, "sleep", 1, 500)
    with pytest.raises(LimitError, match="it needs more than 64 MB"):
        run_on_worker(address, bytearray, 200_000_000, "fill", BOUND, 64)
    with pytest.raises(LimitError, match="its process ended with status -9"):
        run_on_worker(address, kill_self, 0, "die", BOUND, 500)
    with pytest.raises(ValueError, match="invalid literal"):
        run_on_worker(address, int, "x", "int", BOUND, 500)
    assert run_on_worker(address, abs, -3, "abs", BOUND, 500) == 3


def wait_for_file(folder: str) -> int:
    """Create ``begun``; return once ``go`` exists."""
    Path(folder, "begun").touch()
    wait_until(Path(folder, "go").exists, "the file go exists")
    return 3


def test_task_of_killed_worker_is_retried(address: str, cluster: Any, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(
            run_on_worker, address, wait_for_file, str(tmp_path), "wait", BOUND, 500
        )
        wait_until((tmp_path / "begun").exists, "the work has begun")
        for worker in cluster.workers.values():
            os.kill(worker.pid, signal.SIGKILL)
        (tmp_path / "go").touch()
        assert waiting.result(BOUND) == 3


def test_unreachable_cluster_fails_jobs_in_one_line(
    ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", 1)
    context = open_two_routes(ingested, tmp_path, dask="tcp://127.0.0.1:1")
    for job in (refit, compare):
        with pytest.raises(ClusterError, match="tcp://127.0.0.1:1: expected a Dask scheduler"):
            job(context)
    with context.database.reading() as connection:
        run = run_store.get_latest_run(connection, "refit")
    assert run and run.outcome == "failed" and "expected a Dask scheduler" in run.reason
    context.database.close()


def test_lost_scheduler_is_reported_and_successor_is_used(
    address: str, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test of this file: it ends the shared cluster."""
    assert run_on_worker(address, abs, -3, "abs", BOUND, 500) == 3
    client = clusters.connect(address)
    with ThreadPoolExecutor() as pool:
        folder = str(tmp_path)
        waiting = pool.submit(run_on_worker, address, wait_for_file, folder, "wait", BOUND, 500)
        wait_until((tmp_path / "begun").exists, "the work has begun")
        with monkeypatch.context() as patch:
            patch.setattr(clusters, "_SECONDS_TO_CONNECT", 1)
            cluster.close()
            with pytest.raises(ClusterError, match=f"{address}: .*(gone|found none)"):
                waiting.result(BOUND)
            assert client.status == "closed", "it does not try to reconnect"
            with pytest.raises(ClusterError, match="expected a Dask scheduler, found none"):
                run_on_worker(address, abs, -3, "abs", BOUND, 500)
        (tmp_path / "go").touch()  # ends the task if it still runs
    port = int(address.rpartition(":")[2])
    with LocalCluster(n_workers=1, scheduler_port=port, **LOCAL):
        assert run_on_worker(address, abs, -3, "abs", BOUND, 500) == 3
        client = clusters.connect(address)
    wait_until(lambda: client.status == "connecting", "the idle client has lost its scheduler")
    with monkeypatch.context() as patch, pytest.raises(ClusterError, match="found none"):
        patch.setattr(clusters, "_SECONDS_TO_CONNECT", 1)
        clusters.connect(address)
    assert client.status == "closed"
