from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.series import ONE_DAY, DailySeries
from forecast.specs import build
from service.core.settings import Settings
from service.issues.declared_models import declared
from service.issues.fit_task import FitTask, fit_within_limits
from tests.service.support import CHAMPION, ROOT

SPECS = declared(ROOT / "models")


def make_order(figures: dict[str, DailySeries], name: str) -> FitTask:
    short = {
        series_id: series.upto(series.start + 900 * ONE_DAY)
        for series_id, series in figures.items()
    }
    return FitTask(name, SPECS, short)


@pytest.mark.parametrize("name", ["climatology", CHAMPION])
def test_fit_in_child_process_equals_local_fit(figures: dict[str, DailySeries], name: str) -> None:
    task = make_order(figures, name)
    local_fit = joint.fit(build(name, SPECS), task.figures)
    for seconds in (0, 60):
        fitting = fit_within_limits(task, Settings(fit_seconds=seconds))
        assert fitting.seconds >= 0
        for series_id, paths in fitting.restore().draw(28, 50, np.random.default_rng(1)).items():
            expected = local_fit.draw(28, 50, np.random.default_rng(1))[series_id]
            np.testing.assert_array_equal(paths.values, expected.values)


def test_fit_error_of_child_process_is_raised(figures: dict[str, DailySeries]) -> None:
    task = make_order(figures, "climatology")
    few = {name: series.upto(series.start + 5 * ONE_DAY) for name, series in task.figures.items()}
    with pytest.raises(FitError, match="days"):
        fit_within_limits(FitTask("climatology", SPECS, few), Settings(fit_seconds=60))


def list_libraries(names: list[str]) -> list[str]:
    return [name for name in names if name in sys.modules]


@pytest.mark.parametrize("family", ["climatology", "prophet"])
def test_child_loads_only_the_libraries_of_the_declared_models(family: str) -> None:
    script = (
        "from forecast.specs import Spec\n"
        "from service.core.settings import Settings\n"
        "from service.issues.fit_task import run_within_limits\n"
        "from tests.service.issues.test_fit_task import list_libraries\n"
        f"specs = {{'x': Spec('x', 'x', {family!r}, 'champion')}}\n"
        "names = ['prophet', 'statsmodels']\n"
        "print(run_within_limits(Settings(fit_seconds=300), specs, list_libraries, names, 'x'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == f"{[name for name in ('prophet',) if name == family]}\n"
