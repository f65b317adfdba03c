"""A small disk that a test can fill, if the machine allows mounting one."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest


def mount(*arguments):
    """Mount, or skip the test."""
    if shutil.which("mount") is None or os.getuid() != 0:
        pytest.skip("only root can mount")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(folder):
    """Mount a disk in memory at `folder` during the block."""
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    """Fill the disk of `folder`; return the file to delete."""
    ballast = folder / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast
