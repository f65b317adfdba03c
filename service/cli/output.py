"""What commands write: files where they are told to, and tables on standard output."""

from __future__ import annotations

__all__ = ["console", "new_table", "write_out"]

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def write_out(file: Path, content: bytes) -> None:
    """Write `content` as `file`, whole or not at all.

    What is no plain file, such as ``/dev/stdout`` or a link, is written to and not replaced.

    Raises
    ------
    OSError
        With `file` as its `filename`.
    """
    from service.core.files import write_whole

    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_bytes(content)
    else:
        write_whole(file, content)


def console(width: int = 200) -> Console:
    """Standard output for tables and lines, whose text is printed as it stands.

    Off a terminal it is `width` wide, so that nothing is cut. Names and reasons come from others:
    brackets in them are no markup.
    """
    from rich.console import Console

    at = None if sys.stdout.isatty() else width
    return Console(width=at, markup=False, emoji=False, highlight=False)


def new_table(*columns: str, is_dense: bool = False) -> Table:
    """An empty table with these columns; a dense one has no lines between them."""
    from rich.table import Table

    return Table(*columns, box=None, pad_edge=False) if is_dense else Table(*columns)
