"""Back up to one file and restore: database rows, declared and fitted models.

A compressed tar: ``crossings.sqlite`` (every row), ``models/``, ``fitted/``, last ``backup.json``.
"""

__all__ = ["BackupError", "Head", "WrongFile", "back_up", "check", "restore"]

import contextlib
import errno
import gzip
import hashlib
import io
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

import click
from pydantic import BaseModel, NonNegativeInt, ValidationError

from service.core import export, locks
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError, connect, this_migration
from service.core.files import atomic_file, write_atomically
from service.core.settings import Settings

_MODEL = re.compile(r"(models|fitted)(?!.*\.\.)(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_FILES = _DATABASE, _HEAD = "crossings.sqlite", "backup.json"
_BROKEN = (gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error, ValueError, RecursionError)


class BackupError(click.ClickException):
    """A file that cannot be written or restored; the message says why."""


class WrongFile(BackupError):
    """A file that is no backup, or no place for one."""

    exit_code = 2


class Head(BaseModel, strict=True):
    """The header of a backup."""

    format: Literal[3]
    migration: str
    made_at: str
    rows: dict[str, NonNegativeInt] = {}
    sha256: dict[str, str] = {}


def back_up(context: Context, file: Path, overwrite: bool = False) -> Head:
    """Write a backup to `file`, readable only by us, then verify it; return its header."""
    if file.exists() and not file.is_file():  # such as a device, which would be replaced
        raise WrongFile(f"{file}: expected a regular file, found another kind")
    file = Path(os.path.realpath(file))  # write to the target of a link
    if file.exists() and not overwrite:
        raise BackupError(f"{file} already exists; use --overwrite to replace it")
    head = Head(format=3, migration=this_migration(), made_at=format_instant(utc_now()))
    with (
        atomic_file(file, 0o600) as stream,  # first: its error names the file
        TemporaryDirectory(dir=file.parent, prefix=".") as folder,
        tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive,
    ):

        def add(name: str, content: io.BufferedIOBase) -> None:
            head.sha256[name] = hashlib.file_digest(content, "sha256").hexdigest()
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o600, content.seek(0, io.SEEK_END)
            content.seek(0)
            archive.addfile(member, content)

        try:
            with export.open_sqlite(f"{folder}/{_DATABASE}") as copy:
                head.rows = export.copy_tables(context.database, copy)
        except DatabaseError as error:  # mostly if there is no space for the copy
            raise BackupError(f"{file} is not written: {error}") from error
        with Path(folder, _DATABASE).open("rb") as database:
            add(_DATABASE, database)
        for name, content in _read_models(context.settings):
            add(name, io.BytesIO(content))
        add(_HEAD, io.BytesIO(head.model_dump_json(indent=1).encode()))
    return check(file)


def check(file: Path) -> Head:
    """Read all of `file`, verify checksums and return its header; or raise `WrongFile`."""
    content, sums = b"", {_DATABASE: ""}
    try:
        for name, stream in _members(file):  # a repeated name matches no checksum
            content += stream.read() if name == _HEAD else b""
            sums[name] = sums.get(name, "") + hashlib.file_digest(stream, "sha256").hexdigest()
        head = Head.model_validate_json(content)
    except ValidationError as error:
        raise WrongFile(f"{file}: expected a header of format 3 in {_HEAD}") from error
    except _BROKEN as error:
        raise WrongFile(f"{file}: expected a complete backup, found {error}") from error
    if head.migration != (needed := this_migration()):
        other = f"found {head.migration!r:.60}: restore it with the version that made it"
        raise WrongFile(f"{file}: expected migration {needed}, {other}")
    if differing := sums.items() ^ {**head.sha256, _HEAD: sums[_HEAD]}.items():
        raise WrongFile(f"{file}: {min(differing)[0]} differs from what was written")
    return head


def restore(settings: Settings, file: Path, overwrite: bool = False) -> Head:
    """Restore everything from `file`, the database in one transaction; return its header.

    An identical existing model file is left alone: the folder may be read-only, as in an image.
    """
    head, result = check(file), "nothing is restored"
    try:
        with (
            contextlib.closing(connect(settings.database)) as target,
            locks.try_lock(target, locks.SCHEDULER) as is_stopped,
        ):
            if not is_stopped:
                raise BackupError("a scheduler is running on the database: stop the service first")
            # Check that the models can be restored before touching the database.
            changed = _changed_models(settings, head)
            replaced = ["the database"] * (target.pending()[0] is not None)
            replaced += [str(place) for place in changed.values() if place.exists()]
            if replaced and not overwrite:
                old = ", ".join(replaced)
                raise BackupError(f"{old} would be overwritten; use --overwrite to allow it")
            with TemporaryDirectory(prefix=".restoring.", dir=settings.fitted_folder) as folder:
                for name, stream in _members(file):
                    if name == _DATABASE:
                        with Path(folder, name).open("wb") as written:
                            shutil.copyfileobj(stream, written)
                with export.open_sqlite(f"{folder}/{_DATABASE}") as copy:
                    export.copy_tables(copy, target)
                result = "the database is restored, but the models are not"
            for name, stream in _members(file):
                if name in changed:
                    changed[name].parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(changed[name], stream.read())
    except DatabaseError as error:
        raise BackupError(f"{file} is not restored: {error}") from error
    except OSError as error:
        place = f"{error.filename or 'a file'} cannot be written ({error.strerror})"
        raise BackupError(f"{place}: {result}") from error
    return head


def _read_models(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Read declarations and fitted versions; files with other names are left out."""
    for room, (folder, pattern) in _folders(settings).items():
        for file in sorted(folder.glob(pattern)):
            name = f"{room}/{file.relative_to(folder)}"
            if _MODEL.fullmatch(name) and not file.is_dir():
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile, like old versions
                    yield name, file.read_bytes()


def _changed_models(settings: Settings, head: Head) -> dict[str, Path]:
    """Return the places of the model files of a backup that are missing or differ, by name.

    Raises `OSError` if a folder cannot be written.
    """
    changed = {}
    for room, (folder, _) in _folders(settings).items():
        folder.mkdir(parents=True, exist_ok=True)
        for name, sha256 in head.sha256.items():
            if not name.startswith(f"{room}/"):
                continue
            place = folder / name.removeprefix(f"{room}/")
            if not place.exists() or hashlib.sha256(place.read_bytes()).hexdigest() != sha256:
                changed[name] = place
                if not os.access(folder, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    return changed


def _folders(settings: Settings) -> dict[str, tuple[Path, str]]:
    return {
        "models": (settings.models_dir, "[!.]*.toml"),
        "fitted": (settings.fitted_folder, "[!.]*/[!.]*/[!.]*.npz"),
    }


def _members(file: Path) -> Iterator[tuple[str, io.BufferedReader]]:
    """Yield the name and content of each member, in order, in one pass."""
    with gzip.open(file) as content, tarfile.open(fileobj=content, mode="r|") as archive:
        for member in archive:
            if not (member.isreg() and (member.name in _FILES or _MODEL.fullmatch(member.name))):
                raise WrongFile(f"{file}: expected files of a backup, found {member.name!r}")
            yield member.name, cast("io.BufferedReader", archive.extractfile(member))
        while content.read(1 << 20):  # to the end, which has the checksum of gzip
            pass
