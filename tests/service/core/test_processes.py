import multiprocessing
import os
import signal
import time

import psutil
import pytest

from service.core.processes import end_with_parent
from tests.support.waiting import BOUND, wait_until

SPAWN = multiprocessing.get_context("spawn")


def follow(file, own_end):
    if own_end:
        end_with_parent(lambda: (file.with_name("ended").touch(), os._exit(0)))
    else:
        end_with_parent()
    file.write_text(str(os.getpid()))
    time.sleep(2 * BOUND)  # longer than the test waits for its end


def start_child(file, own_end):
    SPAWN.Process(target=follow, args=(file, own_end)).start()
    time.sleep(2 * BOUND)


@pytest.mark.parametrize("own_end", [False, True])
def test_child_of_a_killed_process_ends(tmp_path, own_end):
    file = tmp_path / "pid"
    parent = SPAWN.Process(target=start_child, args=(file, own_end))
    parent.start()
    wait_until(lambda: file.exists() and file.read_text(), "the child follows its parent")
    child = psutil.Process(int(file.read_text()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    assert not psutil.wait_procs([child], timeout=BOUND)[1]
    assert (tmp_path / "ended").exists() == own_end
