"""The database, and what of the service's life is recorded in it."""

from __future__ import annotations

__all__ = ["forecast", "missing", "scheduler", "state"]

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

from service.answers.desk import Desk
from service.answers.status import status
from service.clock import instant, utc_now
from service.context import Context
from service.doctor.findings import FAIL, OK, WARN, Finding
from service.secrecy import mask_url
from service.settings import Settings
from service.store import locks, runs, vitals
from service.store.database import Database, DatabaseError

_APART = dt.timedelta(minutes=1)


def missing(settings: Settings) -> Finding | None:
    """That the file of SQLite is not there, which to open it would make."""
    _, _, path = settings.database.partition("sqlite:///")
    if not settings.database.startswith("sqlite") or not path or Path(path).exists():
        return None
    return Finding("database", FAIL, f"{path} is not there", "`crossings run` makes and fills it")


def state(settings: Settings, database: Database) -> Iterator[Finding]:
    """Whether it answers, is whole, has our tables, and agrees about the time."""
    began = time.perf_counter()
    try:
        now, head = database.pending()
    except DatabaseError as error:
        yield Finding(
            "database",
            FAIL,
            f"{mask_url(settings.database)}: {error}",
            "start it, or correct CROSSINGS_DATABASE_URL; then ask again",
        )
        return
    milliseconds = (time.perf_counter() - began) * 1000
    said = f"{mask_url(settings.database)} answers in {milliseconds:.0f} ms"
    with database.reading() as connection:
        damage = vitals.damage(connection)
        server = vitals.server_time(connection)
    if damage:
        yield Finding("database", FAIL, f"{said}: {damage}", "restore the last whole backup")
    else:
        yield Finding("database", OK, said)
    yield _migrations(now, head, database.is_known(now))
    if server is not None:
        yield _apart("clock of the database", abs(utc_now() - server))


def _migrations(now: str | None, head: str | None, is_known: bool) -> Finding:
    if now == head:
        return Finding("migrations", OK, f"at {now}, as this version wants")
    if now is None:
        return Finding("migrations", WARN, "no tables yet", "`crossings run` makes and fills them")
    if is_known:
        remedy = "back it up by the version before; any command of this one migrates it"
        return Finding("migrations", WARN, f"at {now}, this version wants {head}", remedy)
    remedy = "run the version that made it, or a newer one"
    return Finding("migrations", FAIL, f"at {now}, which this version does not know", remedy)


def _apart(check: str, apart: dt.timedelta) -> Finding:
    said = f"{apart.total_seconds():.0f} s from ours"
    if apart <= _APART:
        return Finding(check, OK, said)
    return Finding(check, FAIL, said, "run a time service on both machines")


def scheduler(_: Settings, database: Database, now: dt.datetime) -> Iterator[Finding]:
    """Whether a process schedules the jobs, and whether any record lies in the future."""
    with database.reading() as connection:
        if not vitals.has_tables(connection):
            return
        has_scheduler = locks.is_held(connection, locks.SCHEDULER)
        newest = vitals.newest_moment(connection)
        dead = [
            run
            for run in runs.running(connection)
            if not locks.is_held(connection, runs.lock_name(run.run_id))
        ]
    if newest is not None and newest - now > _APART:
        said = f"something is recorded at {instant(newest)}, and it is {instant(now)}"
        yield Finding("clock", FAIL, said, "the clock has gone back: set it right")
    remedy = "start it: `crossings scheduler`, or `crossings run` for all"
    if has_scheduler:
        yield Finding("scheduler", OK, "running")
    else:
        yield Finding("scheduler", FAIL, "no process schedules the jobs", remedy)
    for run in dead:
        what = f"its process died; begun at {instant(run.started_at)}"
        yield Finding(f"job {run.job}", WARN, what, "the scheduler takes it up by itself")


def forecast(settings: Settings, database: Database, now: dt.datetime) -> Iterator[Finding]:
    """The state that every answer says."""
    with database.reading() as connection:
        if not vitals.has_tables(connection):
            return
    found = status(Desk(Context(settings, database), lambda: now))
    said = "; ".join(f"{r['name']}: {r['detail']}" for r in found["reasons"])
    if found["status"] == "fresh":
        yield Finding("forecast", OK, "fresh")
    elif found["status"] == "stale":
        remedy = "is the figure published? `crossings ingest --dry-run` says what is refused"
        yield Finding("forecast", WARN, f"stale: {said}", remedy)
    else:
        yield Finding("forecast", FAIL, f"degraded: {said}", "see `crossings status`")
