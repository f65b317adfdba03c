"""Guards against connections beyond loopback, in tests and their child processes."""

import os
import runpy
import tempfile
from pathlib import Path

FOLDER = Path(__file__).with_name("guarded")
"""Added to PYTHONPATH of child processes for its `sitecustomize`."""


def install():
    """Guard this process and its children; return the log file of refused connections."""
    handle, name = tempfile.mkstemp(prefix="loopback-", suffix=".log")
    os.close(handle)
    os.environ["LOOPBACK_GUARD"] = name
    os.environ["PYTHONPATH"] = with_guard(os.environ.get("PYTHONPATH", ""))
    runpy.run_path(str(FOLDER / "sitecustomize.py"))
    return Path(name)


def with_guard(path):
    """Return the search path `path` with the guard in front."""
    return os.pathsep.join(part for part in (str(FOLDER), path) if part)
