from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.climatology import Climatology
from forecast.joint import Joint
from forecast.series import DailySeries
from service.core.files import RegistryError
from service.issues import fitted_models
from service.issues.fitted_models import Metadata, Version, find, load, prune, save


@pytest.fixture
def fitted(figures: dict[str, DailySeries]) -> Joint:
    return joint.fit(Climatology(), figures)


def metadata(second: int = 0, training: str = "t") -> Metadata:
    at = f"2026-01-01T12:00:{second:02}Z"
    return Metadata("climatology", "2025-12-31", at, at, training, 0.1, {}, {})


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "climatology").iterdir())


def test_a_version_is_loaded_as_it_was_saved(tmp_path: Path, fitted: Joint) -> None:
    saved = save(tmp_path, fitted, metadata())
    found = find(tmp_path, "climatology", "t")
    assert found is not None
    assert found.metadata == saved.metadata
    again = load(found)
    for name, paths in fitted.draw(30, 50, np.random.default_rng(1)).items():
        same = again.draw(30, 50, np.random.default_rng(1))[name]
        np.testing.assert_array_equal(same.values, paths.values)
    assert find(tmp_path, "climatology", "other") is None
    assert find(tmp_path, "hurdle", "t") is None


def test_the_same_fit_saved_at_once_by_many(tmp_path: Path, fitted: Joint) -> None:
    saved: list[Version] = []
    threads = [
        threading.Thread(target=lambda: saved.append(save(tmp_path, fitted, metadata())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved) == 4
    assert names(tmp_path) == [saved[0].name]
    load(saved[0])


def test_what_was_changed_on_disk_is_refused(tmp_path: Path, fitted: Joint) -> None:
    saved = save(tmp_path, fitted, metadata())
    file = saved.folder / "model.json"
    file.write_bytes(file.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(RegistryError, match="content hash"):
        load(saved)
    file.unlink()
    with pytest.raises(RegistryError, match="expected a readable version"):
        load(saved)


def test_a_failed_save_leaves_nothing(
    tmp_path: Path, fitted: Joint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.issues.fitted_models.write_json", full)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, fitted, metadata())
    assert names(tmp_path) == []


def test_the_newest_are_kept(tmp_path: Path, fitted: Joint) -> None:
    saved = [save(tmp_path, fitted, metadata(second)) for second in range(5)]
    prune(tmp_path, "climatology", "", 2, {saved[0].name})
    assert names(tmp_path) == [saved[0].name, saved[3].name, saved[4].name]


def test_a_version_that_another_route_adds_meanwhile_stays(
    tmp_path: Path, fitted: Joint, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, read = save(tmp_path, fitted, metadata()), fitted_models._versions

    def read_and_add(root: Path, model: str) -> list[Version]:
        versions = read(root, model)
        save(tmp_path, fitted, metadata(1))
        return versions

    monkeypatch.setattr(fitted_models, "_versions", read_and_add)
    prune(tmp_path, "climatology", "", 5, set())
    monkeypatch.undo()
    added = find(tmp_path, "climatology", "t")
    assert added is not None
    assert names(tmp_path) == [first.name, added.name]


def test_what_a_killed_process_left_half_written_is_put_away_a_day_later(
    tmp_path: Path, fitted: Joint
) -> None:
    version = save(tmp_path, fitted, metadata())
    old, fresh = (version.folder.parent / f".{version.name}.{pid}-1" for pid in (1, 2))
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "model.json").write_text("half")
    os.utime(old, (0, 0))
    prune(tmp_path, "climatology", "", 2, set())
    assert not old.exists()
    assert fresh.exists(), "somebody may be at it"


def test_what_cannot_be_read_is_set_aside_and_goes_a_day_later(
    tmp_path: Path, fitted: Joint
) -> None:
    broken, whole = (save(tmp_path, fitted, metadata(second)) for second in range(2))
    (broken.folder / "metadata.json").write_text("[" * 100_000)
    restoring = tmp_path / ".restoring.1-1"
    restoring.mkdir()
    assert find(tmp_path, "climatology", "t") == whole
    prune(tmp_path, "climatology", "", 5, set())
    hidden, kept = names(tmp_path)
    assert (hidden.startswith(f".{broken.name}.broken."), kept) == (True, whole.name)
    prune(tmp_path, "climatology", "", 5, set())
    assert names(tmp_path) == [hidden, kept], "for a day"
    os.utime(tmp_path / "climatology" / hidden, (0, 0))
    os.utime(restoring, (0, 0))
    prune(tmp_path, "climatology", "", 5, set())
    assert names(tmp_path) == [whole.name]
    assert not restoring.exists()


@pytest.mark.parametrize("state", [b"[]", b'{"format": 1}', b'{"format": 1, "state": 3}'])
def test_a_state_of_another_form_is_refused_in_one_line(
    tmp_path: Path, fitted: Joint, state: bytes
) -> None:
    saved = save(tmp_path, fitted, metadata())
    (saved.folder / "model.json").write_bytes(state)
    arrays = (saved.folder / "arrays.npz").read_bytes()
    values = json.loads((saved.folder / "metadata.json").read_text())
    values["content_hash"] = fitted_models._digest(state, arrays)
    (saved.folder / "metadata.json").write_text(json.dumps(values))
    with pytest.raises(RegistryError, match=saved.name):
        load(saved)
