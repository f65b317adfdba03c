"""Each forecaster in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

__all__ = ["CUT", "Entry", "Run", "run_all"]

import multiprocessing
import queue
import re
import signal
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecast import backtest, joint
from forecast.backtest import OriginScore, Protocol
from forecast.covariates import Covariates
from forecast.forecasters.base import FitError, Forecaster
from forecast.judged import judge
from forecast.series import ONE_DAY, DailySeries, Day

CUT = "_cut"
"""Ending of a peer's name when its paths are cut at zero."""

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

    A peer is run once and scored twice: as drawn, and cut at zero under its name and `CUT`.

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
        waiting: dict[Future[dict[str, Run]], Entry] = {}
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
                    found |= future.result()
                    done(entry, found[entry.name])
        finally:
            hands.shutdown(wait=False, cancel_futures=True)
    progress(_count(ticks))
    return found


def _count(ticks: Any) -> int:
    """Finished origins, waited for a little while."""
    finished = 0
    try:
        finished += ticks.get(timeout=0.2)
        while True:
            finished += ticks.get_nowait()
    except queue.Empty:
        return finished


def _alone(
    spawn: Any, ticks: Any, entry: Entry, figures: Mapping[str, DailySeries], protocol: Protocol
) -> dict[str, Run]:
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(ticks,)) as pool:
        try:
            return pool.submit(_run, entry, figures, protocol).result()
        except BrokenProcessPool:
            return {entry.name: Run(failure="its process died")}


_ticks: Any


def _begin(ticks: Any) -> None:
    global _ticks
    _ticks = ticks
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run(entry: Entry, figures: Mapping[str, DailySeries], protocol: Protocol) -> dict[str, Run]:
    score = _score_peer if entry.kind == "peer" else _score_ours
    scores: dict[str, list[OriginScore]] = {}
    declined = []
    try:
        for origin in protocol.origins(figures[protocol.series].data_through):
            try:
                for name, one in score(entry, figures, origin, protocol).items():
                    scores.setdefault(name, []).append(one)
            except FitError as error:
                declined.append(f"{origin}: {error}")
            _ticks.put(1)
    except ImportError as error:
        return {entry.name: Run(failure=f"cannot be loaded: {error}")}
    except Exception as error:  # one forecaster's defect must not cost the others their scores
        return {entry.name: Run(failure=f"{type(error).__name__}: {error}")}
    peak = _peak_mb()
    return {name: Run(scores.get(name, []), declined, peak) for name in scores or [entry.name]}


def _peak_mb() -> float:
    """Most memory of this process; what getrusage says on Linux includes the parent's."""
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(peak.group(1)) / 1024 if peak else float("nan")


def _score_ours(
    entry: Entry, figures: Mapping[str, DailySeries], origin: Day, protocol: Protocol
) -> dict[str, OriginScore]:
    weather = entry.weather(origin) if entry.weather else None
    score = backtest.score_origin(entry.model, entry.forecaster, figures, origin, protocol, weather)
    return {entry.name: score}


def _score_peer(
    entry: Entry, figures: Mapping[str, DailySeries], origin: Day, protocol: Protocol
) -> dict[str, OriginScore]:
    series = figures[protocol.series]
    end = origin + protocol.horizon * ONE_DAY
    truth = series.between(origin + ONE_DAY, end).values
    rng = joint.generator(protocol.seed, entry.model, origin)
    began = time.perf_counter()
    fitted = entry.forecaster.fit(series.upto(origin))
    paths: Any = fitted.simulate(protocol.horizon, protocol.paths, rng)
    seconds = time.perf_counter() - began
    return {
        name: OriginScore(
            model=name, origin=str(origin), seconds=seconds, **vars(judge(what, truth, rng))
        )
        for name, what in {entry.name: paths, entry.name + CUT: paths.cut()}.items()
    }
