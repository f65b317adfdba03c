"""Names that move: which model is the champion, and which was before."""

from __future__ import annotations

__all__ = ["Aliases", "read_aliases", "set_aside_if_broken", "write_aliases"]

import logging
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from service.core.files import RegistryError, read_json, write_json

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Aliases:
    """The champion, the one before, and why it changed.

    Attributes
    ----------
    champion : str
        A model's name.
    declared : str
        The champion that was declared then; declaring another one makes the aliases void.
    previous : str | None
        The champion before; None when there was none.
    changed_at : str
        When it changed, RFC 3339.
    reason : str
    """

    champion: str
    declared: str
    previous: str | None
    changed_at: str
    reason: str


def _file(root: Path, route: str) -> Path:
    return root / f"aliases-{route}.json"


def _aside(file: Path) -> Path:
    return file.with_name(f"{file.name}.broken")


def read_aliases(root: Path, route: str) -> Aliases | None:
    """The aliases of a route, beside the versions; None when nothing has been written yet.

    Raises
    ------
    RegistryError
        If the file is not readable as one, or was set aside and not written again since.
    """
    file = _file(root, route)
    if not os.path.lexists(file):
        if _aside(file).exists():
            raise RegistryError(
                f"{file}: expected the champion that was chosen, found a broken file, which is set "
                f"aside as {_aside(file).name}; the next comparison writes it again"
            )
        return None
    values, expected = read_json(file), {field.name for field in fields(Aliases)}
    if set(values) != expected:
        raise RegistryError(f"{file}: expected {sorted(expected)}, found {sorted(values)}")
    for name, value in values.items():
        if not isinstance(value, str) and not (name == "previous" and value is None):
            raise RegistryError(f"{file}: expected {name} in quotes, found {value!r}")
    return Aliases(**values)


def set_aside_if_broken(root: Path, route: str) -> Aliases | None:
    """The aliases; a file that is not readable is moved aside, since comparing writes it again."""
    try:
        return read_aliases(root, route)
    except RegistryError as error:
        file = _file(root, route)
        if os.path.lexists(file):
            _log.error("the declared champion is used: %s", error)
            try:
                file.replace(_aside(file))
            except OSError as reason:  # as on a read-only disk: it is refused next time too
                _log.error("%s could not be moved aside: %s", file, reason.strerror)
        return None


def write_aliases(root: Path, route: str, aliases: Aliases) -> None:
    """Put `aliases` in place of those that were."""
    root.mkdir(parents=True, exist_ok=True)
    write_json(_file(root, route), asdict(aliases))
