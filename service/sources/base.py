"""What every source of figures raises and returns."""

from __future__ import annotations

__all__ = ["SourceError"]


class SourceError(ValueError):
    """Figures that break a rule: which, where, what was expected and what was found.

    Nothing of such a source is taken over.
    """

    def __init__(self, where: str, expected: str, found: str) -> None:
        self.where = where
        self.expected = expected
        self.found = found
        super().__init__(f"{where}: expected {expected}, found {found}")
