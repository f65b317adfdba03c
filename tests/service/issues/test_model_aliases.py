from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from service.core.files import RegistryError
from service.issues.model_aliases import Aliases, read_aliases, write_aliases

ALIASES = Aliases("pool", "hurdle", "hurdle", "2026-01-02T12:00:00Z", "better by 5 %")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_aliases(tmp_path / "fitted") is None
    write_aliases(tmp_path / "fitted", ALIASES)
    assert read_aliases(tmp_path / "fitted") == ALIASES


@pytest.mark.parametrize(
    "content",
    ["[]", "{", "{}", json.dumps(asdict(ALIASES) | {"more": 1}), '{"champion": "pool"}'],
)
def test_what_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "aliases.json").write_text(content, "utf-8")
    with pytest.raises(RegistryError, match=r"aliases.json: expected "):
        read_aliases(tmp_path)
