"""The declared models on disk."""

from __future__ import annotations

__all__ = ["declared"]

from pathlib import Path

from forecast.specs import Spec, SpecError, champion, parse
from service.core.files import RegistryError


def declared(folder: Path) -> dict[str, Spec]:
    """Read every declaration ``NAME.toml`` in `folder`, in the order of their names.

    Raises
    ------
    RegistryError
        If the folder is missing or empty, a file does not declare a model, or not exactly one is
        the champion.
    """
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not files:
        raise RegistryError(f"{folder}: expected model declarations (*.toml), found none")
    try:
        specs = {file.stem: parse(file.stem, file.read_text("utf-8")) for file in files}
        champion(specs)
    except (SpecError, UnicodeDecodeError) as error:
        raise RegistryError(f"{folder}: {error}") from error
    return specs
