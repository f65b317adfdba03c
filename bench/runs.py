"""Each forecaster in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

__all__ = ["Entry", "Run", "run_all"]

import multiprocessing
import queue
import resource
import signal
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecast import backtest
from forecast.backtest import OriginScore, Protocol
from forecast.covariates import Covariates
from forecast.forecasters.base import FitError, Forecaster
from forecast.series import DailySeries, Day

Weather = Callable[[Day], Covariates]
"""What is known of the weather at an origin."""


@dataclass(frozen=True)
class Entry:
    """A forecaster that takes part.

    Attributes
    ----------
    name : str
        Its own among the entries.
    kind : str
        ``champion``, ``ours`` or ``peer``.
    model : str
        Name that its random numbers go by; two entries of one model draw the same.
    weather : Weather | None
        Given when it shall be told the weather.
    """

    name: str
    title: str
    kind: str
    forecaster: Forecaster
    model: str
    weather: Weather | None = None


@dataclass(frozen=True)
class Run:
    """What one forecaster said at all origins, and what it took."""

    scores: list[OriginScore] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    failure: str = ""

    @property
    def seconds(self) -> float:
        """Median seconds of an origin: the first pays for loading and compiling."""
        return statistics.median(score.seconds for score in self.scores) if self.scores else 0.0


def run_all(
    entries: Sequence[Entry],
    figures: Mapping[str, DailySeries],
    protocol: Protocol,
    processes: int,
    progress: Callable[[int], None],
    done: Callable[[Entry, Run], None],
) -> dict[str, Run]:
    """Run every entry, `processes` at a time, in the order given.

    Parameters
    ----------
    progress : callable
        Called with the number of origins that were finished since it was called last.
    done : callable
        Called with each entry and its run when it ends.
    """
    spawn = multiprocessing.get_context("spawn")
    ticks = spawn.Queue()
    found: dict[str, Run] = {}
    with ThreadPoolExecutor(processes) as hands:
        waiting: dict[Future[Run], Entry] = {}
        for entry in entries:
            seen = dict(figures)
            if entry.kind == "peer":
                seen = {protocol.series: figures[protocol.series]}
            waiting[hands.submit(_alone, spawn, ticks, entry, seen, protocol)] = entry
        try:
            while waiting:
                progress(_count(ticks))
                for future in [future for future in waiting if future.done()]:
                    entry = waiting.pop(future)
                    found[entry.name] = future.result()
                    done(entry, found[entry.name])
        finally:
            hands.shutdown(wait=False, cancel_futures=True)
    progress(_count(ticks))
    return {entry.name: found[entry.name] for entry in entries}


def _count(ticks: Any) -> int:
    """Finished origins, waited for a little while."""
    finished = 0
    try:
        finished += ticks.get(timeout=0.2)
        while True:
            finished += ticks.get_nowait()
    except queue.Empty:
        return finished


def _alone(spawn: Any, ticks: Any, *job: Any) -> Run:
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(ticks,)) as pool:
        try:
            return pool.submit(_run, *job).result()
        except BrokenProcessPool:
            return Run(failure="its process died")


_ticks: Any


def _begin(ticks: Any) -> None:
    global _ticks
    _ticks = ticks
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run(entry: Entry, figures: Mapping[str, DailySeries], protocol: Protocol) -> Run:
    try:
        scores, declined = _scores(entry, figures, protocol)
    except ImportError as error:
        return Run(failure=f"cannot be loaded: {error}")
    except Exception as error:  # one forecaster's defect must not cost the others their scores
        return Run(failure=f"{type(error).__name__}: {error}")
    return Run(scores, declined, _peak_mb())


def _scores(
    entry: Entry, figures: Mapping[str, DailySeries], protocol: Protocol
) -> tuple[list[OriginScore], list[str]]:
    scores, declined = [], []
    for origin in protocol.origins(figures[protocol.series].data_through):
        weather = entry.weather(origin) if entry.weather else None
        try:
            scores.append(
                backtest.score_origin(
                    entry.model, entry.forecaster, figures, origin, protocol, weather
                )
            )
        except FitError as error:
            declined.append(f"{origin}: {error}")
        _ticks.put(1)
    return scores, declined


def _peak_mb() -> float:
    """Most memory that this process has held, its helpers not counted."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there includes the parent's before the start
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
