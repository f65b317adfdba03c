import io
import os
import time
import zipfile

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.climatology import Climatology
from service.core.files import RegistryError
from service.issues import fitted_models
from service.issues.fitted_models import examine, find, folder_of, load, prune, version_file


@pytest.fixture
def fitted(figures):
    return joint.fit(Climatology(), figures)


@pytest.fixture
def home(tmp_path):
    return folder_of(tmp_path, "people", "climatology")


def save_version(home, fitted, second=0, training="t" * 64):
    fitted_at = f"2026-01-01T12:00:{second:02}Z"
    metadata = {"fitted_at": fitted_at, "training_hash": training, "declaration": f"d{second}"}
    return version_file(home, fitted_models.save(home, fitted.to_state(), metadata))


def file_names(home):
    return sorted(path.name for path in home.iterdir())


def test_loaded_version_equals_saved_version(home, fitted):
    saved = save_version(home, fitted)
    assert saved.name == "20260101T120000Z-tttttttttt.npz"
    assert find(home, "t" * 64) == saved
    again = load(saved)
    for name, paths in fitted.draw(30, 50, np.random.default_rng(1)).items():
        same = again.draw(30, 50, np.random.default_rng(1))[name]
        np.testing.assert_array_equal(same.values, paths.values)
    newer = save_version(home, fitted, 1)
    save_version(home, fitted, 2, "other")
    assert find(home, "t" * 64) == newer
    assert find(home, "none") is None
    assert find(home.with_name("hurdle"), "t" * 64) is None


def with_state(state):
    """Return an archive with this state and no arrays."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("state.json", state)
        archive.writestr("metadata.json", "{}")
    return content.getvalue()


def test_missing_damaged_or_unknown_version_is_rejected_and_named(home, fitted):
    file = save_version(home, fitted)
    content, middle = file.read_bytes(), file.stat().st_size // 3
    assert examine(home.parents[1]) == (1, [])
    flipped = bytes([content[middle] ^ 1])
    for damaged in (
        content[:-20],
        content[:middle] + flipped + content[middle + 1 :],
        with_state('{"format": 2, "state": 3}'),
        with_state('{"format": 1}'),
    ):
        file.write_bytes(damaged)
        with pytest.raises(RegistryError, match=f"^{file}: expected a readable version, found .+$"):
            load(file)
    message = f"{file}: expected a readable version, found format 1 instead of 2"
    assert examine(home.parents[1]) == (1, [message])
    file.unlink()
    with pytest.raises(RegistryError, match="No such file"):
        load(file)


def test_prune_keeps_newest_versions_of_each_model_of_a_series(tmp_path, fitted):
    home, other, elsewhere = (
        folder_of(tmp_path, series_id, model)
        for series_id, model in (("people", "a"), ("people", "b"), ("else", "a"))
    )
    saved = [
        save_version(folder, fitted, at) for folder in (home, other, elsewhere) for at in range(5)
    ]
    prune(tmp_path, "people", 2, {saved[0].stem})
    assert file_names(home) == [saved[at].name for at in (0, 3, 4)]
    assert len(file_names(other)) == 3, "the spared name occurs here too"
    assert len(file_names(elsewhere)) == 5


def test_prune_deletes_partial_files_after_a_day(tmp_path, home, fitted):
    whole = save_version(home, fitted)
    partial, restoring = home / f".{whole.name}.1-1", tmp_path / ".restoring.1-1"
    partial.write_bytes(b"half")
    restoring.mkdir()
    for hours, is_kept in ((23, True), (25, False)):
        for path in (partial, restoring):
            os.utime(path, (time.time() - hours * 3600,) * 2)
        prune(tmp_path, "people", 5, set())
        assert (partial.exists(), restoring.exists()) == (is_kept, is_kept)
    assert file_names(home) == [whole.name]
