"""Raw documents, kept for a while by their SHA-256, so that rejected ones can be inspected."""

__all__ = ["save_document", "prune_documents"]

import contextlib
import datetime as dt
import hashlib
import os
from pathlib import Path

from service.core.files import write_atomically

_FOLDER = "raw"


def save_document(var_dir: Path, content: bytes, suffix: str) -> Path:
    """Store `content` in a file that ends in `suffix`, and return its path.

    An existing file is touched, so that it is not pruned.
    """
    name = hashlib.sha256(content).hexdigest()
    path = var_dir / _FOLDER / name[:2] / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        os.utime(path)
    else:
        write_atomically(path, content)
    return path


def prune_documents(var_dir: Path, days: int, now: dt.datetime) -> None:
    """Remove files older than `days`."""
    oldest = (now - dt.timedelta(days=days)).timestamp()
    for path in (var_dir / _FOLDER).glob("*/*"):
        with contextlib.suppress(OSError):  # another process may prune at the same time
            if path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()
