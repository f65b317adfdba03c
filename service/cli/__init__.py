"""The command ``crossings``."""

import os

# Before numpy loads: with one thread the same seed gives bit-identical paths.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from service.cli.main import main  # noqa: E402

__all__ = ["main"]
