"""Paths as bytes: small, and the same array again bit for bit."""

from __future__ import annotations

__all__ = ["decode", "encode"]

import zlib

import numpy as np
import numpy.typing as npt

_NAME = "planes-zlib"
_LEVEL = 6


def encode(values: npt.NDArray[np.int32]) -> tuple[str, bytes]:
    """Compress `values`, shape (n_paths, horizon), whole and non-negative.

    Days are laid one after the other and split into planes of high and low bytes: neighbouring
    bytes are alike, which zlib likes.

    Returns
    -------
    encoding : str
        ``planes-zlib:<bytes per value>:<n_paths>:<horizon>``
    content : bytes
    """
    width = 2 if values.max(initial=0) < 2**16 else 4
    n_paths, horizon = values.shape
    little = np.ascontiguousarray(values.T, dtype=f"<u{width}")
    planes = little.view(np.uint8).reshape(-1, width).T
    content = zlib.compress(np.ascontiguousarray(planes).tobytes(), _LEVEL)
    return f"{_NAME}:{width}:{n_paths}:{horizon}", content


def decode(encoding: str, content: bytes) -> npt.NDArray[np.int32]:
    """Return the array that `encode` was given.

    Raises
    ------
    ValueError
        If the encoding is not known, or the bytes are not of its size.
    """
    try:
        name, *sizes = encoding.split(":")
        if name != _NAME:
            raise ValueError(f"an encoding other than {_NAME}")
        width, n_paths, horizon = (int(number) for number in sizes)
        planes = np.frombuffer(zlib.decompress(content), dtype=np.uint8).reshape(width, -1)
        little = np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(horizon, n_paths)
    except (ValueError, TypeError, zlib.error) as error:
        raise ValueError(f"expected {len(content)} bytes of {encoding!r}, found {error}") from error
    return np.ascontiguousarray(little.T).astype(np.int32)
