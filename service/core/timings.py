"""Durations of the steps of a run."""

__all__ = ["Steps", "add_step", "record_steps", "step"]

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

Steps = list[dict[str, Any]]
"""One object per step: ``step``, ``times`` and ``seconds``."""

_steps: ContextVar[Steps | None] = ContextVar("steps", default=None)


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
    """Time this block as one step; steps may be nested."""
    began = time.perf_counter()
    try:
        yield
    finally:
        add_step(name, time.perf_counter() - began)


def add_step(name: str, seconds: float) -> None:
    """Record a step measured elsewhere; add to an earlier step of the same name."""
    steps = _steps.get()
    if steps is None:
        return
    for timing in steps:
        if timing["step"] == name:
            timing["times"] += 1
            timing["seconds"] = round(timing["seconds"] + seconds, 3)
            return
    steps.append({"step": name, "times": 1, "seconds": round(seconds, 3)})
