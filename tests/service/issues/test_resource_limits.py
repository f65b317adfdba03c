import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from service.issues.resource_limits import LimitError, Limits, run_limited
from tests.service.support import ROOT, environment
from tests.support.waiting import PROCESS, wait_until


def wait_forever(file):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    begun = Path(f"{file}.begun")
    begun.write_text(f"{os.getpid()} {child.pid}")
    begun.rename(file)
    signal.pause()


def allocate(megabytes):
    return sum(np.ones(2**17).size for _ in [np.ones(megabytes * 2**17)])


def kill_self(number):
    os.kill(os.getpid(), number)


def is_alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_gone(file):
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2, "it had begun and started a child"
    wait_until(lambda: not any(map(is_alive, pids)), "both processes have ended")


def test_result_exception_or_death_of_limited_work_is_passed_on():
    limits = Limits(PROCESS, 100)
    assert run_limited(abs, -42, limits) == 42
    with pytest.raises(ValueError, match="invalid literal"):
        run_limited(int, "x", limits)
    with pytest.raises(LimitError, match="its process ended with status -9"):
        run_limited(kill_self, signal.SIGKILL, limits)


def test_time_limit_ends_work_and_its_children(tmp_path):
    file = tmp_path / "pids"
    # On a busy machine the limit may pass before the work begins; then try a longer one.
    for seconds in (1, 4, 16, 64):
        with pytest.raises(LimitError, match=f"it took longer than {seconds} s, the limit for a"):
            run_limited(wait_forever, str(file), Limits(seconds, 500))
        if file.exists():
            break
    wait_until_gone(file)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_limit_ends_work():
    assert run_limited(allocate, 100, Limits(PROCESS, 300)) == 2**17
    with pytest.raises(LimitError, match="needs more than 300 MB"):
        run_limited(allocate, 1000, Limits(PROCESS, 300))


def test_killed_parent_ends_its_children(tmp_path):
    file = tmp_path / "pids"
    script = (
        "from service.issues.resource_limits import Limits, run_limited\n"
        "from tests.service.issues.test_resource_limits import wait_forever\n"
        f"run_limited(wait_forever, {str(file)!r}, Limits(60, 500))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment())
    wait_until(file.exists, "the work begins")
    parent.kill()
    parent.wait()
    wait_until_gone(file)


def test_interrupt_during_the_imports_of_the_fork_server_is_quiet():
    script = (
        "import time\nfrom contextlib import suppress\n"
        "from service.issues.resource_limits import Limits, run_limited\n"
        "with suppress(KeyboardInterrupt):\n"
        "    run_limited(time.sleep, 600, Limits(600, 500, ('forecast.forecasters.prophet',)))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a process group, as in a terminal
        # Background jobs of a shell, such as these tests, may ignore SIGINT.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: any(map(is_fork_server, psutil.Process(parent.pid).children())), "it starts")
    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=PROCESS)
    assert (parent.returncode, errors) == (0, "")


def is_fork_server(process):
    return "forkserver" in " ".join(process.cmdline())
