"""Route declarations: one file ``ROUTE.toml`` for each route, read and checked."""

__all__ = ["enabled_routes", "read_route"]

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.core.declared_series import Route, Series, Table
from service.core.files import RegistryError, read_declaration
from service.core.validation import explain_invalid

_KINDS = ("govuk", "csv", "json")
_SET_HERE = ("name", "folder")  # from the file's own
_KEYS = [key for table in (Route, Series, Table) for key in table.model_fields]


def enabled_routes(folder: Path, names: str = "") -> tuple[Route, ...]:
    """Return the routes in `names` (comma-separated); if empty, those declared as enabled.

    With `names`, no other file is read.

    Raises `RegistryError` with one line for each fault: file, key, what was expected and what was
    found.
    """
    files = {file.stem: file for file in sorted(folder.glob("[!.]*.toml"))}  # hidden: of editors
    chosen = list(dict.fromkeys(names.split(","))) if names else list(files)
    if not files or not files.keys() >= set(chosen):
        expected = f"some of the routes {', '.join(files)} in {folder}"
        raise RegistryError(f"CROSSINGS_ROUTES: expected {expected}, found {names or 'none'}")
    routes: list[Route] = []
    faults = []
    for name in chosen:
        try:
            route = read_route(files[name])
        except RegistryError as error:
            faults.append(str(error))
            continue
        faults += [
            f"{files[name]}, series.{series_id}: expected a series_id unique over all routes, "
            f"found it in {other.name}.toml too"
            for other in routes
            for series_id in route.series
            if series_id in other.series
        ]
        routes.append(route)
    if faults:
        raise RegistryError("\n".join(faults))
    enabled = tuple(route for route in routes if names or route.enabled)
    if not enabled:
        raise RegistryError(f"CROSSINGS_ROUTES: expected some of {', '.join(files)}, found none")
    return enabled


def read_route(file: Path) -> Route:
    """Read the declaration `file`; raises `RegistryError` with one line for each fault."""
    try:
        stated = tomllib.loads(read_declaration(file))
        if taken := [key for key in _SET_HERE if key in stated]:
            raise RegistryError(f"expected no key {taken[0]}, which the file's own sets")
        return Route.model_validate(stated | {"name": file.stem, "folder": file.parent})
    except RegistryError as error:
        raise RegistryError(f"{file}: {error}") from error
    except ValidationError as error:
        lines = [
            f"{file}{_explain(detail)}"
            for detail in error.errors()
            if detail["type"] != "default_factory_not_called"  # another fault is its cause
        ]
        raise RegistryError("\n".join(lines)) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, errors of int() and nesting
        raise RegistryError(f"{file}: expected TOML, found {error}") from error


def _explain(detail: Any) -> str:
    """Return the key and the fault that pydantic found there."""
    key = ".".join(str(part) for part in detail["loc"] if part not in _KINDS)
    if detail["type"].startswith("union_tag"):
        return f", {key}.kind: expected 'govuk', 'csv' or 'json'"
    if detail["type"] == "extra_forbidden":
        (near,) = difflib.get_close_matches(str(detail["loc"][-1]), _KEYS, 1, cutoff=0)
        return f", {key}: expected {near}, the nearest known key, found an unknown one"
    value = ... if isinstance(detail["input"], dict) else detail["input"]
    return f"{key and ', '}{key}: {explain_invalid(detail['msg'], value)}"
