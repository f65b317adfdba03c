"""Fitted versions on disk: JSON and arrays, written whole, checked when they are read.

``FOLDER/MODEL/STAMP-HASH/`` holds ``model.json`` (format, state), ``arrays.npz`` (plain arrays,
never objects), ``metadata.json`` and ``scores.json``.
"""

from __future__ import annotations

__all__ = [
    "FORMAT",
    "Metadata",
    "Version",
    "examine",
    "find",
    "load",
    "named",
    "newest",
    "prune",
    "save",
    "set_aside",
]

import contextlib
import datetime as dt
import hashlib
import io
import json
import logging
import os
import shutil
import time
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from forecast.joint import Joint
from forecast.serialize import StateError
from service.core.files import (
    RegistryError,
    read_json,
    sync_folder,
    unique,
    write_json,
    write_whole,
)

_ABANDONED_SECONDS = 24 * 3600
_log = logging.getLogger(__name__)
FORMAT = 1
"""Number of the form that is written; the loader refuses others."""


@dataclass(frozen=True)
class Metadata:
    """Where a version comes from.

    Attributes
    ----------
    training_hash : str
        Of the declaration and the figures: equal hashes, equal fits.
    packages : dict of str to str
        Versions of what computed it.
    declaration : str
        Hash of the declaration and of the code; empty where it was not yet kept.
    series : str
        The series that leads: versions of other routes are kept beside.
    """

    model: str
    data_through: str
    as_of: str
    fitted_at: str
    training_hash: str
    seconds: float
    packages: dict[str, str]
    spec: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    declaration: str = ""
    series: str = ""


@dataclass(frozen=True)
class Version:
    """A fitted version as it stands on disk."""

    name: str
    folder: Path
    metadata: Metadata


def save(root: Path, fitted: Joint, metadata: Metadata) -> Version:
    """Write a version beside the others, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk; nothing of it stays.
    """
    values, arrays = fitted.to_state()
    packed = _pack(arrays)
    content = json.dumps({"format": FORMAT, "state": values}, sort_keys=True).encode()
    digest = _digest(content, packed)
    stamp = dt.datetime.fromisoformat(metadata.fitted_at).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{digest[:10]}"
    home = root / metadata.model
    home.mkdir(parents=True, exist_ok=True)
    beside = home / f".{name}.{unique()}"
    try:
        beside.mkdir()
        write_whole(beside / "model.json", content)
        write_whole(beside / "arrays.npz", packed)
        write_json(beside / "metadata.json", asdict(metadata) | {"content_hash": digest})
        write_json(beside / "scores.json", {})
        _put(beside, home / name)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_folder(home)
    return Version(name, home / name, metadata)


def load(version: Version) -> Joint:
    """Rebuild a fitted version; its paths are the same bit for bit.

    Raises
    ------
    RegistryError
        If a file is missing, changed or of a form that is not known.
    """
    values, packed = _values(version.folder)
    try:
        return Joint.from_state(values["state"], _unpack(packed))
    except (StateError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RegistryError(f"{version.folder}: {error}") from error


def find(root: Path, model: str, training_hash: str) -> Version | None:
    """The newest version of `model` that was fitted to exactly this; None when there is none."""
    for version in _versions(root, model):
        if version.metadata.training_hash == training_hash:
            return version
    return None


def newest(root: Path, model: str, series: str) -> Version | None:
    """The newest version of `model` for `series`, whatever it was fitted to; None without any."""
    versions = _versions(root, model)
    return next((version for version in versions if version.metadata.series == series), None)


def named(root: Path, model: str, name: str) -> Version | None:
    """The version `name` of `model`; None when it is no longer kept, or not here."""
    return next((version for version in _versions(root, model) if version.name == name), None)


def examine(root: Path) -> tuple[int, list[str]]:
    """Read every version and compare its hash; rebuild none, as that loads the fitting libraries.

    Returns
    -------
    number : int
        How many versions are there.
    unsound : list of str
        What is wrong with each that is not sound.
    """
    number, unsound = 0, []
    for home in sorted(folder for folder in root.glob("[!.]*") if folder.is_dir()):
        for at, folder in enumerate(sorted(home.glob("[0-9]*-*"), reverse=True)):
            number += 1
            try:
                values = read_json(folder / "metadata.json")
                values.pop("content_hash", None)
                Metadata(**values)
                _values(folder) if at == 0 else _content(folder)
            except (RegistryError, TypeError, ValueError) as error:
                message = str(error)
                unsound.append(message if str(folder) in message else f"{folder}: {message}")
    return number, unsound


def prune(root: Path, model: str, series: str, keep: int, spared: set[str]) -> None:
    """Delete all but the newest `keep` versions of `model` for `series`, and the `spared`.

    What cannot be read is set aside. That goes after a day, and so does what a process that was
    killed has left half written, here or of a restored backup.
    """
    for beside in (*(root / model).glob(".[0-9]*-*"), *root.glob(".restoring.*")):
        with contextlib.suppress(OSError):  # somebody else has just put it away
            if time.time() - beside.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(beside) if beside.is_dir() else beside.unlink()
    # Listed first: what another route adds meanwhile is no version that cannot be read.
    folders = list((root / model).glob("[0-9]*-*"))
    versions = _versions(root, model)
    readable = {version.name for version in versions}
    for folder in folders:
        if folder.name not in readable and folder.exists():
            set_aside(folder)
    of_series = [version for version in versions if version.metadata.series == series]
    for version in of_series[keep:]:
        if version.name not in spared:
            shutil.rmtree(version.folder, ignore_errors=True)


def set_aside(folder: Path) -> None:
    """Hide a version that cannot be used, for a day in which somebody may look at it."""
    hidden = folder.with_name(f".{folder.name}.broken.{unique()}")
    try:
        folder.replace(hidden)
        os.utime(hidden)
    except OSError as error:  # as on a read-only disk: it is refused next time too
        _log.error("%s could not be moved aside: %s", folder, error.strerror)
    else:
        _log.warning("%s is broken and set aside as %s", folder, hidden.name)


def _values(folder: Path) -> tuple[dict[str, Any], bytes]:
    """What ``model.json`` holds, in the form that this program reads, and the arrays as bytes."""
    content, packed = _content(folder)
    values: dict[str, Any] = json.loads(content)
    if not isinstance(values, dict):
        raise RegistryError(f"{folder}: expected a JSON object, found {type(values).__name__}")
    if values.get("format") != FORMAT:
        raise RegistryError(f"{folder}: expected format {FORMAT}, found {values.get('format')!r}")
    return values, packed


def _content(folder: Path) -> tuple[bytes, bytes]:
    """The state and the arrays of a version, as they were written."""
    try:
        content = (folder / "model.json").read_bytes()
        packed = (folder / "arrays.npz").read_bytes()
    except OSError as error:
        raise RegistryError(f"{folder}: expected a readable version, found {error}") from error
    expected = read_json(folder / "metadata.json").get("content_hash")
    if _digest(content, packed) != expected:
        raise RegistryError(f"{folder}: expected the content hash {expected}, found another")
    return content, packed


def _put(beside: Path, place: Path) -> None:
    """Move a version into its place, unless the same fit of the same second is there already."""
    try:
        beside.replace(place)
    except OSError:
        if not place.exists():
            raise
        shutil.rmtree(beside)


def _versions(root: Path, model: str) -> list[Version]:
    """The readable versions of `model`, the newest first."""
    versions = []
    for folder in sorted((root / model).glob("[0-9]*-*"), reverse=True):
        try:
            values = read_json(folder / "metadata.json")
            values.pop("content_hash", None)
            versions.append(Version(folder.name, folder, Metadata(**values)))
        except (RegistryError, TypeError):
            continue  # whatever it is, it is no version that can be used
    return versions


def _pack(arrays: dict[str, Any]) -> bytes:
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    objects = [name for name, array in plain.items() if array.dtype.hasobject]
    if objects:
        raise RegistryError(f"expected plain arrays, found objects in {objects[0]!r}")
    stream = io.BytesIO()
    np.savez(stream, **plain)  # type: ignore[arg-type]
    return stream.getvalue()


def _unpack(packed: bytes) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise RegistryError(f"arrays.npz: expected plain arrays, found {error}") from error


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
