"""A test that leaves loopback fails, whichever of its processes did it."""

from __future__ import annotations

import os
import runpy
import tempfile
from pathlib import Path

FOLDER = Path(__file__).with_name("guarded")
"""On the path of every Python that a test starts, for its `sitecustomize`."""


def install() -> Path:
    """Guard this process and all that it starts; return the file of what was refused."""
    handle, name = tempfile.mkstemp(prefix="loopback-", suffix=".log")
    os.close(handle)
    os.environ["LOOPBACK_GUARD"] = name
    os.environ["PYTHONPATH"] = with_guard(os.environ.get("PYTHONPATH", ""))
    runpy.run_path(str(FOLDER / "sitecustomize.py"))
    return Path(name)


def with_guard(path: str) -> str:
    """The search path `path` of a child, the guard before it."""
    return os.pathsep.join(part for part in (str(FOLDER), path) if part)
