"""Programs that measure: how good the forecasts are, and how fast."""

from __future__ import annotations

import os

# Before numpy is loaded: with one thread the same seed gives the same paths, bit for bit.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
