"""Serialised fits; forecasters/test_base.py tests the round trip of every family."""

import json
from pathlib import Path

import numpy as np
import pytest

from forecast.serialize import StateError, restore, under
from forecast.specs import FAMILIES

KEPT = Path(__file__).parent / "kept"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"family": "oracle", "values": {}},
        {"family": "seasonal_naive"},
        {"family": "seasonal_naive", "values": {}},
        {"family": "seasonal_naive", "values": {"hyper": {"colour": 1}, "origin": "2024-01-01"}},
        {"family": "seasonal_naive", "values": {"hyper": {}, "origin": "yesterday"}},
        {"family": "seasonal_naive", "values": {"hyper": {}, "origin": "2024-01-01"}},
        {"family": "pool", "values": {"members": [["a", {"family": "oracle"}]]}},
    ],
)
def test_invalid_states_are_rejected(values):
    with pytest.raises(StateError, match="expected the state of one of the families"):
        restore(values, {})


def test_under_selects_arrays_by_prefix():
    arrays = {"a/x": 1, "ab/x": 2, "a/b/x": 3, "x": 4}
    assert under("a", arrays) == {"x": 1, "b/x": 3}
    assert under("b", arrays) == {}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_stored_fits_load_and_give_the_same_paths(family):
    """A new format adds a file and never changes one."""
    versions = sorted(KEPT.glob(f"{family}-*.json"))
    assert versions, f"store a serialised {family} in {KEPT.name}/"
    for file in versions:
        stored = json.loads(file.read_text("utf-8"))
        with np.load(file.with_suffix(".npz"), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        paths = restore(stored["state"], arrays).simulate(10, 8, np.random.default_rng(5))
        np.testing.assert_array_equal(paths.values, stored["paths"])
