import multiprocessing
import os
import signal
import time

import psutil

from service.core.processes import end_with_parent
from tests.support.waiting import BOUND, wait_until

SPAWN = multiprocessing.get_context("spawn")


def follow(file):
    end_with_parent(lambda: (file.with_name("ended").touch(), os._exit(0)))
    file.write_text(str(os.getpid()))
    time.sleep(2 * BOUND)  # longer than the test waits for its end


def start_child(file):
    SPAWN.Process(target=follow, args=(file,)).start()
    time.sleep(2 * BOUND)


def test_child_of_a_killed_process_ends(tmp_path):
    file = tmp_path / "pid"
    parent = SPAWN.Process(target=start_child, args=(file,))
    parent.start()
    wait_until(lambda: file.exists() and file.read_text(), "the child follows its parent")
    child = psutil.Process(int(file.read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    assert not psutil.wait_procs([child], timeout=BOUND)[1]
    assert (tmp_path / "ended").exists()
