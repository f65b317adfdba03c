"""Runs each forecaster in its own process, to measure its peak memory."""

from __future__ import annotations

import multiprocessing
import re
import signal
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from forecast import backtest, joint
from forecast.backtest import BacktestConfig, OriginScore
from forecast.covariates import Covariates
from forecast.evaluation import evaluate
from forecast.forecasters.base import FitError, Forecaster
from forecast.series import ONE_DAY, DailySeries, Day

CUT = "_cut"
"""Suffix of a peer's name when its paths are cut at zero."""

_SLOW = ("monks_2023", "auto_arima", "auto_ets")
Figures: TypeAlias = Mapping[str, DailySeries]
Weather = Callable[[Day], Covariates]
"""Weather known at an origin."""


@dataclass(frozen=True)
class Entry:
    """A participating forecaster.

    Its `kind` is ``champion``, ``ours`` or ``peer``. Two entries of one `model` use the same random
    numbers.
    """

    name: str
    title: str
    kind: str
    forecaster: Forecaster
    model: str
    weather: Weather | None = None

    def at(self, origin: Day) -> Covariates | None:
        """Return its covariates at an origin."""
        return self.weather(origin) if self.weather else None


@dataclass(frozen=True)
class Run:
    """Scores, time and memory of one forecaster at all origins."""

    scores: list[OriginScore] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    failure: str = ""

    @property
    def seconds(self) -> float:
        """Median seconds per origin: the first includes loading and compiling."""
        return statistics.median(score.seconds for score in self.scores) if self.scores else 0.0


def run_all(
    entries: Sequence[Entry], figures: Figures, protocol: BacktestConfig, processes: int
) -> dict[str, Run]:
    """Run every entry, `processes` at a time, slow ones first; print a line as each ends.

    A peer is run once and scored twice: as drawn, and cut at zero with `CUT` added to its name.
    """
    runs: dict[str, Run] = {}
    order = sorted(entries, key=lambda entry: entry.name not in _SLOW)
    with ThreadPoolExecutor(processes) as threads:
        waiting = {threads.submit(_alone, one, figures, protocol): one.name for one in order}
        try:
            for future in as_completed(waiting):
                runs |= future.result()
                run = runs[waiting[future]]
                took = f"{sum(score.seconds for score in run.scores):,.0f} s"
                print(f"{waiting[future]}: {run.failure or took}", file=sys.stderr)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
    return runs


def _alone(entry: Entry, figures: Figures, protocol: BacktestConfig) -> dict[str, Run]:
    spawn = multiprocessing.get_context("spawn")
    seen = {protocol.series: figures[protocol.series]} if entry.kind == "peer" else dict(figures)
    # Ctrl-C ends the child at once and silently.
    interrupts = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(1, spawn, initializer=signal.signal, initargs=interrupts) as pool:
        try:
            return pool.submit(_run, entry, seen, protocol).result()
        except BrokenProcessPool:
            return {entry.name: Run(failure="its process died")}


def _run(entry: Entry, figures: Figures, protocol: BacktestConfig) -> dict[str, Run]:
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
    except ImportError as error:
        return {entry.name: Run(failure=f"cannot be loaded: {error}")}
    except Exception as error:  # a defect of one forecaster must not affect the others
        return {entry.name: Run(failure=f"{type(error).__name__}: {error}")}
    peak = _peak_mb()
    return {name: Run(scores.get(name, []), declined, peak) for name in scores or [entry.name]}


def _peak_mb() -> float:
    """Peak memory of this process; on Linux getrusage includes the parent's."""
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(peak.group(1)) / 1024 if peak else float("nan")


def _score_ours(
    entry: Entry, figures: Figures, origin: Day, protocol: BacktestConfig
) -> dict[str, OriginScore]:
    score = backtest.score_origin(
        entry.model, entry.forecaster, figures, origin, protocol, entry.at(origin)
    )
    return {entry.name: score}


def _score_peer(
    entry: Entry, figures: Figures, origin: Day, protocol: BacktestConfig
) -> dict[str, OriginScore]:
    series, days = figures[protocol.series], protocol.horizon
    truth = series.between(origin + ONE_DAY, origin + days * ONE_DAY).values
    rng = joint.generator(protocol.seed, entry.model, origin)
    began = time.perf_counter()
    fitted = entry.forecaster.fit(series.upto(origin), entry.at(origin))
    paths: Any = fitted.simulate(days, protocol.paths, rng)
    who = {"origin": str(origin), "seconds": time.perf_counter() - began}
    return {
        name: OriginScore(model=name, **who, **vars(evaluate(what, truth, rng)))
        for name, what in {entry.name: paths, entry.name + CUT: paths.cut()}.items()
    }
