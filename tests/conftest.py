"""What all tests share: the real figures, one BLAS thread, and no site asked."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["CROSSINGS_SOURCE"] = "figures"  # for the processes of fixtures too
os.environ["CROSSINGS_WEATHER"] = "off"

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

from forecast.series import DailySeries
from tests.support import embedded, loopback_guard

_REFUSED = loopback_guard.install()
gc.disable()  # until all tests are imported and collected: hardly any of it is ever garbage

# The same examples in every run; `make test-long` looks much further.
settings.register_profile("short", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile("short")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of the long tests, or one worker would be alone with them at the end."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    gc.collect()
    gc.freeze()  # no later collection looks through what was imported
    gc.enable()


@pytest.fixture(autouse=True)
def _loopback_alone() -> Iterator[None]:
    """Fail a test that left loopback, by itself or by a process that it started."""
    before = _REFUSED.stat().st_size
    yield
    said = _REFUSED.read_text()[before:]
    assert not said, f"tests do not leave loopback:\n{said}"


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Undo what a command that ran within a test did to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def pytest_sessionfinish() -> None:
    _REFUSED.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def figures() -> dict[str, DailySeries]:
    """The embedded people and boats."""
    return embedded.read()


@pytest.fixture
def people(figures: dict[str, DailySeries]) -> DailySeries:
    return figures["people"]
