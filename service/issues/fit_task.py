"""A fit as a task for another process, and its result."""

__all__ = ["FitTask", "Fitting", "fit_within_limits", "run_fit_task", "run_within_limits"]

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from forecast import joint
from forecast.covariates import Covariates
from forecast.forecasters.base import State
from forecast.joint import Joint
from forecast.series import DailySeries
from forecast.specs import FAMILIES, Spec, build
from service.core.settings import Settings
from service.core.timings import step
from service.issues.resource_limits import Limits, run_limited

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class FitTask:
    """The model to fit and its data."""

    name: str
    specs: Mapping[str, Spec]
    figures: Mapping[str, DailySeries]
    covariates: Covariates | None = None


@dataclass(frozen=True, eq=False)
class Fitting:
    """A fit in serialised form, with its cost and log messages."""

    state: State
    seconds: float
    warnings: list[str]

    def restore(self) -> Joint:
        """Rebuild the fit."""
        return Joint.from_state(*self.state)


def run_fit_task(task: FitTask) -> Fitting:
    """Fit `task` in this process, or raise `FitError`."""
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = joint.fit(build(task.name, task.specs), task.figures, task.covariates)
    messages = sorted({str(warning.message)[:200] for warning in caught})
    return Fitting(model.to_state(), round(time.perf_counter() - began, 3), messages)


def run_within_limits(
    settings: Settings, specs: Mapping[str, Spec], work: Callable[[A], R], argument: A, name: str
) -> R:
    """Run ``work(argument)`` on models of `specs` in a process or on a cluster, as a step `name`.

    Raises `LimitError` when it exceeds the limits of `settings`; `ClusterError` without a cluster.
    """
    modules = sorted({FAMILIES[spec.family].partition(":")[0] for spec in specs.values()})
    limits = Limits(settings.fit_seconds, settings.fit_memory_mb, tuple(modules))
    with step(name):
        if settings.dask:
            # Not above: the processes that fit would load the database's libraries too.
            from service.issues.cluster import run_on_worker

            return run_on_worker(settings.dask, work, argument, limits)
        if limits.seconds == 0:
            return work(argument)
        return run_limited(work, argument, limits)


def fit_within_limits(task: FitTask, settings: Settings) -> Fitting:
    """Fit `task` within the limits of `settings`, or raise `FitError`."""
    return run_within_limits(settings, task.specs, run_fit_task, task, f"fit {task.name}")
