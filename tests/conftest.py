"""Shared by all tests: the embedded figures, one BLAS thread, no network beyond loopback."""

import gc
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["CROSSINGS_SOURCE"] = "figures"  # also for processes that fixtures start
os.environ["CROSSINGS_WEATHER"] = "off"

import logging
from collections import Counter

import pytest
from hypothesis import settings

from tests.support import embedded, loopback_guard

_REFUSED = loopback_guard.install()
gc.disable()  # while importing and collecting tests, which leaves hardly any garbage

# The same examples in every run; `make test-long` tries many more.
settings.register_profile("short", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile("short")


def pytest_collection_modifyitems(items):
    """Start with files of long and of few tests, so that no worker runs one alone at the end."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in long, count[item.path]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    gc.collect()
    gc.freeze()  # later collections skip what was imported
    gc.enable()


@pytest.fixture(autouse=True)
def _loopback_alone():
    """Fail a test that connects beyond loopback, itself or in a child process."""
    before = _REFUSED.stat().st_size
    yield
    refused = _REFUSED.read_text()[before:]
    assert not refused, f"tests must not connect beyond loopback:\n{refused}"


@pytest.fixture(autouse=True)
def _logging_restored():
    """Restore the root logger, which commands that run in a test configure."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    assert not logging.root.manager.disable, "logging must not stay disabled"


def pytest_sessionfinish():
    _REFUSED.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def figures():
    """The embedded people and boats."""
    return embedded.read()


@pytest.fixture
def people(figures):
    return figures["people"]
