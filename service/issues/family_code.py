"""Hashes of what determines a fit besides its data: the model's declaration and code."""

__all__ = ["code_hash", "declaration_hash", "installed_packages"]

import ast
import functools
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata as packages
from pathlib import Path

import forecast
from forecast.specs import FAMILIES, Spec, closure

_PACKAGES = ("numpy", "scipy", "statsmodels", "prophet")

_ROOT = Path(forecast.__file__).parent
_PARSING = threading.Lock()  # Python 3.11 counts nesting across threads
# Modules that every fit runs.
_ALWAYS = ("forecast.joint", "forecast.specs")


def declaration_hash(name: str, specs: Mapping[str, Spec]) -> str:
    """Return a hash of a declaration, its members' and their code: equal means the same model."""
    members = closure(name, specs)
    text = json.dumps(
        {
            "specs": [asdict(spec) for spec in members],
            "code": [code_hash(FAMILIES[spec.family].partition(":")[0]) for spec in members],
            "packages": list(installed_packages().values()),
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def installed_packages() -> dict[str, str]:
    """Return the loaded versions of the packages that affect a fit."""
    return {package: packages.version(package) for package in _PACKAGES}


@functools.cache
def code_hash(module: str, root: Path = _ROOT) -> str:
    """Return a hash of the sources of `module`, of modules every fit runs, and of their imports.

    Imports from outside the package ``forecast``, in the folder `root`, do not count.
    """
    sources: dict[str, bytes] = {}
    waiting = [module, *_ALWAYS]
    while waiting:
        name = waiting.pop()
        file = _file(name, root)
        if name not in sources and file is not None:
            sources[name] = file.read_bytes()
            waiting += _imports(sources[name])
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        digest.update(f"{name} {len(source)} ".encode() + source)
    return digest.hexdigest()


def _file(name: str, root: Path) -> Path | None:
    """Return the file of the module `name`; None if it is not in the package."""
    package, *parts = name.split(".")
    if package != "forecast":
        return None
    place = root.joinpath(*parts)
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


def _imports(source: bytes) -> list[str]:
    """Return imported names in `source` that may be modules."""
    with _PARSING:
        tree = ast.parse(source)
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
