"""Files that are there whole or not at all."""

from __future__ import annotations

__all__ = ["read_json", "sync_folder", "unique", "write_json", "write_whole"]

import json
import os
import threading
from pathlib import Path
from typing import Any

from service.registry.errors import RegistryError


def write_whole(file: Path, content: bytes) -> None:
    """Write `content` beside `file`, see it on the disk, and put it in place."""
    beside = file.with_name(f".{file.name}.{unique()}")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def unique() -> str:
    """A part of a name that no other thread or process uses at the same time."""
    return f"{os.getpid()}-{threading.get_ident()}"


def write_json(file: Path, values: Any) -> None:
    """Write `values` as JSON, whole or not at all."""
    write_whole(file, (json.dumps(values, indent=1, sort_keys=True) + "\n").encode())


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    RegistryError
        If the file cannot be read or is none.
    """
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RegistryError(f"{file}: expected a readable JSON file, found {error}") from error
    if not isinstance(values, dict):
        raise RegistryError(f"{file}: expected a JSON object, found {type(values).__name__}")
    return values


def sync_folder(folder: Path) -> None:
    """See the entries of `folder` on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
