"""Read the files of declared and fitted models for a backup, and restore them.

All are first written beside their places, then renamed.
"""

__all__ = ["is_model_file", "read_model_files", "staged"]

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from service.core.files import sync_folder, unique_suffix, write_atomically
from service.core.settings import Settings

_NAME = re.compile(r"(models|fitted)(?!.*\.\.)(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")


def is_model_file(name: str) -> bool:
    """Whether a model file may have this name, which must not lead outside the folder."""
    return _NAME.fullmatch(name) is not None


def read_model_files(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Read declarations and fitted versions, which may change meanwhile.

    Names start with ``models/`` or ``fitted/``. Files with other names are left out.
    """
    for folder, room, pattern in (
        (settings.models_dir, "models", "[!.]*.toml"),
        (settings.fitted_folder, "fitted", "[!.]*/[!.]*/[!.]*.npz"),
    ):
        for file in sorted(folder.glob(pattern)):
            name = f"{room}/{file.relative_to(folder)}"
            if is_model_file(name) and not file.is_dir():
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile, like old versions
                    yield name, file.read_bytes()


@contextlib.contextmanager
def staged(
    settings: Settings, files: Iterable[tuple[str, IO[bytes]]]
) -> Iterator[tuple[list[str], Callable[[], None]]]:
    """Write `files` beside their places; yield what they would replace, and a function to do so.

    An identical existing declaration is not written: the folder may be read-only, as in an image.
    All existing fitted versions are replaced. Of `files`, those whose names start with ``models/``
    or ``fitted/`` are used.

    Raises `OSError` if a place cannot be written (named in its `filename`); nothing has changed
    then.
    """
    models, fitted = settings.models_dir, settings.fitted_folder
    stage = fitted / f".restoring.{unique_suffix()}"
    shutil.rmtree(stage, ignore_errors=True)  # left by a killed process with our process id
    beside: dict[Path, Path] = {}

    def put_in_place() -> None:
        # First: they belong to the restored database, and declarations seldom differ.
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
                    beside[place] = place.with_name(f".{place.name}.{unique_suffix()}")
                    _write(beside[place], content)
        replaced = [f"the fitted versions in {fitted}"] if any(fitted.glob("[!.]*")) else []
        yield replaced + [str(place) for place in beside if place.exists()], put_in_place
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        for written in beside.values():
            with contextlib.suppress(OSError):
                written.unlink(missing_ok=True)


def _make_room(stage: Path) -> None:
    for folder in ("new", "old"):
        (stage / folder).mkdir(parents=True)
    for old in stage.parent.glob("[!.]*/"):
        if not os.access(old, os.W_OK):  # then it could not be moved either
            raise PermissionError(errno.EACCES, "it is not writable")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content)


@contextlib.contextmanager
def _naming(place: Path) -> Iterator[None]:
    """Make errors name the final place, not the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from error
