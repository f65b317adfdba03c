"""The declared models on disk."""

__all__ = [
    "PROBLEMS",
    "best_by_role",
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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
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
_log = logging.getLogger(__name__)


def declared(folder: Path, only: Sequence[str] = ()) -> dict[str, Spec]:
    """Read the declarations as `read_declarations` does, and log the problems."""
    specs, problems = read_declarations(folder, only)
    for problem in problems:
        _log.warning("declarations in %s: %s", folder, problem)
    return specs


def read_declarations(folder: Path, only: Sequence[str] = ()) -> tuple[dict[str, Spec], list[str]]:
    """Read every ``NAME.toml`` in `folder`, or the models `only` and their members; and problems.

    Hidden files are ignored, and a file that declares no model is left out. Exactly one model is
    the champion. Raises `RegistryError` if none is usable.
    """
    specs, problems = {}, []
    for file in sorted(folder.glob("[!.]*.toml")):
        try:
            specs[file.stem] = parse(file.stem, read_declaration(file))
        except (SpecError, RegistryError) as error:
            name = repr(str(file))[1:-1]  # file names may hold any bytes
            problems.append(f"{name}: {error}")
    if specs and (unknown := sorted(set(only) - specs.keys())):
        expected = f"some of the models {', '.join(specs)}"
        raise RegistryError(f"models of the route: expected {expected}, found {', '.join(unknown)}")
    if only:
        chosen = {spec.name for name in only for spec in closure(name, specs)}
        specs = {name: spec for name, spec in specs.items() if name in chosen}
    if not published(specs):
        reasons = "; ".join(problems) or ("only members of pools" if specs else "no *.toml")
        raise RegistryError(f"{folder}: expected a model that can be published, found {reasons}")
    champions = [name for name, spec in specs.items() if spec.role == "champion"]
    if len(champions) != 1:  # choose one: there must be a forecast
        best = best_by_role(published(specs).values())
        for name in champions:
            specs[name] = replace(specs[name], role="challenger")
        specs[best.name] = replace(best, role="champion")
        names = ", ".join(champions) or "none"
        problems.append(
            f'{folder}: expected one model with role = "champion", found {names}: '
            f"{best.name} is used"
        )
    return specs, problems


def best_by_role(specs: Iterable[Spec]) -> Spec:
    """Return the first of `specs` by role, then by name."""
    return min(specs, key=lambda spec: (ROLES.index(spec.role), spec.name))


def find_problems(context: Context) -> tuple[tuple[str, str], ...]:
    """Return name and description of any problems with the route's declarations."""
    try:
        _, problems = read_declarations(context.settings.models_dir, context.route.models)
    except RegistryError as error:
        return (("no_models", strip_folders(str(error))),)
    return (("models_left_out", strip_folders("; ".join(problems))),) if problems else ()


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
