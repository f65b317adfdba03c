"""A model's declaration, as TOML, made into a forecaster.

::

    title = "Hurdle regression"
    family = "hurdle"
    role = "champion"           # or "challenger", "baseline"

    [parameters]                # of the family; what is left out has the family's default
    harmonics = 2

    [members]                   # of a pool: declared models and their weights
    climatology = 1.0
"""

from __future__ import annotations

__all__ = ["FAMILIES", "ROLES", "Spec", "SpecError", "build", "champion", "parse", "restore"]

import dataclasses
import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.forecasters.base import Fitted, Forecaster

# Families are imported when they are built: statsmodels and prophet take seconds to load.
FAMILIES = {
    "seasonal_naive": "forecast.forecasters.seasonal_naive:SeasonalNaive",
    "climatology": "forecast.forecasters.climatology:Climatology",
    "sarimax": "forecast.forecasters.sarimax:Sarimax",
    "prophet": "forecast.forecasters.prophet:Prophet",
    "hurdle": "forecast.forecasters.hurdle:Hurdle",
    "pool": "forecast.forecasters.pool:Pool",
}
ROLES = ("champion", "challenger", "baseline")
_KEYS = {"title", "family", "role", "parameters", "members"}


class SpecError(ValueError):
    """A declaration that says something unknown, or too little."""


@dataclass(frozen=True)
class Spec:
    """A declared model."""

    name: str
    title: str
    family: str
    role: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, float] = field(default_factory=dict)


def parse(name: str, text: str) -> Spec:
    """Read the declaration `text` (TOML) of the model `name`.

    Raises
    ------
    SpecError
        If it is no TOML, lacks a key, or has one that is not known.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"model {name}: expected TOML, found {error}") from error
    unknown = set(table) - _KEYS
    if unknown:
        raise SpecError(f"model {name}: expected keys {sorted(_KEYS)}, found {sorted(unknown)}")
    family, role = table.get("family"), table.get("role", "challenger")
    if family not in FAMILIES:
        raise SpecError(f"model {name}: expected a family of {sorted(FAMILIES)}, found {family!r}")
    if role not in ROLES:
        raise SpecError(f"model {name}: expected a role of {ROLES}, found {role!r}")
    members = table.get("members", {})
    if bool(members) != (family == "pool"):
        raise SpecError(f"model {name}: expected members in a pool, and only there")
    return Spec(
        name, table.get("title", name), family, role, dict(table.get("parameters", {})), members
    )


def build(name: str, specs: Mapping[str, Spec]) -> Forecaster:
    """Make the forecaster that `specs` declare under `name`, members of a pool included.

    Raises
    ------
    SpecError
        If `name` or a member is not declared, a parameter is not of the family, or a pool is
        among its own members.
    """
    return _build(name, specs, ())


def restore(
    name: str,
    specs: Mapping[str, Spec],
    values: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> Fitted:
    """Rebuild what the forecaster declared under `name` had learned, from its `to_state`.

    Raises
    ------
    SpecError
        If `name`, or a member that the state speaks of, is not declared.
    """
    if name not in specs:
        raise SpecError(f"expected a model of {sorted(specs)}, found {name!r}")
    module, _, class_name = FAMILIES[specs[name].family].partition(":")
    family = getattr(importlib.import_module(module), f"Fitted{class_name}")
    if specs[name].family != "pool":
        fitted: Fitted = family.from_state(dict(values), dict(arrays))
        return fitted
    members = {}
    for member, own in values["members"].items():
        start = f"{member}/"
        theirs = {k.removeprefix(start): a for k, a in arrays.items() if k.startswith(start)}
        members[member] = restore(member, specs, own, theirs)
    pool: Fitted = family(members, np.asarray(arrays["shares"]))
    return pool


def champion(specs: Mapping[str, Spec]) -> str:
    """Name of the one model that is declared as champion."""
    names = [spec.name for spec in specs.values() if spec.role == "champion"]
    if len(names) != 1:
        raise SpecError(f'expected one model with role = "champion", found {names or "none"}')
    return names[0]


def _build(name: str, specs: Mapping[str, Spec], above: tuple[str, ...]) -> Forecaster:
    if name not in specs:
        raise SpecError(f"expected a model of {sorted(specs)}, found {name!r}")
    if name in above:
        raise SpecError(f"model {name}: a pool among its own members: {' -> '.join(above)}")
    spec = specs[name]
    module, _, class_name = FAMILIES[spec.family].partition(":")
    family = getattr(importlib.import_module(module), class_name)
    if spec.family == "pool":
        members = {member: _build(member, specs, (*above, name)) for member in spec.members}
        pool: Forecaster = family(members, dict(spec.members))
        return pool
    known = {item.name for item in dataclasses.fields(family)}
    unknown = set(spec.parameters) - known
    if unknown:
        raise SpecError(
            f"model {name}: expected parameters of {sorted(known)}, found {sorted(unknown)}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.parameters.items()}
    forecaster: Forecaster = family(**values)
    return forecaster
