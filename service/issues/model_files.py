"""Read the files of declared and fitted models for a backup, and restore them."""

__all__ = ["is_model_file", "read_model_files", "staged"]

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from service.core.files import sync_folder, write_atomically
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
    """Write `files` to a temporary folder; yield what they replace, and a function to do so.

    An identical existing declaration is left alone: the folder may be read-only, as in an image.
    All existing fitted versions are replaced. Of `files`, those whose names start with ``models/``
    or ``fitted/`` are used.

    Raises `OSError` if a place cannot be written (named in its `filename`); nothing has changed
    then.
    """
    models, fitted = settings.models_dir, settings.fitted_folder
    for folder in (models, fitted):
        folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".restoring.", dir=fitted) as temporary:
        stage, declarations = Path(temporary), dict[Path, bytes]()
        for part in ("old", "new"):
            (stage / part).mkdir()
        for name, stream in files:
            room, _, rest = name.partition("/")
            if room == "fitted":
                new = stage / "new" / rest
                new.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(new, stream.read())
            elif room == "models":
                declarations[models / rest] = stream.read()
        changed = {
            place: content
            for place, content in declarations.items()
            if not place.exists() or place.read_bytes() != content
        }
        if changed and not os.access(models, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(min(changed)))

        replaced = [f"the fitted versions in {fitted}"] if any(fitted.glob("[!.]*")) else []
        replaced += [str(place) for place in changed if place.exists()]
        yield replaced, partial(_put_in_place, stage, fitted, changed)


def _put_in_place(stage: Path, fitted: Path, changed: dict[Path, bytes]) -> None:
    # First: they belong to the restored database, and declarations seldom differ.
    for old in fitted.glob("[!.]*"):
        old.rename(stage / "old" / old.name)
    for new in (stage / "new").iterdir():
        new.rename(fitted / new.name)
    sync_folder(fitted)
    for place, content in changed.items():
        write_atomically(place, content)
