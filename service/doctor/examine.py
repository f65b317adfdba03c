"""Every check, one after the other; none keeps the next from being made."""

from __future__ import annotations

__all__ = ["examine"]

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

from service.clock import utc_now
from service.doctor import database, machine, models, world
from service.doctor.findings import FAIL, Finding
from service.secrecy import Masker
from service.settings import Settings
from service.store.database import DatabaseError, connect

Check = Callable[[], Iterable[Finding]]


def examine(settings: Settings, clock: Callable[[], dt.datetime] = utc_now) -> Iterator[Finding]:
    """Look at everything that `settings` name; nothing is written but a file that is removed."""
    now = clock()
    checks: list[tuple[str, Check]] = [
        ("clock", lambda: machine.clock(now)),
        ("disk", lambda: machine.disk(settings)),
    ]
    opened = None
    try:
        missing = database.missing(settings)
        if missing:
            yield missing
        else:
            opened = connect(settings.database)
            there = opened  # for the checks, which mypy does not know to come after
            checks.append(("database", lambda: database.state(settings, there)))
            checks.append(("scheduler", lambda: database.scheduler(settings, there, now)))
            checks.append(("forecast", lambda: database.forecast(settings, there, now)))
    except DatabaseError as error:
        yield Finding("database", FAIL, str(error), "see CROSSINGS_DATABASE_URL")
    checks += [
        ("models", lambda: models.declarations(settings)),
        ("fitted", lambda: models.fitted(settings)),
        ("sources", lambda: world.sources(settings)),
        ("mail", lambda: world.mail(settings)),
    ]
    mask = Masker(settings.secrets())
    try:
        for name, check in checks:
            for found in _made(name, check):
                yield Finding(found.check, found.state, mask(found.said), found.remedy)
    finally:
        if opened is not None:
            opened.close()


def _made(name: str, check: Check) -> Iterator[Finding]:
    """What a check finds; that it could not be made is a finding too."""
    try:
        yield from check()
    except Exception as error:  # a check that breaks must not hide the others
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        yield Finding(name, FAIL, f"could not be looked at: {said}", "see the findings above")
