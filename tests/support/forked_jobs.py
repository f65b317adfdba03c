"""A child process with all imports done, which runs each job in a fork."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from queue import Queue

import psutil

from tests.support.commands import ROOT
from tests.support.waiting import BOUND, PROCESS


class Forked:
    """Starts jobs in processes that can be killed."""

    def __init__(self):
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._line() == "ready"

    def _read(self):
        for line in self._child.stdout:
            self._lines.put(line.strip())

    def _line(self):
        return self._lines.get(timeout=PROCESS)

    def _ask(self, line):
        self._child.stdin.write(json.dumps(line) + "\n")
        self._child.stdin.flush()
        return int(self._line())

    def start(self, settings, **options):
        """Start a job (see `tests.support.fork_server`); return its process id."""
        return self._ask({"settings": settings} | options)

    def wait(self, pid):
        """Wait for the job to end; return its status."""
        return self._ask(pid)

    def end(self, pid, number=signal.SIGKILL):
        """Signal the job, unless it has ended, and wait for it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return self.wait(pid)

    def close(self):
        self._child.stdin.close()
        for job in psutil.Process(self._child.pid).children():
            job.kill()  # left behind by a failed test
        self._child.wait(BOUND)
        self._child.stdout.close()
