"""Run work on a Dask cluster."""

__all__ = ["ClusterError", "run_locked", "connect", "run_on_worker"]

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from importlib import import_module
from typing import Any, TypeVar

from service.core.job_runner import JobError
from service.issues.resource_limits import LimitError, Limits, run_limited

A = TypeVar("A")
R = TypeVar("R")

_SECONDS_TO_CONNECT = 30
_one_at_a_time = threading.Lock()


class ClusterError(JobError):
    """A cluster that cannot be reached."""


def connect(address: str) -> Any:
    """Return a client of the cluster at `address`, once it has a worker; close it after use.

    Raises `ClusterError` if there is no worker, or the package ``distributed`` is not installed.
    """
    try:
        distributed = import_module("distributed")
        with ThreadPoolExecutor(1) as thread:  # in this one an event loop may be running
            thread.submit(asyncio.run, _greet(distributed, address)).result()
        client = distributed.Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except ImportError as error:
        raise ClusterError(
            "a Dask cluster needs the package `distributed`: install the extra `cluster`"
        ) from error
    # TypeError: TLS without certificates; MemoryError: another server's text, read as a length.
    except (OSError, ValueError, TypeError, MemoryError) as error:
        message = f"{address}: expected a Dask scheduler, found none ({error or 'no answer'})"
        raise ClusterError(message) from error
    _wait_for_worker(client, address)
    return client


async def _greet(distributed: Any, address: str) -> None:
    """Connect once: a client would wait forever for a server of another kind."""
    arguments = distributed.Security().get_connection_args("client")
    async with asyncio.timeout(_SECONDS_TO_CONNECT):
        comm = await distributed.comm.connect(address, **arguments)
    await comm.close()


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
    """Do as `run_limited` in a child of a worker of the cluster at `address`.

    Raises `ClusterError` if the cluster cannot be reached or has no workers left; `LimitError`.
    """
    with connect(address) as client:
        future = client.submit(_run_limited, work, argument, limits, pure=False)
        try:
            while not future.done():
                try:
                    future.result(_SECONDS_TO_CONNECT)
                except TimeoutError:
                    _wait_for_worker(client, address)
            result: R = future.result()
        except import_module("distributed").KilledWorker as error:
            message = f"several workers of {address} in a row died while running it"
            raise LimitError(message) from error
        except CancelledError as error:
            raise ClusterError(f"{address}: the Dask scheduler is gone") from error
        return result


def _run_limited(work: Callable[[A], R], argument: A, limits: Limits) -> R:
    if limits.seconds == 0:
        return run_locked(work, argument)
    multiprocessing.current_process().daemon = False  # as Dask's are; daemons start no processes
    return run_limited(work, argument, limits)
