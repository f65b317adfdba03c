"""Parallel backtests: processes of this machine, or the workers of a Dask cluster.

Each worker receives the shared data once, then one task at a time. If a worker dies its task is
retried; the outcomes are bit-identical.
"""

__all__ = ["WorkersError", "choose", "on_cluster", "on_processes"]

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib import import_module
from multiprocessing.connection import wait as wait_for_end
from typing import Any

import click

from forecast.backtest import Mapper, Outcome, Task, Work, attempt, in_turn
from service.issues.cluster import ClusterError, alone, connect

_MOST_TRIES = 4


class WorkersError(click.ClickException):
    """Workers that repeatedly die of a task."""


def choose(workers: int, dask: str | None) -> Mapper:
    """Return the mapper for these options: a cluster, processes, or sequential."""
    if dask and workers > 1:
        raise click.UsageError("expected --workers or --dask, found both")
    if dask:
        return on_cluster(dask)
    return on_processes(workers) if workers > 1 else in_turn


def on_processes(count: int) -> Mapper:
    """Run the tasks on `count` processes of this machine."""

    def mapper(work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        crew = _Crew(work, min(count, len(tasks)))
        try:
            yield from crew.attempt(tasks)
        finally:
            crew.dismiss()

    return mapper


class _Crew:
    """One-process executors, so that a crash affects only one."""

    def __init__(self, work: Work, count: int) -> None:
        self._work = work
        self._idle = [self._hire() for _ in range(count)]
        self._busy: dict[Future[Outcome], tuple[ProcessPoolExecutor, int]] = {}

    def _hire(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_receive,
            initargs=(self._work,),
        )

    def attempt(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        waiting = deque(range(len(tasks)))
        tries = [0] * len(tasks)
        while waiting or self._busy:
            while waiting and self._idle:
                self._hand_out(tasks[waiting[0]], waiting[0])
                tries[waiting.popleft()] += 1
            for future in wait(self._busy, return_when=FIRST_COMPLETED).done:
                worker, place = self._busy.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    if tries[place] == _MOST_TRIES:
                        raise _deadly(tasks[place]) from None
                    worker.shutdown(wait=False)
                    self._idle.append(self._hire())
                    waiting.appendleft(place)
                else:
                    self._idle.append(worker)
                    yield place, outcome

    def _hand_out(self, task: Task, place: int) -> None:
        worker = self._idle.pop()
        # Ignore Ctrl-C during the imports of the new process, so that no traceback is printed.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            try:
                future = worker.submit(_attempt, task)
            except BrokenProcessPool:  # it died while idle
                worker.shutdown(wait=False)
                worker = self._hire()
                future = worker.submit(_attempt, task)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._busy[future] = (worker, place)

    def dismiss(self) -> None:
        """Stop the workers, including one still busy after an interruption."""
        for worker in self._idle:
            worker.shutdown()
        for worker, _ in self._busy.values():
            worker.shutdown(wait=False, cancel_futures=True)


_work: Work


def _receive(work: Work) -> None:
    """Initialise a worker: store the shared data, and end when the parent ends."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for_end([sentinel])
    os._exit(1)


def _attempt(task: Task) -> Outcome:
    return attempt(_work, task)


def on_cluster(address: str) -> Mapper:
    """Run the tasks on the Dask cluster whose scheduler is at `address`.

    Raises `ClusterError` if it cannot be reached.
    """

    def mapper(work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        with connect(address) as client:
            distributed: Any = import_module("distributed")
            # As a task of its own it can be had again when the worker that holds it dies.
            shared = client.submit(_itself, work, pure=False)
            futures = client.map(partial(alone, attempt), [shared] * len(tasks), tasks, pure=False)
            places = {future.key: place for place, future in enumerate(futures)}
            try:
                for future in distributed.as_completed(futures, loop=client.loop):
                    outcome = future.result()
                    future.release()  # or the cluster would recompute it if its worker died
                    yield places[future.key], outcome
            except distributed.KilledWorker as error:
                raise _deadly(tasks[places[future.key]]) from error
            except CancelledError as error:
                raise ClusterError(f"{address}: the Dask scheduler is gone") from error

    return mapper


def _itself(work: Work) -> Work:
    return work


def _deadly(task: Task) -> WorkersError:
    return WorkersError(
        f"{_MOST_TRIES} workers died, one after the other, of {task.model} at {task.origin}"
    )
