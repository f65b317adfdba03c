"""The machine: its clock and its disks."""

from __future__ import annotations

__all__ = ["clock", "disk", "space"]

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from service.clock import instant
from service.doctor.findings import FAIL, OK, WARN, Finding
from service.settings import Settings

_FAIL_BYTES, _WARN_BYTES = 200 * 10**6, 1000 * 10**6
_EARLIEST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""After the last of the embedded figures: no clock that is right says less."""


def clock(now: dt.datetime) -> Iterator[Finding]:
    """Whether the clock can be right."""
    version = metadata.version("channel-crossings-forecast")
    said = f"{instant(now)}, crossings {version}"
    if now < _EARLIEST:
        yield Finding("clock", FAIL, f"{said}: in the past", "set the clock; run a time service")
    else:
        yield Finding("clock", OK, said)


def disk(settings: Settings) -> Iterator[Finding]:
    """Space where the service writes; places on one disk are said once."""
    places = {
        "CROSSINGS_VAR_DIR": settings.var_dir,
        "CROSSINGS_FITTED_DIR": settings.fitted_folder,
        "temporary files": Path(tempfile.gettempdir()),
    }
    disks: dict[int, tuple[list[str], Path]] = {}
    for name, place in places.items():
        there = _nearest(place)
        names, _ = disks.setdefault(os.stat(there).st_dev, ([], there))
        names.append(name)
    for names, place in disks.values():
        yield space(f"disk of {', '.join(names)}", shutil.disk_usage(place).free)


def space(check: str, free: int) -> Finding:
    """What to say of so many free bytes."""
    said = f"{free / 10**9:,.1f} GB free"
    state = FAIL if free < _FAIL_BYTES else WARN if free < _WARN_BYTES else OK
    remedy = (
        "free space, or lower CROSSINGS_RAW_KEEP_DAYS, CROSSINGS_KEEP_VERSIONS and "
        "CROSSINGS_KEEP_ISSUES_DAYS"
    )
    return Finding(check, state, said, "" if state == OK else remedy)


def _nearest(place: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    place = place.absolute()
    return next(folder for folder in (place, *place.parents) if folder.exists())
