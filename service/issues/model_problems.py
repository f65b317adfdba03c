"""What is wrong with the files of models, so that the status says it before the next refit."""

from __future__ import annotations

__all__ = ["REASONS", "ModelProblems", "find_problems"]

import time

from service.core.files import RegistryError
from service.core.secrets import without_folders
from service.core.settings import Settings
from service.issues.declared_models import read_declarations
from service.issues.model_aliases import read_aliases

REASONS = ("models_left_out", "no_models", "aliases_broken")
"""Names of what can be wrong."""

_LOOK_SECONDS = 5.0
_MOST = 3
Problems = tuple[tuple[str, str], ...]


def find_problems(settings: Settings) -> Problems:
    """Name and sentence of each problem; changes no file."""
    problems = []
    try:
        declarations = read_declarations(settings.models_dir)
    except RegistryError as error:
        problems.append(("no_models", str(error)))
    else:
        lines = declarations.problems
        if lines:
            more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
            problems.append(("models_left_out", "; ".join(lines[:_MOST]) + more))
    try:
        read_aliases(settings.fitted_folder)
    except RegistryError as error:
        problems.append(("aliases_broken", str(error)))
    return tuple((name, without_folders(detail)) for name, detail in problems)


class ModelProblems:
    """Looks every few seconds, so that it may be asked with every answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looked: tuple[float, Problems] | None = None

    def __call__(self) -> Problems:
        """What `find_problems` returned lately."""
        now = time.monotonic()
        if self._looked is None or now - self._looked[0] > _LOOK_SECONDS:
            self._looked = now, find_problems(self._settings)
        return self._looked[1]
