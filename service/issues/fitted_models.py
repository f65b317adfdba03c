"""Fitted versions on disk: one file each, written atomically and checked on reading.

``FOLDER/SERIES/MODEL/STAMP-HASH.npz`` holds plain arrays, never objects, with ``state.json`` and
``metadata.json``. SERIES is the leading series, HASH identifies the training data.
"""

__all__ = ["FORMAT", "examine", "find", "folder_of", "load", "prune", "save", "version_file"]

import contextlib
import io
import json
import shutil
import time
import zipfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np

from forecast.forecasters.base import State
from forecast.joint import Joint
from forecast.serialize import StateError
from service.core.files import RegistryError, write_atomically

_ABANDONED_SECONDS = 24 * 3600
_HASH_LENGTH = 10
_STATE, _METADATA = "state.json", "metadata.json"
FORMAT = 2
"""Version of the file format; the loader rejects others."""


def folder_of(root: Path, series_id: str, model: str) -> Path:
    """Return the folder of the versions of `model` for a leading series."""
    return root / series_id / model


def version_file(home: Path, version: str) -> Path:
    """Return the file of a version, which may no longer be kept."""
    return home / f"{version}.npz"


def save(home: Path, state: State, metadata: Mapping[str, Any]) -> str:
    """Write a version, completely or not at all; return its name.

    Raises `OSError` if it cannot be written, for example on a full disk.
    """
    values, arrays = state
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(_STATE, json.dumps({"format": FORMAT, "state": values}, sort_keys=True))
        archive.writestr(_METADATA, json.dumps(metadata, indent=1, sort_keys=True))
    stamp = metadata["fitted_at"].replace("-", "").replace(":", "")
    version = f"{stamp}-{metadata['training_hash'][:_HASH_LENGTH]}"
    home.mkdir(parents=True, exist_ok=True)
    write_atomically(version_file(home, version), content.getvalue())
    return version


def load(file: Path) -> Joint:
    """Rebuild a fitted version, or raise `RegistryError`; its paths are bit-identical."""
    try:
        return Joint.from_state(*_read(file))
    except Exception as error:  # damaged bytes may raise anything
        raise RegistryError(f"{file}: expected a readable version, found {error}") from error


def find(home: Path, training_hash: str) -> Path | None:
    """Return the newest version fitted to exactly this data, if any."""
    return max(home.glob(f"[0-9]*-{training_hash[:_HASH_LENGTH]}.npz"), default=None)


def examine(root: Path) -> tuple[int, list[str]]:
    """Return the number of versions, and faults; rebuilding them would load all libraries."""
    files, unsound = sorted(root.glob("[!.]*/[!.]*/[0-9]*-*.npz")), []
    for file in files:
        try:
            _read(file)
        except Exception as error:  # as in `load`
            unsound.append(f"{file}: expected a readable version, found {error}")
    return len(files), unsound


def prune(root: Path, series_id: str, keep: int, spared: Set[str]) -> None:
    """Delete all but the newest `keep` versions of each model for a series, and the `spared`.

    Files left half-written by killed processes, here or by a restore, are deleted after a day.
    """
    for beside in (*(root / series_id).glob("*/.[0-9]*-*"), *root.glob(".restoring.*")):
        with contextlib.suppress(OSError):  # another process has just moved it
            if time.time() - beside.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(beside) if beside.is_dir() else beside.unlink()
    for home in (root / series_id).glob("[!.]*/"):
        for file in sorted(home.glob("[0-9]*-*.npz"), reverse=True)[keep:]:
            if file.stem not in spared:
                with contextlib.suppress(OSError):
                    file.unlink()


def _read(file: Path) -> State:
    """Return the state of a version; all members have checksums."""
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        contents = {name: archive[name] for name in archive.files}
    values, _ = (json.loads(contents.pop(name)) for name in (_STATE, _METADATA))
    if values["format"] != FORMAT:
        raise StateError(f"format {values['format']!r} instead of {FORMAT}")
    return values["state"], contents
