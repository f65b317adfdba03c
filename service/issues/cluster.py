"""Run work on a Dask cluster."""

__all__ = ["ClusterError", "run_locked", "connect", "run_on_worker"]

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from importlib import import_module
from typing import Any, TypeVar

from service.core.job_runner import JobError
from service.issues.resource_limits import LimitError, Limits, run_limited

A = TypeVar("A")
R = TypeVar("R")

_SECONDS_TO_CONNECT = 30
_clients: dict[str, Any] = {}
_connecting = threading.Lock()
_one_at_a_time = threading.Lock()


class ClusterError(JobError):
    """A cluster that cannot be reached."""


def connect(address: str) -> Any:
    """Return this process's client of the cluster at `address`, once it has a worker.

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
        distributed = import_module("distributed")
        client = distributed.Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except ImportError as error:
        raise ClusterError(
            "a Dask cluster needs the package `distributed`: install the extra `cluster`"
        ) from error
    except (OSError, TypeError, ValueError) as error:  # TypeError: no certificates
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


def run_on_worker(address: str, work: Callable[[A], R], argument: A, limits: Limits) -> R:
    """Run ``work(argument)`` on the cluster at `address`, as `run_limited` in a child of a worker.

    Raises `ClusterError` if the cluster cannot be reached or has no workers left; `LimitError`.
    """
    client = connect(address)
    future = client.submit(_run_limited, work, argument, limits, pure=False)
    try:
        while not future.done():
            try:
                future.result(_SECONDS_TO_CONNECT)
            except TimeoutError:
                _wait_for_worker(client, address)
        result: R = future.result()
    except import_module("distributed").KilledWorker as error:
        raise LimitError(f"several workers of {address} in a row died while running it") from error
    except CancelledError as error:
        client.close()
        raise ClusterError(f"{address}: the Dask scheduler is gone") from error
    return result


def _run_limited(work: Callable[[A], R], argument: A, limits: Limits) -> R:
    if limits.seconds == 0:
        return run_locked(work, argument)
    multiprocessing.current_process().daemon = False  # as Dask's are; daemons start no processes
    return run_limited(work, argument, limits)
