from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.service.support import ROOT, environment
from tests.support.waiting import BOUND

_CHILD = "from service.cli import run; import signal; run.exit_with_stdin(); signal.pause()"


def test_child_ends_when_its_input_closes() -> None:
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=read_end, env=environment(), cwd=ROOT
    )
    os.close(read_end)
    os.write(write_end, b"input alone does not end it")
    assert child.poll() is None
    os.close(write_end)
    assert child.wait(BOUND) == -signal.SIGTERM
