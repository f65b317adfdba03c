"""The models on disk."""

from __future__ import annotations

__all__ = ["declarations", "fitted"]

import os
import tempfile
from collections.abc import Iterator

from forecast.specs import champion
from service.doctor.findings import FAIL, OK, WARN, Finding
from service.registry import RegistryError, declared
from service.registry.aliases import read_aliases
from service.registry.versions import examine
from service.settings import Settings


def declarations(settings: Settings) -> Iterator[Finding]:
    """Whether the declarations can be read."""
    try:
        specs = declared(settings.models_dir)
    except RegistryError as error:
        yield Finding("models", FAIL, str(error), "restore the file, or see CROSSINGS_MODELS_DIR")
        return
    yield Finding("models", OK, f"{len(specs)} declared, {champion(specs)} the champion")


def fitted(settings: Settings) -> Iterator[Finding]:
    """Whether fitted versions can be written, and those that are there can be read."""
    folder = settings.fitted_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = f"let user {os.getuid()} write there, or see CROSSINGS_FITTED_DIR"
        yield Finding("fitted", FAIL, f"{folder}: {error.strerror}", remedy)
        return
    try:
        read_aliases(folder)
        number, unsound = examine(folder)
    except RegistryError as error:
        yield Finding("fitted", FAIL, str(error), "delete that file: the next refit makes it again")
        return
    for said in unsound:
        remedy = "delete that folder: `crossings refit --force` fits the model again"
        yield Finding("fitted", WARN, said, remedy)
    if not unsound:
        yield Finding("fitted", OK, f"{folder} can be written, {number} versions are sound")
