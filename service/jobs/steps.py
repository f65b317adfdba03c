"""What each step of a run takes: seconds, and memory at its peak."""

from __future__ import annotations

__all__ = ["Steps", "memory_peak_mb", "note", "recorded", "step"]

import contextlib
import resource
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

Steps = list[dict[str, Any]]
"""One object a step: ``step``, ``times``, ``seconds`` and ``peak_mb``."""

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_steps: ContextVar[Steps | None] = ContextVar("steps", default=None)
_open: ContextVar[tuple[dict[str, float], ...]] = ContextVar("open", default=())


@contextlib.contextmanager
def recorded() -> Iterator[Steps]:
    """Collect the steps that are taken within."""
    steps: Steps = []
    token = _steps.set(steps)
    try:
        yield steps
    finally:
        _steps.reset(token)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Record what is done within as one step; steps may lie within steps."""
    before = _open.get()
    _settle(before)
    mine = {"peak": 0.0}
    token = _open.set((*before, mine))
    began = time.perf_counter()
    try:
        yield
    finally:
        _settle((*before, mine))
        _open.reset(token)
        note(name, time.perf_counter() - began, mine["peak"])


def note(name: str, seconds: float, peak_mb: float) -> None:
    """Record a step that was measured elsewhere; one of the same name is added to the first."""
    steps = _steps.get()
    if steps is None:
        return
    for one in steps:
        if one["step"] == name:
            one["times"] += 1
            one["seconds"] = round(one["seconds"] + seconds, 3)
            one["peak_mb"] = max(one["peak_mb"], round(peak_mb))
            return
    steps.append(
        {"step": name, "times": 1, "seconds": round(seconds, 3), "peak_mb": round(peak_mb)}
    )


def _settle(open_steps: tuple[dict[str, float], ...]) -> None:
    """Give the peak so far to every open step, and begin to measure anew."""
    peak = memory_peak_mb()
    for one in open_steps:
        one["peak"] = max(one["peak"], peak)
    with contextlib.suppress(OSError):  # Linux alone; elsewhere the peak is the process's
        _RESET.write_text("5")


def memory_peak_mb() -> float:
    """Most memory that this process has held, its helpers not counted."""
    try:  # what getrusage says on Linux includes the parent's before the start
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024
    except OSError:
        pass
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
