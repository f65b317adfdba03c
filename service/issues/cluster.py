"""Run work on a Dask cluster."""

__all__ = ["ClusterError", "run_locked", "connect", "run_on_worker"]

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from importlib import import_module
from typing import Any, TypeVar

from service.core.job_runner import JobError
from service.core.timings import add_step
from service.issues.resource_limits import LimitError, run_limited

A = TypeVar("A")
R = TypeVar("R")

_SECONDS_TO_CONNECT = 30
_SECONDS_TO_CLOSE = 1
_clients: dict[str, Any] = {}
_connecting = threading.Lock()
_one_at_a_time = threading.Lock()


class ClusterError(JobError):
    """A cluster that cannot be reached."""


def connect(address: str) -> Any:
    """Return a client of the cluster with the scheduler at `address`, once it has a worker.

    All threads of this process share it until it is closed or its scheduler is gone.

    Raises `ClusterError` if there is no worker, or the package ``distributed`` is not installed.
    """
    with _connecting:
        client = _clients.get(address)
        if client is None or client.status != "running":
            if client is not None:
                client.close()  # or it keeps looking for its scheduler
            client = _clients[address] = _connected(address)
        return client


def _connected(address: str) -> Any:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise ClusterError(
            "a Dask cluster needs the package `distributed`: install the extra `cluster`"
        ) from error
    client = distributed.Client.__new__(distributed.Client)  # to close it if it cannot connect
    try:
        client.__init__(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, TypeError, ValueError) as error:  # TypeError: no certificates
        client.close(timeout=_SECONDS_TO_CLOSE)  # or the interpreter would wait for it at its end
        message = f"{address}: expected a Dask scheduler, found none ({error})"
        raise ClusterError(message) from error
    _wait_for_worker(client, address)
    return client


def _wait_for_worker(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_SECONDS_TO_CONNECT)
    except TimeoutError as error:
        client.close()
        raise ClusterError(f"{address}: expected a Dask worker, found none") from error


def run_locked(work: Callable[..., R], *arguments: Any) -> R:
    """Run `work` under a lock of this worker: some packages share state between threads."""
    with _one_at_a_time:
        return work(*arguments)


def run_on_worker(
    address: str,
    work: Callable[[A], R],
    argument: A,
    name: str,
    seconds: float,
    megabytes: int,
    modules: Sequence[str] = (),
) -> R:
    """Run ``work(argument)`` on the cluster at `address`, with the limits of `run_limited`.

    It runs in a process beside the worker, so that a crash does not affect the worker.

    Raises `ClusterError` if the cluster cannot be reached or has no workers left; `LimitError` if
    it took too long, used too much memory or was killed.
    """
    client, began = connect(address), time.perf_counter()
    killed = import_module("distributed").KilledWorker
    limits = seconds, megabytes, modules
    future = client.submit(_run_limited, work, argument, name, *limits, pure=False)
    try:
        while not future.done():
            try:
                future.result(_SECONDS_TO_CONNECT)
            except TimeoutError:
                _wait_for_worker(client, address)
        result: R = future.result()
    except killed as error:
        raise LimitError(f"several workers of {address} in a row died while running it") from error
    except CancelledError as error:
        client.close()
        raise ClusterError(f"{address}: the Dask scheduler is gone") from error
    add_step(name, time.perf_counter() - began)
    return result


def _run_limited(
    work: Callable[[A], R],
    argument: A,
    name: str,
    seconds: float,
    megabytes: int,
    modules: Sequence[str],
) -> R:
    if seconds == 0:
        return run_locked(work, argument)
    multiprocessing.current_process().daemon = False  # as Dask's are; daemons start no processes
    return run_limited(work, argument, name, seconds, megabytes, modules)
