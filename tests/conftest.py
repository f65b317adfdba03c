"""What all tests share: the real figures, and one BLAS thread so that results repeat."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from forecast.series import DailySeries
from service.sources import figures as embedded


@pytest.fixture(scope="session")
def figures() -> dict[str, DailySeries]:
    """The embedded people and boats."""
    return embedded.read()


@pytest.fixture
def people(figures: dict[str, DailySeries]) -> DailySeries:
    return figures["people"]
