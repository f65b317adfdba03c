"""Route declarations: one file ``ROUTE.toml`` for each route, read and checked."""

__all__ = ["enabled_routes", "read_route", "read_routes"]

import difflib
import logging
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.core.declared_series import Declaration, GovUk, Route, Series, Table
from service.core.files import RegistryError, read_declaration
from service.core.secrets import CONTROL_CHARACTERS
from service.core.validation import explain_invalid

_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")  # used in URLs, issue ids and file names
_FORECAST_ONLY = ("day_threshold", "week_threshold", "likely_above", "unlikely_below")
_log = logging.getLogger(__name__)


def enabled_routes(folder: Path, names: str = "") -> tuple[Route, ...]:
    """Return the routes in `names` (comma-separated); if empty, those declared as enabled.

    Raises `RegistryError` if a declaration is invalid (with `names`: one of theirs), or a name has
    no declaration.
    """
    stated = names.split(",") if names else []
    routes = read_routes(folder, stated)
    chosen = stated or [one.name for one in routes.values() if one.enabled]
    if unknown := [name for name in chosen if name not in routes]:
        expected = f"some of the routes {', '.join(sorted(routes))}"
        raise RegistryError(f"CROSSINGS_ROUTES: expected {expected}, found {', '.join(unknown)}")
    if not chosen:
        raise RegistryError(
            f"CROSSINGS_ROUTES: expected some of the routes {', '.join(routes)}, found none"
        )
    return tuple(routes[name] for name in dict.fromkeys(chosen))


def read_routes(folder: Path, only: Collection[str] = ()) -> dict[str, Route]:
    """Read every declaration ``ROUTE.toml`` in `folder`; return routes by name.

    With `only`, a faulty file of another route is left out, and its first fault is logged.

    Raises `RegistryError` with one line for each fault: file, key, what was expected and what was
    found.
    """
    files = sorted(folder.glob("[!.]*.toml")) if folder.is_dir() else []  # hidden: of editors
    files.sort(key=lambda file: file.stem not in only)  # so that another repeats their series
    faults: list[str] = []
    routes: dict[str, Route] = {}
    file_of_series: dict[str, Path] = {}
    for file in files:
        route, faults_of_file = _read(file)
        for name in route.series if route else ():
            if name in file_of_series:
                faults_of_file.append(
                    f"{file}, series.{name}: expected a series_id unique over all routes, "
                    f"found it in {file_of_series[name]} too"
                )
        if faults_of_file and only and file.stem not in only:
            more = f"; and {len(faults_of_file) - 1} more" if len(faults_of_file) > 1 else ""
            first = CONTROL_CHARACTERS.sub("\ufffd", faults_of_file[0])  # names may hold any bytes
            _log.warning("route left out: %s%s", first, more)
            continue
        faults += faults_of_file
        if route is not None:
            file_of_series |= dict.fromkeys(route.series, file)
            routes[route.name] = route
    if not faults and not routes:
        faults.append(f"{folder}: expected a declared route (*.toml), found none")
    if faults:
        raise RegistryError("\n".join(faults))
    return routes


def read_route(file: Path) -> Route:
    """Read the declaration `file`.

    Raises `RegistryError` as `read_routes` does.
    """
    route, faults = _read(file)
    if route is None or faults:
        raise RegistryError("\n".join(faults))
    return route


def _read(file: Path) -> tuple[Route | None, list[str]]:
    """Return the route that `file` declares, if its keys are valid, and a line for each fault."""
    try:
        stated = tomllib.loads(read_declaration(file))
        faults = [
            f"{file}, {key}: expected no such key, found one"
            for key in ("name", "folder")
            if key in stated
        ]
        route = Route.model_validate(stated | {"name": file.stem, "folder": file.parent})
    except RegistryError as error:
        return None, [f"{file}: {error}"]
    except ValidationError as error:
        return None, faults + [
            f"{file}, {_fault(detail)}"
            for detail in error.errors()
            if detail["type"] != "default_factory_not_called"  # another fault is its cause
        ]
    except RecursionError:
        return None, [f"{file}: expected TOML, found tables nested too deeply"]
    except ValueError as error:  # TOMLDecodeError, and errors of int()
        return None, [f"{file}: expected TOML, found {error}"]
    return route, faults + [f"{file}, {fault}" for fault in _contradictions(route)]


def _contradictions(route: Route) -> Iterator[str]:
    """Yield faults of keys that are each valid but do not fit together."""
    if not _ID.fullmatch(route.name):
        yield f"its name: expected lower-case letters, digits and _, found {route.name!r}"
    if route.figures and not os.path.isfile(route.folder / route.figures):
        yield f"figures: expected a file beside it, found no {route.figures}"
    if bool(route.weather_points) != bool(route.weather_place):
        yield f"weather_place: expected only with weather_points, found {route.weather_place!r}"
    if isinstance(route.source, Table):
        yield from route.source.faults(route.folder, route.series)
    leading = [name for name, one in route.series.items() if one.leads]
    if len(leading) != 1:
        names = ", ".join(leading) or "none"
        yield f"series: expected one daily series that follows no other, found {names}"
    for name, one in route.series.items():
        yield from _contradictions_of_series(name, one, leading)


def _contradictions_of_series(name: str, series: Series, leading: list[str]) -> Iterator[str]:
    key = f"series.{name}"
    if not _ID.fullmatch(name):
        yield f"{key}: expected a series_id of lower-case letters, digits and _, found {name!r}"
    if series.frequency == "daily":
        for missing in _FORECAST_ONLY:
            if missing not in series.model_fields_set:
                yield f"{key}.{missing}: expected a number, found none"
    elif stray := sorted({*_FORECAST_ONLY, "follows"} & series.model_fields_set):
        yield f"{key}.{stray[0]}: expected only in daily series, found in a weekly one"
    if bool(series.ratio) != bool(series.follows):
        ratio = series.ratio or "none"
        yield f"{key}.ratio: expected only in a series that follows another, found {ratio!r}"
    if series.unlikely_below > series.likely_above:
        yield (
            f"{key}.unlikely_below: expected at most likely_above, {series.likely_above}, "
            f"found {series.unlikely_below}"
        )
    if series.frequency == "daily" and series.follows is not None and series.follows not in leading:
        expected = ", ".join(leading) or "a series that follows no other"
        yield f"{key}.follows: expected {expected}, found {series.follows!r}"


def _fault(detail: Mapping[str, Any]) -> str:
    where = [str(part) for part in detail["loc"]]
    key = ".".join(where)
    if detail["type"] == "union_tag_not_found":
        return f"{key}.kind: expected a value, found none"
    if detail["type"] == "union_tag_invalid":
        kind = detail["input"].get("kind")
        return f"{key}.kind: expected 'govuk', 'csv' or 'json', found {kind!r:.60}"
    if where[0] == "source" and len(where) > 1:
        key = ".".join(["source", *where[2:]])  # leave out the kind of source
    if detail["type"] == "extra_forbidden":
        schema: type[Declaration] = Route
        if where[0] == "series":
            schema = Series
        elif where[0] == "source":
            schema = GovUk if where[1] == "govuk" else Table
        fields = [name for name in schema.model_fields if name not in ("name", "folder")]
        near = difflib.get_close_matches(where[-1], fields, 1)
        nearest = f"{near[0]}, the nearest of its keys" if near else f"one of {', '.join(fields)}"
        return f"{key}: expected {nearest}, found an unknown key"
    return f"{key}: {explain_invalid(detail['msg'], detail['input'])}"
