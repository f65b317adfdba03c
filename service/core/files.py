"""Files that are written completely or not at all, and rows as CSV."""

__all__ = [
    "RegistryError",
    "csv_text",
    "read_declaration",
    "atomic_file",
    "write_atomically",
]

import csv
import io
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


class RegistryError(RuntimeError):
    """A model's folder, declaration or fitted version that cannot be used in its present state."""


def read_declaration(file: Path) -> str:
    """Return the text of a hand-written UTF-8 file, with or without a byte-order mark.

    Raises `RegistryError` without the name of the file.
    """
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise RegistryError(f"expected a readable file, found {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RegistryError(f"expected text in utf-8, found {error}") from error


@contextmanager
def atomic_file(file: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Write to a temporary file, sync it and rename it to `file`; on failure leave no trace.

    If it cannot be written, the `OSError` names `file`.
    """
    # No other thread or process uses this name at the same time.
    beside = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        beside.unlink(missing_ok=True)  # left by a killed process with our process id
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        # The error of a full disk names no file, and the temporary name means nothing to a reader.
        if isinstance(error, OSError) and error.filename in (None, str(beside)):
            raise OSError(error.errno, error.strerror or str(error), str(file)) from error
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomically(file: Path, content: bytes) -> None:
    """Write `content` to `file`, completely or not at all."""
    with atomic_file(file) as stream:
        stream.write(content)


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    """Return the `columns` of `rows` as CSV; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
