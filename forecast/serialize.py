"""Fitted forecasters as JSON values and arrays, and back."""

from __future__ import annotations

__all__ = ["StateError", "dump", "restore", "under"]

import importlib
from typing import Any

from forecast.forecasters.base import Fitted, State
from forecast.specs import FAMILIES

# A state names its family rather than its module, which may move.
_NAMES = {place: name for name, place in FAMILIES.items()}


class StateError(ValueError):
    """A state of an unknown family or form."""


def dump(fitted: Fitted) -> State:
    """Return the state of `fitted`, including the name of its family."""
    kind = type(fitted)
    family = _NAMES[f"{kind.__module__}:{kind.__name__.removeprefix('Fitted')}"]
    values, arrays = fitted.to_state()
    return {"family": family, "values": values}, arrays


def restore(values: dict[str, Any], arrays: dict[str, Any]) -> Fitted:
    """Rebuild the forecaster passed to `dump`; its paths are bit-identical.

    Raises
    ------
    StateError
        If the family is unknown, or the state has another form.
    """
    try:
        module, _, name = FAMILIES[values["family"]].partition(":")
        family = getattr(importlib.import_module(module), f"Fitted{name}")
        fitted: Fitted = family.from_state(values["values"], arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        description = f"{type(error).__name__}: {error}"
        raise StateError(
            f"expected the state of one of the families {sorted(FAMILIES)}, {description}"
        ) from error
    return fitted


def under(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays named ``PREFIX/NAME``, by NAME."""
    start = f"{prefix}/"
    return {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}
