"""No more of a file is read than may be taken of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.data.source import SourceError, read_file


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_file(file, 5) == b"12345"
    with pytest.raises(SourceError, match="expected a file of at most 4 bytes, found more"):
        read_file(file, 4)


def test_what_has_no_end_is_refused() -> None:
    with pytest.raises(SourceError, match="at most 1,000 bytes, found more"):
        read_file(Path("/dev/zero"), 1000)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="none.csv: expected a readable file, found No such"):
        read_file(tmp_path / "none.csv", 5)
