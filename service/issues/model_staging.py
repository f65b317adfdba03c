"""Models of elsewhere: all of them written beside their places, then put there by new names."""

from __future__ import annotations

__all__ = ["staged"]

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from service.core.files import sync_folder, unique, write_whole


@contextlib.contextmanager
def staged(
    models: Path, fitted: Path, files: Iterable[tuple[str, IO[bytes]]]
) -> Iterator[Callable[[], None]]:
    """Write `files` beside their places; what is yielded puts them there.

    A declaration that is there already with the same bytes is not written: the folder may be
    read-only, as in an image. The fitted versions that were there are replaced all together.

    Parameters
    ----------
    files : iterable of (str, stream)
        Those whose names begin with ``models/`` and ``fitted/`` are taken.

    Raises
    ------
    OSError
        If a place cannot be written, which its `filename` names; nothing has changed then.
    """
    stage = fitted / f".restoring.{unique()}"
    shutil.rmtree(stage, ignore_errors=True)  # left by one that was killed, whose number we have
    beside: dict[Path, Path] = {}

    def put_in_place() -> None:
        # First: they are of the database that is restored, and declarations seldom differ.
        for old in fitted.glob("[!.]*"):
            old.rename(stage / "old" / old.name)
        for new in (stage / "new").iterdir():
            new.rename(fitted / new.name)
        sync_folder(fitted)
        for place, written in beside.items():
            written.replace(place)
            sync_folder(place.parent)

    try:
        with _naming(fitted):
            _make_room(stage)
        for name, stream in files:
            room, _, rest = name.partition("/")
            if room == "fitted":
                with _naming(fitted):
                    _write(stage / "new" / rest, stream.read())
            elif room == "models":
                place, content = models / rest, stream.read()
                with _naming(place):
                    if place.exists() and place.read_bytes() == content:
                        continue
                    beside[place] = place.with_name(f".{place.name}.{unique()}")
                    _write(beside[place], content)
        yield put_in_place
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for written in beside.values():
            with contextlib.suppress(OSError):
                written.unlink(missing_ok=True)


def _make_room(stage: Path) -> None:
    for folder in ("new", "old"):
        (stage / folder).mkdir(parents=True)
    for old in stage.parent.glob("[!.]*/"):
        if not os.access(old, os.W_OK):  # it could not be moved either
            raise PermissionError(errno.EACCES, "it may not be written")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content)


@contextlib.contextmanager
def _naming(place: Path) -> Iterator[None]:
    """Let an error name the place that is meant, not a file beside it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from error
