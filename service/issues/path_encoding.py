"""Compress paths to bytes, losslessly."""

from __future__ import annotations

__all__ = ["decode", "encode"]

import zlib

import numpy as np
import numpy.typing as npt

_NAME = "huffman"


def encode(values: npt.NDArray[np.int32]) -> tuple[str, bytes]:
    """Compress `values`, shape (n_paths, horizon), whole and non-negative.

    The encoding is named ``huffman:<low bits>:<n_paths>:<horizon>``.

    Values are stored day by day. One byte per value holds zero, or the high bits plus one; the low
    bits of non-zero values, which are noise, follow. zlib uses Huffman codes only: repetitions in
    random draws are chance, and references to them take a fifth more space.
    """
    n_paths, horizon = values.shape
    days = values.T.ravel()
    low = (max(int(days.max(initial=0)) - 1, 0) // 255).bit_length()
    rest = days[days > 0] - 1
    codes = np.zeros(days.shape, dtype=np.uint8)
    codes[days > 0] = (rest >> low) + 1
    noise = np.packbits(rest >> np.arange(low)[:, None] & 1)
    huffman = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    content = huffman.compress(codes.tobytes() + noise.tobytes()) + huffman.flush()
    return f"{_NAME}:{low}:{n_paths}:{horizon}", content


def decode(encoding: str, content: bytes) -> npt.NDArray[np.int32]:
    """Return the array passed to `encode`.

    Raises `ValueError` if the encoding is unknown, or the bytes do not match its size.
    """
    try:
        name, *sizes = encoding.split(":")
        if name != _NAME:
            raise ValueError(f"an encoding other than {_NAME}")
        low, n_paths, horizon = (int(number) for number in sizes)
        packed = np.frombuffer(zlib.decompress(content), dtype=np.uint8)
        days = packed[: n_paths * horizon].astype(np.int32)
        rest = days[days > 0] - 1 << low
        noise = np.unpackbits(packed[days.size :])
        if noise.size != -(-rest.size * low // 8) * 8:
            raise ValueError(f"{packed.size} bytes in it")
        for bit, plane in enumerate(noise[: rest.size * low].reshape(low, rest.size)):
            rest |= plane.astype(np.int32) << bit
        days[days > 0] = rest + 1
        return np.ascontiguousarray(days.reshape(horizon, n_paths).T)
    except (ValueError, TypeError, zlib.error) as error:
        raise ValueError(f"expected {len(content)} bytes of {encoding!r}, found {error}") from error
