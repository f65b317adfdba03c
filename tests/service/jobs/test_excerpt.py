from __future__ import annotations

import logging
import threading

import pytest

from service.jobs.excerpt import excerpt

_log = logging.getLogger("service.test")


def test_the_last_lines_of_this_thread_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), excerpt() as lines:
        other = threading.Thread(target=_log.info, args=("somebody else's",))
        other.start()
        other.join()
        for number in range(50):
            _log.info("line %d", number)
        _log.error("of two lines\nof which the second is not kept")
    _log.info("after the end")
    assert len(lines) == 40
    assert lines[0] == "INFO service.test: line 11"
    assert lines[-1] == "ERROR service.test: of two lines"
