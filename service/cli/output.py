"""What commands write: files where they are told to, and tables on standard output."""

from __future__ import annotations

__all__ = ["console", "write_out"]

import sys
from pathlib import Path

from rich.console import Console

from service.core.files import write_whole


def write_out(file: Path, content: bytes) -> None:
    """Write `content` as `file`, whole or not at all.

    What is no plain file, such as ``/dev/stdout`` or a link, is written to and not replaced.

    Raises
    ------
    OSError
        With `file` as its `filename`.
    """
    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_bytes(content)
    else:
        write_whole(file, content)


def console(width: int = 200) -> Console:
    """Standard output for tables and lines, whose text is printed as it stands.

    Off a terminal it is `width` wide, so that nothing is cut. Names and reasons come from others:
    brackets in them are no markup.
    """
    at = None if sys.stdout.isatty() else width
    return Console(width=at, markup=False, emoji=False, highlight=False)
