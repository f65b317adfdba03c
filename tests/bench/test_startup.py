"""CPU time and peak memory of programs."""

import subprocess
import sys

import pytest

from bench import startup


def test_cost_includes_child_processes():
    work = "import time\nmemory = bytearray(100_000_000)\nwhile time.process_time() < 0.5: pass"
    script = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])"
    # From a small process, since a child's peak includes its parent's memory until exec.
    measure = (
        f"from bench import startup\nprint(*startup.cost([{sys.executable!r}, '-c', {script!r}]))"
    )
    output = subprocess.check_output([sys.executable, "-c", measure], cwd=startup.ROOT, text=True)
    seconds, peak = map(float, output.split())
    assert seconds >= 0.5
    assert 95 < peak < 200


def test_failing_program_is_reported():
    with pytest.raises(SystemExit, match="import nothing_of_the_kind ended with 1"):
        startup.cost([sys.executable, "-c", "import nothing_of_the_kind"])


@pytest.mark.parametrize("script", [startup._NAMES, startup._PROPHET])
def test_scripts_run(script):
    startup.cost([sys.executable, "-c", script])
