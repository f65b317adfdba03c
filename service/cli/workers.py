"""Parallel backtests: processes of this machine, or the workers of a Dask cluster.

Each worker receives the shared data once, then one task at a time. Tasks that a dead worker left
undone are tried again; the outcomes are bit-identical.
"""

__all__ = ["choose_mapper", "on_cluster", "on_processes"]

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import click

from forecast.backtest import Mapper, Outcome, Task, Work, attempt, in_turn
from service.core.processes import end_with_parent

_MOST_TRIES = 4


def choose_mapper(workers: int, dask: str | None) -> Mapper:
    """Return the mapper for these options: a cluster, processes, or sequential."""
    if not dask:
        return on_processes(workers) if workers > 1 else in_turn
    # Not above: each process of `on_processes` would load these libraries too.
    from pydantic import TypeAdapter, ValidationError

    from service.core.setting_types import DaskScheduler

    if workers > 1:
        raise click.UsageError("expected --workers or --dask, found both")
    try:
        TypeAdapter(DaskScheduler).validate_python(dask)
    except ValidationError:
        raise click.UsageError("--dask: expected a scheduler such as tcp://host:8786") from None
    return on_cluster(dask)


def on_processes(count: int) -> Mapper:
    """Run the tasks on `count` processes of this machine."""

    def mapper(work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        remaining, n_fruitless = dict(enumerate(tasks)), 0
        while remaining:
            before = len(remaining)
            # After a pool that finished nothing, one process takes the tasks in order: if it dies,
            # the first is to blame.
            for place, outcome in _on_pool(1 if n_fruitless else count, work, dict(remaining)):
                del remaining[place]
                yield place, outcome
            n_fruitless = n_fruitless + 1 if len(remaining) == before else 0
            if n_fruitless == _MOST_TRIES:
                raise _task_error(tasks[min(remaining)])

    return mapper


def _on_pool(count: int, work: Work, tasks: dict[int, Task]) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcomes until a process dies, which breaks the pool."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(count, len(tasks)), context, _receive, (work,))
    futures: dict[Future[Outcome], int] = {}
    try:
        # Ignore Ctrl-C during the imports of the new processes, so that no traceback is printed.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with suppress(BrokenProcessPool):
                for place, task in tasks.items():
                    futures[pool.submit(_attempt, task)] = place
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for future in as_completed(futures):
            with suppress(BrokenProcessPool):
                yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_work: Work


def _receive(work: Work) -> None:
    """Initialise a worker: store the shared data, and end when the parent ends."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with_parent()


def _attempt(task: Task) -> Outcome:
    return attempt(_work, task)


def on_cluster(address: str) -> Mapper:
    """Run the tasks on the Dask cluster whose scheduler is at `address`.

    Raises `ClusterError` if it cannot be reached.
    """
    # Not above: each process of `on_processes` would load the database's libraries too.
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
