"""Everything in one file, and back: the rows of the database, declared and fitted models.

A compressed tar that any machine can read: ``backup.json`` (what it is of), ``tables/NAME/N.jsonl``
(a JSON list a row), ``models/``, ``fitted/``, and last ``SHA256SUMS``, without which it is cut off.
"""

from __future__ import annotations

__all__ = ["BackupError", "BackupSummary", "back_up", "check", "restore"]

import contextlib
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata as package
from pathlib import Path
from typing import IO, Any

from service.core import export
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.database import connect
from service.core.export import Part, Schema, metadata
from service.core.files import whole
from service.core.settings import Settings
from service.issues.model_staging import staged

FORMAT = 1
_HEAD, _SUMS = "backup.json", "SHA256SUMS"
_ROW_PART = re.compile(r"tables/([a-z_]+)/\d+\.jsonl")
_FILE = re.compile(r"(models|fitted)((?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+)")
_BROKEN = (tarfile.TarError, EOFError, zlib.error, UnicodeDecodeError)


class BackupError(RuntimeError):
    """A file that cannot be written or restored; the message says why."""


@dataclass(frozen=True)
class BackupSummary:
    """The contents of a backup: rows of each table, and files of declared and fitted models."""

    made_at: str
    version: str
    schema: Schema
    rows: dict[str, int]
    files: int


def back_up(context: Context, file: Path, overwrite: bool = False) -> BackupSummary:
    """Write everything to `file`, readable by us alone; the service may go on meanwhile.

    Raises
    ------
    BackupError
        If the file is there and may not be overwritten.
    OSError
        If it cannot be written; nothing of it stays.
    """
    if file.exists() and not overwrite:
        raise BackupError(f"{file} is there already; --overwrite replaces it")
    with whole(file, 0o600) as stream:
        return _write(context, stream)


def check(file: Path) -> BackupSummary:
    """Read `file` to its end and compare every sum.

    Raises
    ------
    BackupError
        If it is no backup, is cut off, or was changed.
    """
    try:
        return _check(file)
    except _BROKEN as error:
        raise BackupError(f"{file}: expected a whole backup, found {error}") from error


def _check(file: Path) -> BackupSummary:
    sums: dict[str, str] = {}
    listed: dict[str, str] | None = None
    head: dict[str, Any] = {}
    rows = dict.fromkeys((table.name for table in metadata.sorted_tables), 0)
    for name, stream in _members(file):
        content = stream.read()
        if listed is not None:
            raise BackupError(f"{file}: expected {_SUMS} to be the last, found {name} after it")
        if name == _SUMS:
            lines = (line.partition("  ") for line in content.decode("ascii").splitlines())
            listed = {path: digest for digest, _, path in lines}
            continue
        sums[name] = hashlib.sha256(content).hexdigest()
        if match := _ROW_PART.fullmatch(name):
            rows[match[1]] += content.count(b"\n")
        if name == _HEAD:
            head = _head(file, content)
    if listed is None:
        raise BackupError(f"{file}: expected {_SUMS} at its end, found none: it is cut off")
    wrong = sorted(n for n in {*sums, *listed} if sums.get(n) != listed.get(n))
    if wrong or not head:
        raise BackupError(f"{file}: {(wrong or [_HEAD])[0] or _SUMS} is not what was written")
    files = sum(name.startswith(("models/", "fitted/")) for name in sums)
    schema = Schema(head["revision"], head["numbers"])
    return BackupSummary(head["made_at"], head["version"], schema, rows, files)


def restore(settings: Settings, file: Path, overwrite: bool = False) -> BackupSummary:
    """Put everything of `file` in place: the database at once, or nothing of it.

    Raises
    ------
    BackupError
        If `file` is not whole, something would be overwritten that may not be, or the models could
        not be put in their places: that is tried before the database is touched.
    DatabaseError
        If the database does not answer, or `file` is of a version to come.
    """
    summary = check(file)
    database = connect(settings.database)
    try:
        if not overwrite:
            with database.reading() as connection:
                in_the_way = [] if export.is_empty(connection) else ["the database"]
            in_the_way += _in_the_way(settings, file)
            if in_the_way:
                raise BackupError(
                    f"{', '.join(in_the_way)} would be overwritten: --overwrite allows it"
                )
        with contextlib.ExitStack() as stack:
            models = staged(settings.models_dir, settings.fitted_folder, _members(file))
            with _naming_failure("nothing is restored"):
                put_in_place = stack.enter_context(models)
            with database.renewing(summary.schema.revision) as connection:
                counts = export.fill(connection, summary.schema, _parts(file))
                if counts != summary.rows:
                    raise BackupError(f"{file} has changed while it was read")
            with _naming_failure("the database is restored, the models are not"):
                put_in_place()
    finally:
        database.close()
    return summary


@contextlib.contextmanager
def _naming_failure(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = f"{error.filename} cannot be written" if error.filename else "not written"
        raise BackupError(f"{place} ({error.strerror}): {what}") from error


def _write(context: Context, stream: IO[bytes]) -> BackupSummary:
    sums: dict[str, str] = {}
    now = utc_now()
    version = package.version("channel-crossings-forecast")
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive:

        def add(name: str, content: bytes) -> None:
            sums[name] = hashlib.sha256(content).hexdigest()
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, int(now.timestamp())
            archive.addfile(member, io.BytesIO(content))

        # One transaction, so that all tables are consistent.
        with context.database.reading() as connection:
            schema = export.schema(connection)
            head = {"format": FORMAT, "made_at": instant(now), "version": version}
            head |= {"database": connection.dialect.name, **asdict(schema)}
            add(_HEAD, json.dumps(head, indent=1).encode())
            rows = dict.fromkeys((table.name for table in metadata.sorted_tables), 0)
            for number, part in enumerate(export.parts(connection), start=1):
                add(f"tables/{part.table}/{number:06d}.jsonl", part.content)
                rows[part.table] += part.content.count(b"\n")
        before = len(sums)
        for name, content in _files(context.settings):
            add(name, content)
        files = len(sums) - before
        add(_SUMS, "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode())
    return BackupSummary(instant(now), version, schema, rows, files)


def _files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Declared models, and the fitted versions that are whole; others may come and go meanwhile."""
    for file in sorted(settings.models_dir.glob("[!.]*.toml")):
        # As every model that can be declared; not a link that leads nowhere.
        if _is_taken(f"models/{file.name}") and file.is_file():
            yield f"models/{file.name}", file.read_bytes()
    root = settings.fitted_folder
    # First: what it names was there before, and is not deleted while it is named.
    with contextlib.suppress(OSError):  # it can be made again
        yield "fitted/aliases.json", (root / "aliases.json").read_bytes()
    for version in sorted(root.glob("[!.]*/[!.]*/")):
        try:
            files = [(f, f.read_bytes()) for f in sorted(version.glob("[!.]*")) if f.is_file()]
        except FileNotFoundError:  # deleted since, as old ones are
            continue
        for file, content in files:
            name = f"fitted/{file.relative_to(root).as_posix()}"
            if _is_taken(name):  # what has another name is no part of a version
                yield name, content


def _is_taken(name: str) -> bool:
    """Whether a file of the models may have this name, which leads nowhere else on the way back."""
    return ".." not in name and _FILE.fullmatch(name) is not None


def _members(file: Path) -> Generator[tuple[str, IO[bytes]]]:
    """Yield the name and content of each member, in order, in one pass."""
    with tarfile.open(file, "r|gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            rows = _ROW_PART.fullmatch(member.name)
            is_expected = member.name in (_HEAD, _SUMS) or _is_taken(member.name)
            is_expected |= rows is not None and rows[1] in metadata.tables
            if stream is None or not is_expected:
                raise BackupError(f"{file}: expected files of a backup, found {member.name!r}")
            yield member.name, stream


def _head(file: Path, content: bytes) -> dict[str, Any]:
    try:
        head: dict[str, Any] = json.loads(content)
    except ValueError as error:
        raise BackupError(f"{file}: expected JSON in {_HEAD}, found {error}") from error
    if head.get("format") != FORMAT:
        raise BackupError(f"{file}: expected format {FORMAT}, found {head.get('format')!r}")
    return head


def _parts(file: Path) -> Iterator[Part]:
    for name, stream in _members(file):
        if match := _ROW_PART.fullmatch(name):
            yield Part(match[1], stream.read())


def _in_the_way(settings: Settings, file: Path) -> list[str]:
    conflicts = []
    root = settings.fitted_folder
    if root.is_dir() and any(root.glob("[!.]*")):
        conflicts.append(f"the fitted versions in {root}")
    for name, stream in _members(file):
        if name.startswith("models/"):
            place = settings.models_dir / name.removeprefix("models/")
            if place.exists() and place.read_bytes() != stream.read():
                conflicts.append(str(place))
    return conflicts
