"""Fits on a real Dask cluster."""

import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.issues import cluster as clusters
from service.issues.cluster import ClusterError, run_on_worker
from service.issues.compare import compare
from service.issues.refit import refit
from service.issues.resource_limits import LimitError, Limits
from tests.service.stored_issues import stored_paths, with_settings
from tests.support.loopback import run_raw_server
from tests.support.waiting import BOUND, wait_until

LocalCluster = pytest.importorskip("distributed").LocalCluster
LOCAL = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch):
    """A killed worker may take long to restart on a busy machine."""
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", BOUND)


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and one worker in separate processes."""
    with LocalCluster(n_workers=1, threads_per_worker=2, **LOCAL) as started:
        yield started


@pytest.fixture(scope="module")
def address(cluster):
    return str(cluster.scheduler_address)


def refit_and_compare(context):
    """Return the champion's paths, and the models' ratios."""
    assert refit(context, force=True).outcome == "done"
    ratios = compare(context).detail["ratios"]
    return stored_paths(context)["people", "climatology"], ratios


def test_fits_on_workers_equal_local_fits(address, filled, monkeypatch):
    local = refit_and_compare(with_settings(filled, champion_origins=4))
    shutil.rmtree(filled.settings.fitted_folder)
    with filled.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM model_scores")
    # No fit in this process or its children.
    monkeypatch.setattr("service.issues.fit_task.run_limited", None)
    monkeypatch.setattr("forecast.joint.fit", None)
    remote = with_settings(filled, champion_origins=4, dask=address, fit_seconds=300)
    assert refit_and_compare(remote) == local


def kill_self(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_worker_enforces_limits(address):
    with pytest.raises(LimitError, match=r"longer than 1 s"):
        run_on_worker(address, time.sleep, BOUND, Limits(1, 500))
    with pytest.raises(LimitError, match="its process ended with status -9"):
        run_on_worker(address, kill_self, 0, Limits(BOUND, 500))
    with pytest.raises(ValueError, match="invalid literal"):
        run_on_worker(address, int, "x", Limits(BOUND, 500))
    assert run_on_worker(address, abs, -3, Limits(BOUND, 500)) == 3


def wait_for_file(folder):
    """Create ``begun``; return once ``go`` exists."""
    Path(folder, "begun").touch()
    wait_until(Path(folder, "go").exists, "the file go exists")
    return 3


@pytest.fixture
def waiting(address, tmp_path):
    """The future result of `wait_for_file`, which a worker has begun."""
    with ThreadPoolExecutor() as pool:
        limits = Limits(BOUND, 500)
        result = pool.submit(run_on_worker, address, wait_for_file, str(tmp_path), limits)
        wait_until((tmp_path / "begun").exists, "the work has begun")
        yield result
        (tmp_path / "go").touch()  # ends the task if it still runs


def test_task_of_killed_worker_is_retried(waiting, cluster, tmp_path):
    for worker in cluster.workers.values():
        os.kill(worker.pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    assert waiting.result(BOUND) == 3


def test_unreachable_cluster_fails_jobs_in_one_line(filled):
    address = "tls://127.0.0.1:1"
    for job in (refit, compare):
        with pytest.raises(ClusterError, match=rf"^{address}: expected a Dask scheduler, .*\(TLS"):
            job(with_settings(filled, dask=address))


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_server_of_another_kind_is_named_in_one_line(monkeypatch, reply):
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", BOUND if reply else 1)
    done = threading.Event()

    def talk(connection):
        connection.sendall(reply)
        done.wait(BOUND)

    with run_raw_server(talk) as port:
        address = f"tcp://127.0.0.1:{port}"
        with pytest.raises(ClusterError, match=rf"^{address}: expected a Dask scheduler, found n"):
            run_on_worker(address, abs, -3, Limits(BOUND, 500))
        done.set()


def test_lost_scheduler_is_reported(waiting, address, cluster, monkeypatch):
    """The last test of this file: it ends the shared cluster."""
    monkeypatch.setattr(clusters, "_SECONDS_TO_CONNECT", 1)
    cluster.close()
    with pytest.raises(ClusterError, match=f"{address}: .*(gone|found none)"):
        waiting.result(BOUND)
