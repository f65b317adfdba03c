"""Parallel backtests: processes of this machine, or the workers of a Dask cluster.

Tasks that a dead process left undone are tried again; the outcomes are bit-identical.
"""

__all__ = ["choose_mapper", "on_cluster", "on_processes"]

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from importlib import import_module
from multiprocessing.pool import ThreadPool
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from forecast.backtest import Mapper, Outcome, Task, Work, attempt, in_turn
from service.core.setting_types import DaskScheduler
from service.issues.resource_limits import LimitError, Limits, run_limited

_MOST_TRIES = 4
_UNLIMITED = 1_000_000  # seconds, megabytes


def choose_mapper(workers: int, dask: str | None) -> Mapper:
    """Return the mapper for these options: a cluster, processes, or sequential."""
    if not dask:
        return on_processes(workers) if workers > 1 else in_turn
    if workers > 1:
        raise click.UsageError("expected --workers or --dask, found both")
    try:
        TypeAdapter(DaskScheduler).validate_python(dask)
    except ValidationError:
        raise click.UsageError("--dask: expected a scheduler such as tcp://host:8786") from None
    return on_cluster(dask)


def on_processes(count: int) -> Mapper:
    """Run `count` tasks at once, each in a process of this machine."""

    def mapper(work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        modules = sorted(name for name in sys.modules if name.startswith("forecast."))
        limits = Limits(_UNLIMITED, _UNLIMITED, tuple(modules))

        def run(place: int) -> tuple[int, Outcome]:
            for _ in range(_MOST_TRIES):
                with suppress(LimitError):
                    return place, run_limited(partial(attempt, work), tasks[place], limits)
            raise _task_error(tasks[place])

        with ThreadPool(count) as threads:
            yield from threads.imap_unordered(run, range(len(tasks)))

    return mapper


def on_cluster(address: str) -> Mapper:
    """Run the tasks on the Dask cluster whose scheduler is at `address`.

    Raises `ClusterError` if it cannot be reached.
    """
    from service.issues.cluster import ClusterError, connect, run_locked

    def mapper(work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        with connect(address) as client:
            distributed: Any = import_module("distributed")
            # As a task of its own, it is computed again when the worker that holds it dies.
            shared = client.submit(_itself, work, pure=False)
            futures = client.map(
                partial(run_locked, attempt), [shared] * len(tasks), tasks, pure=False
            )
            places = {future.key: place for place, future in enumerate(futures)}
            try:
                for future in distributed.as_completed(futures, loop=client.loop):
                    outcome = future.result()
                    future.release()  # or the cluster would recompute it if its worker died
                    yield places[future.key], outcome
            except distributed.KilledWorker as error:
                raise _task_error(tasks[places[future.key]]) from error
            except CancelledError as error:
                raise ClusterError(f"{address}: the Dask scheduler is gone") from error

    return mapper


def _itself(work: Work) -> Work:
    return work


def _task_error(task: Task) -> click.ClickException:
    message = f"{_MOST_TRIES} workers in a row died on {task.model} at {task.origin}"
    return click.ClickException(message)
