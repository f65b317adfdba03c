from __future__ import annotations

import logging

import pytest

from service.core import repeated_warnings

_log = logging.getLogger("service.test")


def test_what_lasts_is_said_once_and_again_when_it_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone, full = OSError("gone"), OSError("full")
    for error in (gone, gone, full, full, gone):
        repeated_warnings.warn(_log, "x did not succeed", error)
    repeated_warnings.over("x did not succeed")
    repeated_warnings.over("y, of which nothing was said")
    repeated_warnings.warn(_log, "x did not succeed", gone)
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert said == [f"x did not succeed: {what}" for what in ("gone", "full", "gone", "gone")]
    repeated_warnings.over("x did not succeed")
