"""Benchmarks of the accuracy and speed of the forecasts."""

from __future__ import annotations

import os

# Before numpy loads: with one thread the same seed gives bit-identical paths.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
