"""Durations of the steps of a run."""

__all__ = ["Steps", "record_steps", "step"]

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

Steps = list[dict[str, Any]]
"""One object per step: ``step``, ``times`` and ``seconds``."""

_steps: ContextVar[Steps] = ContextVar("steps")


@contextlib.contextmanager
def record_steps() -> Iterator[Steps]:
    """Collect the steps performed within this block."""
    steps: Steps = []
    token = _steps.set(steps)
    try:
        yield steps
    finally:
        _steps.reset(token)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Time this block as one step, or add it to that of the same name; steps may be nested."""
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - began
        steps = _steps.get([])  # outside of a run nothing is recorded
        timing = next((one for one in steps if one["step"] == name), None)
        if timing is None:
            timing = {"step": name, "times": 0, "seconds": 0.0}
            steps.append(timing)
        timing["times"] += 1
        timing["seconds"] = round(timing["seconds"] + seconds, 3)
