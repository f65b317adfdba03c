from __future__ import annotations

import json
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.climatology import Climatology
from forecast.joint import Joint
from forecast.series import DailySeries
from service.core.files import RegistryError
from service.issues.fitted_models import (
    examine,
    find,
    home_of,
    load,
    prune,
    save,
    version_file,
)


@pytest.fixture
def fitted(figures: dict[str, DailySeries]) -> Joint:
    return joint.fit(Climatology(), figures)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return home_of(tmp_path, "people", "climatology")


def keep(home: Path, fitted: Joint, second: int = 0, training: str = "t" * 64) -> Path:
    fitted_at = f"2026-01-01T12:00:{second:02}Z"
    metadata = {"fitted_at": fitted_at, "training_hash": training, "declaration": f"d{second}"}
    return version_file(home, save(home, fitted.to_state(), metadata))


def names(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_a_version_is_loaded_as_it_was_saved(home: Path, fitted: Joint) -> None:
    saved = keep(home, fitted)
    assert saved.name == "20260101T120000Z-tttttttttt.npz"
    assert find(home, "t" * 64) == saved
    again = load(saved)
    for name, paths in fitted.draw(30, 50, np.random.default_rng(1)).items():
        same = again.draw(30, 50, np.random.default_rng(1))[name]
        np.testing.assert_array_equal(same.values, paths.values)
    assert find(home, "other") is None
    assert find(home.with_name("hurdle"), "t" * 64) is None


def test_the_newest_of_those_that_match_is_taken(home: Path, fitted: Joint) -> None:
    _, second, _ = (keep(home, fitted, at, hash_) for at, hash_ in enumerate("aab"))
    assert find(home, "a") == second


def test_the_same_fit_saved_at_once_by_many(home: Path, fitted: Joint) -> None:
    threads = [threading.Thread(target=keep, args=(home, fitted)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (name,) = names(home)
    load(home / name)


def test_a_version_that_is_missing_or_damaged_is_refused_and_named(
    home: Path, fitted: Joint
) -> None:
    file = keep(home, fitted)
    content = file.read_bytes()
    assert examine(home.parents[1]) == (1, [])
    middle = len(content) // 3
    for damaged in (
        b"",
        b"PK\x03\x04",
        content[:-20],
        content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    ):
        file.write_bytes(damaged)
        with pytest.raises(RegistryError, match=f"{file}: expected a readable version, found "):
            load(file)
        number, (said,) = examine(home.parents[1])
        assert number == 1
        assert said.startswith(f"{file}: ")
    file.unlink()
    with pytest.raises(RegistryError, match="No such file"):
        load(file)


@pytest.mark.parametrize(
    "state", ["[]", "{", "[" * 100_000, '{"format": 1}', '{"format": 2, "state": 3}']
)
def test_a_state_of_another_form_is_refused_in_one_line(
    home: Path, fitted: Joint, state: str
) -> None:
    file = keep(home, fitted)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("state.json", state)
        archive.writestr("metadata.json", json.dumps({}))
    with pytest.raises(RegistryError, match=file.name) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_objects_are_never_written(home: Path) -> None:
    with pytest.raises(RegistryError, match="expected plain arrays, found objects in 'x'"):
        save(home, ({}, {"x": np.array([object()])}), {})
    assert not home.exists()


def test_the_newest_of_each_model_of_a_series_are_kept(tmp_path: Path, fitted: Joint) -> None:
    home, other, elsewhere = (
        home_of(tmp_path, series_id, model)
        for series_id, model in (("people", "a"), ("people", "b"), ("else", "a"))
    )
    saved = [keep(one, fitted, at) for one in (home, other, elsewhere) for at in range(5)]
    prune(tmp_path, "people", 2, {saved[0].stem})
    assert names(home) == [saved[at].name for at in (0, 3, 4)]
    assert len(names(other)) == 3, "the spared name is the same here"
    assert len(names(elsewhere)) == 5


def test_what_was_left_half_written_goes_a_day_later(
    tmp_path: Path, home: Path, fitted: Joint
) -> None:
    whole = keep(home, fitted, 0)
    half, restoring = home / f".{whole.name}.1-1", tmp_path / ".restoring.1-1"
    half.write_bytes(b"half")
    restoring.mkdir()
    prune(tmp_path, "people", 5, set())
    assert half.exists() and restoring.exists(), "for a day"
    for beside in (half, restoring):
        os.utime(beside, (0, 0))
    prune(tmp_path, "people", 5, set())
    assert names(home) == [whole.name]
    assert not restoring.exists()
