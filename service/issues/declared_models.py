"""The declared models on disk."""

__all__ = [
    "PROBLEMS",
    "Declarations",
    "declaration_hash",
    "declared",
    "find_problems",
    "installed_packages",
    "read_declarations",
]

import functools
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata as packages
from pathlib import Path

import forecast
from forecast.specs import ROLES, Spec, SpecError, closure, parse, published
from service.core.context import Context
from service.core.files import RegistryError, read_declaration
from service.core.secrets import strip_folders

PROBLEMS = ("models_left_out", "no_models")
"""Names of problems with declarations."""

_PACKAGES = ("numpy", "scipy", "statsmodels", "prophet")
_MOST_PROBLEMS = 3
_LONGEST_PROBLEM = 300
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Declarations:
    """The models declared in a folder, exactly one of them as champion."""

    specs: dict[str, Spec]
    problems: tuple[str, ...]  # the files left out, and a missing or ambiguous champion


def declared(folder: Path, only: Sequence[str] = ()) -> dict[str, Spec]:
    """Read the declarations of `folder`, or those of `only` and their members.

    Problems with others are logged.

    Raises `RegistryError` if none is usable.
    """
    declarations = read_declarations(folder, only)
    for problem in declarations.problems:
        _log.warning("declarations in %s: %s", folder, problem)
    return declarations.specs


def read_declarations(folder: Path, only: Sequence[str] = ()) -> Declarations:
    """Read every declaration ``NAME.toml`` in `folder`, sorted by name.

    Hidden files, such as editors make, are ignored. A file that declares no model is left out, so
    that it does not affect the others.

    Raises `RegistryError` if none is usable.
    """
    files = sorted(folder.glob("[!.]*.toml")) if folder.is_dir() else []
    if not files:
        raise RegistryError(f"{folder}: expected model declarations (*.toml), found none")
    specs, problems = {}, []
    for file in files:
        try:
            specs[file.stem] = parse(file.stem, read_declaration(file))
        except (SpecError, RegistryError) as error:
            # File names may hold any bytes.
            name = repr(str(file))[1:-1]
            problems.append(f"{name}: {_cut(str(error))}")
    if unknown := sorted(set(only) - specs.keys()):
        expected = f"some of the models {', '.join(specs)}"
        raise RegistryError(f"models of the route: expected {expected}, found {', '.join(unknown)}")
    if only:
        chosen = {spec.name for name in only for spec in closure(name, specs)}
        specs = {name: spec for name, spec in specs.items() if name in chosen}
    if not published(specs):
        reasons = "; ".join(problems) or "only members of pools"
        raise RegistryError(f"{folder}: expected a model that can be published, found {reasons}")
    specs, unclear = _with_one_champion(specs)
    return Declarations(specs, (*problems, *(f"{folder}: {line}" for line in unclear)))


def find_problems(context: Context) -> tuple[tuple[str, str], ...]:
    """Return name and description of any problems with the route's declarations."""
    try:
        lines = read_declarations(context.settings.models_dir, context.route.models).problems
    except RegistryError as error:
        return (("no_models", strip_folders(str(error))),)
    if not lines:
        return ()
    more = f"; and {len(lines) - _MOST_PROBLEMS} more" if len(lines) > _MOST_PROBLEMS else ""
    return (("models_left_out", strip_folders("; ".join(lines[:_MOST_PROBLEMS]) + more)),)


def declaration_hash(name: str, specs: Mapping[str, Spec]) -> str:
    """Return a hash of a declaration, its members' and their code: equal means the same model."""
    decides = {
        "specs": [asdict(spec) for spec in closure(name, specs)],
        "code": _code_hash(),
        "packages": list(installed_packages().values()),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


@functools.cache
def installed_packages() -> dict[str, str]:
    """Return the loaded versions of the packages that affect a fit."""
    return {package: packages.version(package) for package in _PACKAGES}


@functools.cache
def _code_hash() -> str:
    """Hash the whole library, any module of which may take part in a fit."""
    root, digest = Path(forecast.__file__).parent, hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        source = file.read_bytes()
        digest.update(f"{file.relative_to(root)} {len(source)} ".encode() + source)
    return digest.hexdigest()


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_PROBLEM else f"{line[:_LONGEST_PROBLEM]}…"


def _with_one_champion(specs: dict[str, Spec]) -> tuple[dict[str, Spec], list[str]]:
    """Choose a champion if none or several are declared: there must be a forecast."""
    champions = sorted(name for name, spec in specs.items() if spec.role == "champion")
    if len(champions) == 1:
        return specs, []
    best = sorted(published(specs).values(), key=lambda spec: (ROLES.index(spec.role), spec.name))
    chosen = best[0].name
    roles = dict.fromkeys(champions, "challenger") | {chosen: "champion"}
    changed = {name: replace(specs[name], role=role) for name, role in roles.items()}
    names = ", ".join(champions) or "none"
    line = f'expected one model with role = "champion", found {names}: {chosen} is used'
    return specs | changed, [line]
