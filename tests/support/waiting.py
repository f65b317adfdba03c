"""Waiting for events, with the same generous limits everywhere.

A limit only ends a hanging test. No test depends on how long something takes.
"""

import time

BOUND = 300.0
"""Seconds to wait for an event, even on a very busy machine."""

PROCESS = 300.0
"""Seconds to wait for a child process to end by itself."""


def wait_until(event, what, every=0.05):
    """Call `event` `every` so many seconds until it is true; return its value.

    Fails with `what` after `BOUND` seconds.
    """
    deadline = time.monotonic() + BOUND
    while not (value := event()):
        assert time.monotonic() < deadline, f"waited {BOUND:g} s in vain: {what}"
        time.sleep(every)
    return value
