"""Running a program to its end."""

import subprocess
from pathlib import Path

from tests.support.waiting import PROCESS

ROOT = Path(__file__).resolve().parents[2]


def run_command(*command, **options):
    """Run a command in the project's folder, unless `options` say otherwise; keep its output."""
    usual = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": PROCESS}
    return subprocess.run([*map(str, command)], **usual | options)
