from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.service.support import ROOT, environment
from tests.support.waiting import BOUND

_CHILD = "from service.cli import run; import signal; run.end_with_input(); signal.pause()"


def test_a_child_ends_when_its_input_does() -> None:
    theirs, ours = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=theirs, env=environment(), cwd=ROOT
    )
    os.close(theirs)
    os.write(ours, b"what is written does not end it")
    assert child.poll() is None
    os.close(ours)
    assert child.wait(BOUND) == -signal.SIGTERM
