"""A fit as an order that another process can carry out, and what it brings back."""

from __future__ import annotations

__all__ = ["Fitting", "Order", "carry_out", "fitted"]

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from forecast import joint
from forecast.covariates import Covariates
from forecast.forecasters.base import FitError, State
from forecast.joint import Joint
from forecast.series import DailySeries
from forecast.specs import Spec, build
from service.jobs.limits import LimitError, limited
from service.settings import Settings


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be fitted to what."""

    name: str
    specs: Mapping[str, Spec]
    figures: Mapping[str, DailySeries]
    covariates: Covariates | None = None


@dataclass(frozen=True, eq=False)
class Fitting:
    """A fit in the form in which it is also kept, what it took and what was said about it."""

    state: State
    seconds: float
    warnings: list[str]


def carry_out(order: Order) -> Fitting:
    """Fit what `order` says, in this process.

    Raises
    ------
    FitError
        If the model declines.
    """
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = joint.fit(build(order.name, order.specs), order.figures, order.covariates)
    said = sorted({str(warning.message)[:200] for warning in caught})
    return Fitting(found.to_state(), round(time.perf_counter() - began, 3), said)


def fitted(order: Order, settings: Settings) -> tuple[Joint, Fitting]:
    """Fit what `order` says, within the limits of `settings`.

    Raises
    ------
    FitError
        If the model declines, takes too long or needs too much memory.
    """
    if settings.fit_seconds == 0:
        fitting = carry_out(order)
    else:
        limit, most = settings.fit_seconds, settings.fit_memory_mb
        try:
            fitting = limited(carry_out, order, f"fit {order.name}", limit, most)
        except LimitError as error:
            raise FitError(str(error)) from error
    return Joint.from_state(*fitting.state), fitting
