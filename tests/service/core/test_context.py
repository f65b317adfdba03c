from __future__ import annotations

from pathlib import Path

import pytest

from service.core.context import open_context
from service.core.database import DatabaseError
from service.core.settings import Settings


def test_a_fresh_database_is_made_and_migrated(tmp_path: Path) -> None:
    context = open_context(Settings(var_dir=tmp_path / "deep" / "down"))
    context.database.close()
    assert (tmp_path / "deep" / "down" / "crossings.sqlite").stat().st_size > 0


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match=r"^[^\n]*file[^\n]*$"):
        open_context(Settings(var_dir=tmp_path / "file" / "var"))


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "crossings.sqlite").write_bytes(b"date,people\n" * 1000)
    with pytest.raises(DatabaseError, match=r"^[^\n]*not a database[^\n]*$"):
        open_context(Settings(var_dir=tmp_path))


def test_a_password_is_not_said(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_context(Settings(database_url="nonsense+nothing://user:secret@host/db"))
    assert "secret" not in str(caught.value)
