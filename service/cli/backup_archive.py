"""Back up to one file and restore: database rows, declared and fitted models.

A compressed, portable tar: ``crossings.sqlite`` (every row, from either database), ``models/``,
``fitted/``, and last ``backup.json`` with checksums; a truncated archive lacks it.
"""

__all__ = ["BackupError", "WrongFile", "back_up", "check", "restore"]

import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from service.core import export, locks
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError, connect
from service.core.files import atomic_file
from service.core.settings import Settings
from service.issues.model_files import is_model_file, read_model_files, staged

FORMAT = 2
_DATABASE, _HEAD = "crossings.sqlite", "backup.json"


class BackupError(click.ClickException):
    """A file that cannot be written or restored; the message says why."""


class WrongFile(BackupError):
    """A file that is no backup, or no place for one."""

    exit_code = 2


def back_up(context: Context, file: Path, overwrite: bool = False) -> dict[str, Any]:
    """Write a backup to `file`, readable only by us, then verify it; return its header."""
    if file.exists() and not file.is_file():  # such as a device, which would be replaced
        raise WrongFile(f"{file}: expected a regular file, found another kind")
    file = Path(os.path.realpath(file))  # write to the target of a link
    if file.exists() and not overwrite:
        raise BackupError(f"{file} already exists; use --overwrite to replace it")
    sums: dict[str, str] = {}
    head: dict[str, Any] = {"format": FORMAT, "made_at": format_instant(utc_now()), "sha256": sums}
    with (
        atomic_file(file, 0o600) as stream,  # first: its error names the file
        TemporaryDirectory(dir=file.parent, prefix=".") as folder,
        tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive,
    ):

        def add(name: str, content: io.BufferedIOBase) -> None:
            sums[name] = hashlib.file_digest(content, "sha256").hexdigest()
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o600, content.seek(0, io.SEEK_END)
            content.seek(0)
            archive.addfile(member, content)

        try:
            with export.open_sqlite(f"{folder}/{_DATABASE}") as copy:
                head["rows"] = export.copy_tables(context.database, copy)
        except DatabaseError as error:  # mostly if there is no space for the copy
            raise BackupError(f"{file} is not written: {error}") from error
        with Path(folder, _DATABASE).open("rb") as database:
            add(_DATABASE, database)
        for name, content in read_model_files(context.settings):
            add(name, io.BytesIO(content))
        add(_HEAD, io.BytesIO(json.dumps(head, indent=1).encode()))
    return check(file)


def check(file: Path) -> dict[str, Any]:
    """Read all of `file`, verify checksums and return its header; or raise `WrongFile`."""
    head: dict[str, Any] = {}
    sums, listed = {}, {}
    try:
        for name, stream in _members(file):
            if name == _HEAD:
                head = dict(json.loads(stream.read()))
                listed = dict(head.get("sha256") or {})
            else:
                sums[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    except (tarfile.TarError, EOFError, zlib.error, TypeError, ValueError) as error:
        raise WrongFile(f"{file}: expected a complete backup, found {error}") from error
    if head.get("format") != FORMAT:
        raise WrongFile(f"{file}: expected format {FORMAT}, found {head.get('format')!r}")
    for name in sorted({*sums, *listed}):
        if sums.get(name) != listed.get(name):
            raise WrongFile(f"{file}: {name} differs from what was written")
    return head


def restore(settings: Settings, file: Path, overwrite: bool = False) -> dict[str, Any]:
    """Restore everything from `file`, the database in one transaction; return its header."""
    head, result = check(file), "nothing is restored"
    with contextlib.closing(connect(settings.database)) as target, contextlib.ExitStack() as stack:
        try:
            if not stack.enter_context(target.try_lock(locks.SCHEDULER)):
                raise BackupError("a scheduler is running on the database: stop the service first")
            # Check that the models can be restored before touching the database.
            old, put_in_place = stack.enter_context(staged(settings, _members(file)))
            old = ["the database"] * (target.pending()[0] is not None) + old
            if old and not overwrite:
                raise BackupError(
                    f"{', '.join(old)} would be overwritten; use --overwrite to allow it"
                )
            folder = stack.enter_context(TemporaryDirectory(prefix=".", dir=settings.fitted_folder))
            for name, stream in _members(file):
                if name == _DATABASE:
                    with Path(folder, name).open("wb") as written:
                        shutil.copyfileobj(stream, written)
            export.copy_tables(
                stack.enter_context(export.open_sqlite(f"{folder}/{_DATABASE}")), target
            )
            result = "the database is restored, but the models are not"
            put_in_place()
        except OSError as error:
            place = f"{error.filename or 'a file'} cannot be written ({error.strerror})"
            raise BackupError(f"{place}: {result}") from error
    return head


def _members(file: Path) -> Iterator[tuple[str, io.BufferedReader]]:
    """Yield the name and content of each member, in order, in one pass."""
    with tarfile.open(file, "r|gz") as archive:
        for member in archive:
            is_expected = member.name in (_DATABASE, _HEAD) or is_model_file(member.name)
            stream = archive.extractfile(member) if member.isreg() and is_expected else None
            if not isinstance(stream, io.BufferedReader):
                raise WrongFile(f"{file}: expected files of a backup, found {member.name!r}")
            yield member.name, stream
