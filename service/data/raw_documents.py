"""The bytes as they came, kept for a while: what was refused can be looked at, what was read again.

Each file is named by the SHA-256 of its content, so that the same bytes are kept once.
"""

from __future__ import annotations

__all__ = ["keep", "prune"]

import contextlib
import datetime as dt
import hashlib
import os
import tempfile
from pathlib import Path

_UNFINISHED = ".part"


def keep(folder: Path, content: bytes, suffix: str) -> Path:
    """Keep `content` under `folder`; a kill in the middle leaves no half file under its name.

    Parameters
    ----------
    suffix : str
        Such as ``.ods``.

    Returns
    -------
    Path
        Of the file; it is touched when it was there already, so that it is not pruned.
    """
    name = hashlib.sha256(content).hexdigest()
    path = folder / name[:2] / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        os.utime(path)
        return path
    handle, unfinished = tempfile.mkstemp(suffix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    return path


def prune(folder: Path, age: dt.timedelta, now: dt.datetime) -> int:
    """Remove the files under `folder` that are older than `age`; return how many there were."""
    oldest = (now - age).timestamp()
    removed = 0
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):  # somebody else may prune at the same time
            if path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed
