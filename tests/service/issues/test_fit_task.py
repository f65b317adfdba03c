from __future__ import annotations

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.series import ONE_DAY, DailySeries
from forecast.specs import build
from service.core.settings import Settings
from service.issues.declared_models import declared
from service.issues.fit_task import Order, fit_order
from tests.service.support import CHAMPION, ROOT

SPECS = declared(ROOT / "models")


def order(figures: dict[str, DailySeries], name: str) -> Order:
    short = {series_id: one.upto(one.start + 900 * ONE_DAY) for series_id, one in figures.items()}
    return Order(name, SPECS, short)


@pytest.mark.parametrize("name", ["climatology", CHAMPION])
def test_another_process_brings_back_the_same_fit(
    figures: dict[str, DailySeries], name: str
) -> None:
    asked = order(figures, name)
    here = joint.fit(build(name, SPECS), asked.figures)
    for seconds in (0, 60):
        fitting = fit_order(asked, Settings(fit_seconds=seconds))
        assert fitting.seconds >= 0
        for series_id, paths in fitting.restore().draw(28, 50, np.random.default_rng(1)).items():
            expected = here.draw(28, 50, np.random.default_rng(1))[series_id]
            np.testing.assert_array_equal(paths.values, expected.values)


def test_a_fit_that_takes_too_long_is_declined(figures: dict[str, DailySeries]) -> None:
    with pytest.raises(FitError, match="longer than 0.001 s"):
        fit_order(order(figures, "climatology"), Settings(fit_seconds=0.001))


def test_a_fit_that_declines_says_why(figures: dict[str, DailySeries]) -> None:
    asked = order(figures, "climatology")
    few = {name: one.upto(one.start + 5 * ONE_DAY) for name, one in asked.figures.items()}
    with pytest.raises(FitError, match="days"):
        fit_order(Order("climatology", SPECS, few), Settings(fit_seconds=60))
