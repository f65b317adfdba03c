"""Reasons that everybody may read: where files lie on this machine is for the log alone."""

from __future__ import annotations

__all__ = ["without_folders"]

import re

# A slash that begins a path, not one within an address or a fraction; then folders, and a name.
_PATH = re.compile(r"(?<![\w:/.~-])/(?:[^\s/:'\",;()]+/)+([^\s/:'\",;()]*)")


def without_folders(text: str) -> str:
    """`text` with the names of files alone, in the place of their absolute paths."""
    return _PATH.sub(r"\1", text)
