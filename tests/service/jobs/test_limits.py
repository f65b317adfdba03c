from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from service.jobs.limits import LimitError, limited
from service.jobs.steps import recorded
from tests.service.support import ROOT, environment


def double(number: int) -> int:
    return 2 * number


def decline(reason: str) -> None:
    raise ValueError(reason)


def forever(file: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(file).write_text(f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(0.01)


def devour(megabytes: int) -> int:
    return sum(np.ones(2**17).size for _ in [np.ones(megabytes * 2**17)])


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def are_gone(file: Path) -> bool:
    deadline = time.monotonic() + 10
    while any(is_alive(int(pid)) for pid in file.read_text().split()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_what_it_returns_and_what_it_took() -> None:
    with recorded() as steps:
        assert limited(double, 21, "double", 30, 100) == 42
    (step,) = steps
    assert step["step"] == "double"
    assert step["peak_mb"] > 10


def test_what_it_raises() -> None:
    with pytest.raises(ValueError, match="^it declines$"):
        limited(decline, "it declines", "x", 30, 100)


def test_work_that_never_ends_is_ended_with_all_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    with pytest.raises(LimitError, match="it was not done within 3 s, the limit of a fit"):
        limited(forever, str(file), "x", 3, 500)
    assert are_gone(file)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_work_that_eats_memory() -> None:
    assert limited(devour, 100, "x", 30, 300) == 2**17
    with pytest.raises(LimitError, match="needs more than 300 MB"):
        limited(devour, 1000, "x", 30, 300)


def test_work_that_is_killed() -> None:
    with pytest.raises(LimitError, match="its process ended with status -9"):
        limited(die, signal.SIGKILL, "x", 30, 100)


def test_a_parent_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    script = (
        "from service.jobs.limits import limited\n"
        "from tests.service.jobs.test_limits import forever\n"
        f"limited(forever, {str(file)!r}, 'x', 60, 500)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment())
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    assert are_gone(file)
