"""Builds forecasters from TOML declarations of models.

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

__all__ = [
    "FAMILIES",
    "ROLES",
    "Spec",
    "SpecError",
    "build",
    "champion",
    "closure",
    "parse",
    "published",
    "reads_covariates",
]

import dataclasses
import importlib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forecast.forecasters.base import Forecaster

# Families are imported when built: statsmodels and prophet take seconds to load.
FAMILIES = {
    "seasonal_naive": "forecast.forecasters.seasonal_naive:SeasonalNaive",
    "climatology": "forecast.forecasters.climatology:Climatology",
    "sarimax": "forecast.forecasters.sarimax:Sarimax",
    "prophet": "forecast.forecasters.prophet:Prophet",
    "hurdle": "forecast.forecasters.hurdle:Hurdle",
    "level_hurdle": "forecast.forecasters.level_hurdle:LevelHurdle",
    "analog": "forecast.forecasters.analog:Analog",
    "pool": "forecast.forecasters.pool:LinearPool",
    "calibrated": "forecast.forecasters.calibrated:Calibrated",
}
_COMPOSED = ("pool", "calibrated")
_READERS = ("level_hurdle",)
ROLES = ("champion", "challenger", "baseline", "member")
"""Best first; a member is fitted only within its pools, and not published itself."""
_NAME = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")  # valid as a folder name and in a URL
_LONGEST_NAME, _LONGEST_TITLE = 64, 200
_KEYS = {"title", "family", "role", "parameters", "members"}


class SpecError(ValueError):
    """A declaration with unknown or missing content."""


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
    """Parse the declaration `text` (TOML) of the model `name`.

    Raises
    ------
    SpecError
        If it is not TOML, lacks a key or has an unknown one, or the name is invalid.
    """
    table = _load(name, text)
    title, family = table.get("title", name), table.get("family")
    role = table.get("role", "challenger")
    _check_title(name, title)
    if family not in list(FAMILIES):
        raise SpecError(
            f"model {name}: expected one of the families {sorted(FAMILIES)}, found {family!r}"
        )
    if role not in ROLES:
        raise SpecError(f"model {name}: expected one of the roles {ROLES}, found {role!r}")
    members, parameters = (_table(name, table, key) for key in ("members", "parameters"))
    if bool(members) != (family in _COMPOSED):
        raise SpecError(
            f"model {name}: expected members in a pool or a calibrated model, and only there"
        )
    if family == "calibrated" and len(members) != 1:
        raise SpecError(f"model {name}: expected one member to calibrate, found {sorted(members)}")
    _check_plain(name, parameters)
    for member, weight in members.items():
        if not _alike(weight, 1.0):
            raise SpecError(
                f"model {name}: expected a weight of 0 or more for {member}, found {weight!r}"
            )
    return Spec(name, title, family, role, parameters, members)


def _check_title(name: str, title: Any) -> None:
    if not isinstance(title, str):
        raise SpecError(f"model {name}: expected a title in quotes, found {title!r}")
    if not title.isprintable() or len(title) > _LONGEST_TITLE:
        expected = f"a title of at most {_LONGEST_TITLE} printable characters"
        raise SpecError(f"model {name}: expected {expected}, found {title!r}")


def _check_plain(name: str, parameters: Mapping[str, Any]) -> None:
    for key, value in parameters.items():
        if not _is_plain(value):
            expected = f"{key} to be a number, a word, true or false, or a list of these"
            raise SpecError(f"model {name}: expected {expected}, found {value!r}")


def _load(name: str, text: str) -> dict[str, Any]:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        expected = "a name of letters, digits and _, with single . or - between, "
        expected += f"of at most {_LONGEST_NAME} characters"
        raise SpecError(f"model {name!r}: expected {expected}")
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise SpecError(f"model {name}: expected TOML, found tables nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, and errors of int()
        raise SpecError(f"model {name}: expected TOML, found {error}") from error
    unknown = set(table) - _KEYS
    if unknown:
        raise SpecError(
            f"model {name}: expected only the keys {sorted(_KEYS)}, found {sorted(unknown)}"
        )
    return table


def build(name: str, specs: Mapping[str, Spec]) -> Forecaster:
    """Build the forecaster declared in `specs` under `name`, with the members of a pool.

    Raises
    ------
    SpecError
        If `name` or a member is not declared, a parameter is unknown, or a pool contains itself.
    """
    return _build(name, specs, ())


def closure(name: str, specs: Mapping[str, Spec]) -> list[Spec]:
    """Return all declarations that affect the model `name`: its own, its members', theirs."""
    needed: dict[str, Spec] = {}

    def take(spec: Spec) -> None:
        if spec.name not in needed:  # pools may contain each other, which `build` refuses
            needed[spec.name] = spec
            for member in spec.members:
                if member in specs:
                    take(specs[member])

    take(specs[name])
    return list(needed.values())


def published(specs: Mapping[str, Spec]) -> dict[str, Spec]:
    """Return the models to publish: all but the members of pools."""
    return {name: spec for name, spec in specs.items() if spec.role != "member"}


def reads_covariates(name: str, specs: Mapping[str, Spec]) -> bool:
    """Whether the model `name`, or a member of it, uses covariates."""
    return any(spec.family in _READERS for spec in closure(name, specs))


def champion(specs: Mapping[str, Spec]) -> str:
    """Return the name of the declared champion."""
    names = [spec.name for spec in specs.values() if spec.role == "champion"]
    if len(names) != 1:
        raise SpecError(f'expected one model with role = "champion", found {names or "none"}')
    return names[0]


def _table(name: str, outer: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = outer.get(key, {})
    if not isinstance(table, dict):
        raise SpecError(f"model {name}: expected a table [{key}], found {table!r}")
    return table


def _build(name: str, specs: Mapping[str, Spec], above: tuple[str, ...]) -> Forecaster:
    if name not in specs:
        raise SpecError(f"expected one of the models {sorted(specs)}, found {name!r}")
    if name in above:
        raise SpecError(f"model {name}: a pool among its own members: {' -> '.join(above)}")
    spec = specs[name]
    module, _, class_name = FAMILIES[spec.family].partition(":")
    family = getattr(importlib.import_module(module), class_name)
    fields = {item.name: item for item in dataclasses.fields(family)}
    composed = spec.family in _COMPOSED
    defaults = {n: item.default for n, item in fields.items() if n not in ("members", "weights")}
    values = _values(spec, defaults, {n for n, item in fields.items() if "..." in str(item.type)})
    if composed:
        values["members"] = {one: _build(one, specs, (*above, name)) for one in spec.members}
    if spec.family == "pool":
        values["weights"] = dict(spec.members)
    forecaster: Forecaster = family(**values)
    return forecaster


def _values(spec: Spec, defaults: Mapping[str, Any], of_any_length: set[str]) -> dict[str, Any]:
    """Return the parameters of `spec`, checked against the family's `defaults`."""
    unknown = set(spec.parameters) - set(defaults)
    if unknown:
        expected = f"expected parameters among {sorted(defaults)}"
        raise SpecError(f"model {spec.name}: {expected}, found {sorted(unknown)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.parameters.items()}
    for key, value in values.items():
        if not _alike(value, defaults[key], key in of_any_length):
            raise SpecError(
                f"model {spec.name}: expected {key} to be like {defaults[key]!r}, found {value!r}"
            )
    return values


def _is_plain(value: Any) -> bool:
    """Whether JSON can represent `value`, as needed for the hash of a declaration."""
    if isinstance(value, list):
        return all(_is_plain(one) for one in value)
    return isinstance(value, str | bool | int | float)


def _alike(value: Any, default: Any, any_length: bool = False) -> bool:
    """Whether `value` has the type of `default`; numbers must be finite and 0 or more."""
    if isinstance(default, tuple):
        return (
            isinstance(value, tuple)
            and (any_length and len(value) > 0 or len(value) == len(default))
            and all(_alike(one, default[0]) for one in value)
        )
    if isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    kinds = (int, float) if isinstance(default, float) else int
    return isinstance(value, kinds) and 0 <= value < math.inf
