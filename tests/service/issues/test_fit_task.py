import subprocess
import sys

import numpy as np
import pytest

from forecast import joint
from forecast.joint import Joint
from forecast.series import ONE_DAY
from forecast.specs import build
from service.core.settings import Settings
from service.core.timings import record_steps
from service.issues.declared_models import declared
from service.issues.fit_task import FitTask, fit_within_limits
from tests.service.support import CHAMPION, ROOT

SPECS = declared(ROOT / "models")


@pytest.mark.parametrize("name", ["climatology", CHAMPION])
def test_fit_in_child_process_equals_local_fit(figures, name):
    short = {
        series_id: series.upto(series.start + 900 * ONE_DAY)
        for series_id, series in figures.items()
    }
    local_fit = joint.fit(build(name, SPECS), short)
    for seconds in (0, 60):
        with record_steps() as steps:
            state = fit_within_limits(FitTask(name, SPECS, short), Settings(fit_seconds=seconds))
        assert [step["step"] for step in steps] == [f"fit {name}"]
        fitted = Joint.from_state(*state)
        for series_id, paths in fitted.draw(28, 50, np.random.default_rng(1)).items():
            expected = local_fit.draw(28, 50, np.random.default_rng(1))[series_id]
            np.testing.assert_array_equal(paths.values, expected.values)


def list_libraries(names):
    return [name for name in names if name in sys.modules]


@pytest.mark.parametrize("family", ["climatology", "prophet"])
def test_child_loads_only_the_libraries_of_the_declared_models(family):
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
