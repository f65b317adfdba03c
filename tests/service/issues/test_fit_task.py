import subprocess
import sys

from tests.service.support import ROOT


def list_libraries(names):
    return [name for name in names if name in sys.modules]


def test_child_loads_only_the_libraries_of_the_declared_models():
    script = (
        "from forecast.specs import Spec\n"
        "from service.core.settings import Settings\n"
        "from service.issues.fit_task import run_within_limits\n"
        "from tests.service.issues.test_fit_task import list_libraries\n"
        "specs = {'x': Spec('x', 'x', 'prophet', 'champion')}\n"
        "names = ['prophet', 'statsmodels']\n"
        "print(run_within_limits(Settings(fit_seconds=300), specs, list_libraries, names, 'x'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == "['prophet']\n"
