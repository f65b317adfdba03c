from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from service.core.settings import Settings
from service.issues.model_files import read_model_files, staged

NEW = {"models/a.toml": b"a", "models/b.toml": b"b", "fitted/s/a/1.npz": b"{}", "x": b"?"}


def new_files() -> Iterator[tuple[str, IO[bytes]]]:
    for name, content in NEW.items():
        yield name, io.BytesIO(content)


def settings_of(home: Path) -> Settings:
    return Settings(models_dir=home / "models")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Fitted versions inside the models folder, as by default."""
    (tmp_path / "models/fitted/s/old").mkdir(parents=True)
    (tmp_path / "models/fitted/s/old/1.npz").write_bytes(b"old")
    (tmp_path / "models/a.toml").write_bytes(b"a")
    (tmp_path / "models/b.toml").write_bytes(b"other")
    return tmp_path


def test_staged_files_are_replaced_only_on_request(home: Path) -> None:
    models = home / "models"
    before, inode = tree(home), (models / "a.toml").stat().st_ino
    with staged(settings_of(home), new_files()):
        pass
    assert tree(home) == before
    with staged(settings_of(home), new_files()) as (replaced, put_in_place):
        assert replaced == [f"the fitted versions in {models / 'fitted'}", str(models / "b.toml")]
        put_in_place()
    assert tree(models) == {"a.toml": b"a", "b.toml": b"b", "fitted/s/a/1.npz": b"{}"}
    assert (models / "a.toml").stat().st_ino == inode, "an identical file is not rewritten"


def test_read_model_files_returns_restored_files_only(home: Path) -> None:
    models = home / "models"
    with staged(settings_of(home), new_files()) as (_, put_in_place):
        put_in_place()
    expected = {name: content for name, content in NEW.items() if "/" in name}
    (models / "fitted/s/a/.hidden.npz").write_bytes(b"")
    (models / "fitted/s/a/my notes.npz").write_bytes(b"")
    (models / "notes.txt").write_bytes(b"")
    (models / "fitted/s/gone.npz").mkdir()
    (models / "fitted/s/a/gone.npz").symlink_to("nowhere")
    assert dict(read_model_files(settings_of(home))) == expected
    assert list(read_model_files(settings_of(home / "none"))) == []
