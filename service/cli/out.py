"""Files that commands write where they are told to."""

from __future__ import annotations

__all__ = ["write_out"]

from pathlib import Path

from service.registry.files import write_whole


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
