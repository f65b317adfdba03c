"""How much is taken of what comes from outside, whether it was fetched or lies in a file."""

from __future__ import annotations

__all__ = ["LARGEST_PAGE", "LARGEST_WORKBOOK", "MOST_TAGS", "read_file"]

import sys
from contextlib import nullcontext
from pathlib import Path

from service.data.source import SourceError

LARGEST_PAGE, LARGEST_WORKBOOK = 2_000_000, 10_000_000
"""Bytes."""

MOST_TAGS = 10_000
"""Of a page: real ones have 900; the parser's work grows with the square of the depth."""


def read_file(path: Path, most_bytes: int) -> bytes:
    """Read the file at `path`, or standard input where that is ``-``.

    Raises
    ------
    SourceError
        If it cannot be read, or holds more than `most_bytes`.
    """
    try:
        # Not by its size: a device has none, and no end.
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise SourceError(str(path), "a readable file", error.strerror or str(error)) from error
    if len(content) > most_bytes:
        raise SourceError(str(path), f"a file of at most {most_bytes:,} bytes", "more")
    return content
