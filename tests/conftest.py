"""What all tests share: the real figures, and one BLAS thread so that results repeat."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from forecast.series import DailySeries
from service.sources import figures as embedded

# The same examples in every run; `make test-long` looks much further.
settings.register_profile("short", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile("short")


@pytest.fixture(scope="session")
def figures() -> dict[str, DailySeries]:
    """The embedded people and boats."""
    return embedded.read()


@pytest.fixture
def people(figures: dict[str, DailySeries]) -> DailySeries:
    return figures["people"]
