from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from service.core.files import RegistryError
from service.issues.model_aliases import Aliases, read_aliases, set_aside_if_broken, write_aliases

ALIASES = Aliases("pool", "hurdle", "hurdle", "2026-01-02T12:00:00Z", "better by 5 %")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_aliases(tmp_path / "fitted", "strait") is None
    write_aliases(tmp_path / "fitted", "strait", ALIASES)
    assert read_aliases(tmp_path / "fitted", "strait") == ALIASES


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{", "{}", "[" * 100_000, '{"champion": "pool"}'),
        json.dumps(asdict(ALIASES) | {"more": 1}),
        json.dumps(asdict(ALIASES) | {"champion": ["pool"]}),
        json.dumps(asdict(ALIASES) | {"declared": None}),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "aliases-strait.json").write_text(content, "utf-8")
    with pytest.raises(RegistryError, match=r"aliases-strait.json: expected "):
        read_aliases(tmp_path, "strait")
    assert set_aside_if_broken(tmp_path, "strait") is None
    assert (tmp_path / "aliases-strait.json.broken").read_text("utf-8") == content
    # It is said until the champion is chosen again.
    with pytest.raises(RegistryError, match=r"set aside as aliases-strait\.json\.broken"):
        read_aliases(tmp_path, "strait")
    assert set_aside_if_broken(tmp_path, "strait") is None
    write_aliases(tmp_path, "strait", ALIASES)
    assert read_aliases(tmp_path, "strait") == set_aside_if_broken(tmp_path, "strait") == ALIASES


def test_whatever_has_the_name_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "aliases-strait.json").mkdir()
    assert set_aside_if_broken(tmp_path, "strait") is None
    assert not (tmp_path / "aliases-strait.json").exists()
    (tmp_path / "aliases-strait.json").symlink_to("nowhere")
    assert set_aside_if_broken(tmp_path, "strait") is None  # a folder is in the way of the second
    write_aliases(tmp_path, "strait", ALIASES)
    assert read_aliases(tmp_path, "strait") == ALIASES
