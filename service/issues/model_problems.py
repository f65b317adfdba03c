"""What is wrong with the files of models, so that the status says it before the next refit."""

from __future__ import annotations

__all__ = ["REASONS", "ModelProblems", "find_problems"]

import time

from service.core.context import Context
from service.core.files import RegistryError
from service.core.secrets import without_folders
from service.issues.declared_models import read_declarations

REASONS = ("models_left_out", "no_models")
"""Names of what can be wrong."""

_LOOK_SECONDS = 5.0
_MOST = 3
Problems = tuple[tuple[str, str], ...]


def find_problems(context: Context) -> Problems:
    """Name and sentence of each problem that the route has; changes no file."""
    settings, problems = context.settings, []
    try:
        declarations = read_declarations(settings.models_dir, context.route.models)
    except RegistryError as error:
        problems.append(("no_models", str(error)))
    else:
        lines = declarations.problems
        if lines:
            more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
            problems.append(("models_left_out", "; ".join(lines[:_MOST]) + more))
    return tuple((name, without_folders(detail)) for name, detail in problems)


class ModelProblems:
    """Looks every few seconds, so that it may be asked with every answer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looked: tuple[float, Problems] | None = None

    def __call__(self) -> Problems:
        """What `find_problems` returned lately."""
        now = time.monotonic()
        if self._looked is None or now - self._looked[0] > _LOOK_SECONDS:
            self._looked = now, find_problems(self._context)
        return self._looked[1]
