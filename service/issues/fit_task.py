"""A fit as a task for another process, and its result."""

__all__ = ["FitTask", "fit_within_limits", "run_fit_task", "run_within_limits"]

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from forecast import joint
from forecast.covariates import Covariates
from forecast.forecasters.base import State
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


def run_fit_task(task: FitTask) -> State:
    """Fit `task` in this process; return the fit in serialised form, or raise `FitError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return joint.fit(build(task.name, task.specs), task.figures, task.covariates).to_state()


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


def fit_within_limits(task: FitTask, settings: Settings) -> State:
    """Fit `task` within the limits of `settings`, or raise `FitError`."""
    return run_within_limits(settings, task.specs, run_fit_task, task, f"fit {task.name}")
