"""Back up to one file and restore: database rows, declared and fitted models.

A zip, which has a checksum of each member: ``crossings.sqlite`` (every row), ``models/``,
``fitted/`` and ``backup.json``.
"""

__all__ = ["BackupError", "Head", "WrongFile", "back_up", "check", "restore"]

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import click
from pydantic import BaseModel, NonNegativeInt, ValidationError

from service.core import export, locks
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError, connect, this_migration
from service.core.files import atomic_file, write_atomically
from service.core.settings import Settings

_MODEL = re.compile(r"(models|fitted)(?!.*\.\.)(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_DATABASE, _HEAD = "crossings.sqlite", "backup.json"


class BackupError(click.ClickException):
    """A file that cannot be written or restored; the message says why."""


class WrongFile(BackupError):
    """A file that is no backup, or no place for one."""

    exit_code = 2


class Head(BaseModel, strict=True):
    """The header of a backup."""

    migration: str
    made_at: str
    rows: dict[str, NonNegativeInt]
    models: list[str]


def back_up(context: Context, file: Path, overwrite: bool = False) -> Head:
    """Write a backup to `file`, readable only by us, then verify it; return its header."""
    if file.exists() and not file.is_file():  # such as a device, which would be replaced
        raise WrongFile(f"{file}: expected a regular file, found another kind")
    file = Path(os.path.realpath(file))  # write to the target of a link
    if file.exists() and not overwrite:
        raise BackupError(f"{file} already exists; use --overwrite to replace it")
    made_at = format_instant(utc_now())
    with (
        atomic_file(file, 0o600) as stream,  # first: its error names the file
        TemporaryDirectory(dir=file.parent, prefix=".") as folder,
        ZipFile(stream, "w", ZIP_DEFLATED) as archive,
    ):
        try:
            with export.open_sqlite(f"{folder}/{_DATABASE}") as copy:
                rows = export.copy_tables(context.database, copy)
        except DatabaseError as error:  # mostly if there is no space for the copy
            raise BackupError(f"{file} is not written: {error}") from error
        for name, place in _model_files(context.settings):
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile, like old versions
                archive.writestr(name, place.read_bytes())
        models, migration = archive.namelist(), this_migration()
        archive.write(f"{folder}/{_DATABASE}", _DATABASE)
        head = Head(migration=migration, made_at=made_at, rows=rows, models=models)
        archive.writestr(_HEAD, head.model_dump_json(indent=1))
    return check(file)


def check(file: Path) -> Head:
    """Read all of `file`, verify checksums and return its header; or raise `WrongFile`."""
    try:
        with ZipFile(file) as archive:
            if damaged := archive.testzip():
                raise BadZipFile(f"a damaged {damaged!r}")
            head = Head.model_validate_json(archive.read(_HEAD))
            if others := {*archive.namelist()} ^ {_HEAD, _DATABASE, *head.models}:
                raise BadZipFile(f"{min(others)!r} added or removed")
    except ValidationError as error:
        raise WrongFile(f"{file}: expected the header of a backup in {_HEAD}") from error
    except Exception as error:  # of many types, if any byte of a zip may be wrong
        reason = str(error) or "the end of the file"
        raise WrongFile(f"{file}: expected a complete backup, found {reason}") from error
    if head.migration != (needed := this_migration()):
        other = f"found {head.migration!r:.60}: restore it with the version that made it"
        raise WrongFile(f"{file}: expected migration {needed}, {other}")
    return head


def restore(settings: Settings, file: Path, overwrite: bool = False) -> Head:
    """Restore the models from `file`, then the database in one transaction; return its header.

    An identical existing model file is left alone: the folder may be read-only, as in an image.
    """
    head = check(file)
    try:
        with (
            contextlib.closing(connect(settings.database)) as target,
            locks.try_lock(target, locks.SCHEDULER) as is_stopped,
            ZipFile(file) as archive,
        ):
            if not is_stopped:
                raise BackupError("a scheduler is running on the database: stop the service first")
            changed = _changed_models(settings, archive)
            replaced = ["the database"] * (target.pending()[0] is not None)
            replaced += [str(place) for place in changed.values() if place.exists()]
            if replaced and not overwrite:
                old = ", ".join(replaced)
                raise BackupError(f"{old} would be overwritten; use --overwrite to allow it")
            settings.fitted_folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".restoring.", dir=settings.fitted_folder) as folder:
                archive.extract(_DATABASE, folder)
                for name, place in changed.items():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    write_atomically(place, archive.read(name))
                with export.open_sqlite(f"{folder}/{_DATABASE}") as copy:
                    export.copy_tables(copy, target)
    except DatabaseError as error:
        raise BackupError(f"{file} is not restored: {error}") from error
    except OSError as error:
        reason = f"{error.filename or 'a file'} cannot be written ({error.strerror})"
        raise BackupError(f"{reason}: the database is not restored") from error
    return head


def _model_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield declarations and fitted versions; files with other names are left out."""
    for room, (folder, pattern) in _folders(settings).items():
        for file in sorted(folder.glob(pattern)):
            name = f"{room}/{file.relative_to(folder)}"
            if _MODEL.fullmatch(name) and not file.is_dir():
                yield name, file


def _changed_models(settings: Settings, archive: ZipFile) -> dict[str, Path]:
    """Return the places of the model files of a backup that are missing or differ, by name."""
    changed = {}
    for name in filter(_MODEL.fullmatch, archive.namelist()):
        room, _, path = name.partition("/")
        place = _folders(settings)[room][0] / path
        if not place.is_file() or place.read_bytes() != archive.read(name):
            changed[name] = place
    return changed


def _folders(settings: Settings) -> dict[str, tuple[Path, str]]:
    return {
        "models": (settings.models_dir, "[!.]*.toml"),
        "fitted": (settings.fitted_folder, "[!.]*/[!.]*/[!.]*.npz"),
    }
