"""What a program cost: what its children used counts, and one that fails is not measured."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import startup


def test_memory_and_work_of_what_a_program_starts_are_its_own() -> None:
    work = "import time\nheld = bytearray(100_000_000)\nwhile time.process_time() < 0.5: pass"
    script = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])"
    # From a small process: a child's peak counts its parent's memory until it is another program.
    measure = (
        f"from bench import startup\nprint(*startup.cost([{sys.executable!r}, '-c', {script!r}]))"
    )
    measured = subprocess.check_output([sys.executable, "-c", measure], cwd=startup.ROOT, text=True)
    seconds, peak = map(float, measured.split())
    assert seconds >= 0.5
    assert 95 < peak < 200


def test_a_program_that_fails_is_named() -> None:
    with pytest.raises(SystemExit, match="import nothing_of_the_kind ended with 1"):
        startup.cost([sys.executable, "-c", "import nothing_of_the_kind"])


@pytest.mark.parametrize("script", [startup._NAMES, startup._PROPHET])
def test_the_scripts_run(script: str) -> None:
    startup.cost([sys.executable, "-c", script])
