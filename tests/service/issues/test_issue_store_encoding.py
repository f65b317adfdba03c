from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from service.issues.issue_store import decode, encode
from tests.service.support import random_paths


@given(
    arrays(
        np.int32,
        array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.one_of(st.integers(0, 300), st.integers(65_530, 65_540), st.just(2**31 - 1)),
    )
)
def test_decode_inverts_encode(values: np.ndarray) -> None:
    again = decode(*encode(values))
    assert again.dtype == np.int32
    assert again.shape == values.shape
    assert again.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(again, values)


def test_encoding_is_deterministic() -> None:
    values = random_paths("2026-01-01", 40).values
    assert encode(values) == encode(np.asfortranarray(values))
    assert encode(values)[0] == "huffman:2:50:40"


def test_encoding_compresses() -> None:
    values = random_paths("2026-01-01", 400, 500).values
    assert len(encode(values)[1]) < values.nbytes / 4


@pytest.mark.parametrize(
    "encoding",
    ["", "planes-zlib:2:50:40", "huffman", "huffman:2:50", "huffman:2:50:41", "huffman:3:50:40"],
)
def test_unknown_encoding_is_rejected(encoding: str) -> None:
    _, content = encode(random_paths("2026-01-01", 40).values)
    with pytest.raises(ValueError, match=".+"):
        decode(encoding, content)


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_damaged_bytes_are_rejected(damage: bytes | None) -> None:
    encoding, content = encode(random_paths("2026-01-01", 40).values)
    with pytest.raises(ValueError, match="huffman:2:50:40"):
        decode(encoding, content[:-9] if damage is None else damage)
