"""Names that move: which model is the champion, and which was before."""

from __future__ import annotations

__all__ = ["Aliases", "read_aliases", "write_aliases"]

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from service.core.files import RegistryError, read_json, write_json

_FILE = "aliases.json"


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


def read_aliases(root: Path) -> Aliases | None:
    """The aliases beside the versions; None when nothing has been written yet.

    Raises
    ------
    RegistryError
        If the file is not readable as one.
    """
    file = root / _FILE
    if not file.exists():
        return None
    values, expected = read_json(file), {field.name for field in fields(Aliases)}
    if set(values) != expected:
        raise RegistryError(f"{file}: expected {sorted(expected)}, found {sorted(values)}")
    return Aliases(**values)


def write_aliases(root: Path, aliases: Aliases) -> None:
    """Put `aliases` in place of those that were."""
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / _FILE, asdict(aliases))
