"""Check that everything the service needs works, and suggest remedies."""

from __future__ import annotations

__all__ = ["FAIL", "OK", "WARN", "Finding", "clock", "examine", "space"]

import contextlib
import dataclasses
import datetime as dt
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa

from forecast.specs import champion
from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.core import locks, run_store, service_metrics_store
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.database import Database, DatabaseError, connect
from service.core.files import RegistryError
from service.core.secrets import Masker, mask_url
from service.core.settings import Settings
from service.data import govuk, openmeteo
from service.data.collect import fetcher
from service.data.source import SourceError
from service.issues.declared_models import read_declarations
from service.issues.fitted_models import examine as examine_versions
from service.issues.model_aliases import read_aliases
from service.mail.smtp import MailError, Session

OK, WARN, FAIL = "ok", "warn", "fail"
_FAIL_BYTES, _WARN_BYTES = 200 * 10**6, 1000 * 10**6
_DAMAGED = ("not a database", "malformed", "unsupported file format", "alembic_version")
_RESTORE = "restore the last whole backup, or move the database away to start anew"
_APART = dt.timedelta(minutes=1)
_EXPECTED = (DatabaseError, MailError, RegistryError, SourceError)
_EARLIEST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)  # after the last of the embedded figures


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of a check: its state (``ok``, ``warn``, ``fail``), a message and a remedy."""

    check: str
    state: str
    said: str
    remedy: str = ""


def examine(settings: Settings, now: Callable[[], dt.datetime] = utc_now) -> Iterator[Finding]:
    """Check everything that `settings` name; only a temporary file is written."""
    mask, at = Masker(settings.secrets()), now()
    for name, check, state, remedy in (
        ("clock", lambda: clock(at), FAIL, ""),
        ("disk", lambda: _disks(settings), FAIL, ""),
        ("database", lambda: _database(settings, at), FAIL, "see CROSSINGS_DATABASE_URL"),
        ("models", lambda: _models(settings), FAIL, "see CROSSINGS_MODELS_DIR"),
        ("fitted", lambda: _fitted(settings), FAIL, "delete it: the next refit makes it again"),
        ("GOV.UK", lambda: _govuk(settings), FAIL, "see CROSSINGS_GOVUK_URL; asked again later"),
        ("Open-Meteo", lambda: _openmeteo(settings), WARN, "forecasts do without it"),
        ("mail", lambda: _mail(settings), FAIL, "see the settings CROSSINGS_SMTP_*; mail waits"),
    ):
        for finding in _guarded(name, check, state, remedy):
            yield dataclasses.replace(finding, said=mask(finding.said))


def _guarded(
    name: str, check: Callable[[], Iterator[Finding]], state: str = FAIL, remedy: str = ""
) -> Iterator[Finding]:
    """Yield the findings of a check; an exception becomes a finding too."""
    try:
        yield from check()
    except _EXPECTED as error:
        yield Finding(name, state, str(error), remedy or "see the findings above")
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        yield Finding(name, FAIL, f"could not be looked at: {message}", "see the findings above")


def clock(now: dt.datetime) -> Iterator[Finding]:
    """Check that the clock is plausible."""
    message = f"{instant(now)}, crossings {metadata.version('channel-crossings-forecast')}"
    remedy = "" if now >= _EARLIEST else "it is in the past: set it; run a time service"
    yield Finding("clock", FAIL if remedy else OK, message, remedy)


def _disks(settings: Settings) -> Iterator[Finding]:
    """Check free space where the service writes; folders on one disk share a finding."""
    places = {
        "CROSSINGS_VAR_DIR": settings.var_dir,
        "CROSSINGS_FITTED_DIR": settings.fitted_folder,
        "temporary files": Path(tempfile.gettempdir()),
    }
    disks: dict[int, tuple[list[str], int]] = {}
    for name, place in places.items():
        existing = next(p for p in (place.absolute(), *place.absolute().parents) if p.exists())
        names, _ = disks.setdefault(existing.stat().st_dev, ([], shutil.disk_usage(existing).free))
        names.append(name)
    yield from (space(f"disk of {', '.join(names)}", free) for names, free in disks.values())


def space(check: str, free: int) -> Finding:
    """Return the finding for `free` bytes."""
    message = f"{free / 10**9:,.1f} GB free"
    if free >= _WARN_BYTES:
        return Finding(check, OK, message)
    remedy = (
        "free space, or lower CROSSINGS_RAW_KEEP_DAYS, CROSSINGS_KEEP_VERSIONS and "
        "CROSSINGS_KEEP_ISSUES_DAYS"
    )
    return Finding(check, FAIL if free < _FAIL_BYTES else WARN, message, remedy)


def _database(settings: Settings, now: dt.datetime) -> Iterator[Finding]:
    url = sa.make_url(settings.database)
    path = url.database if url.get_backend_name() == "sqlite" else None
    if path and not Path(path).exists():  # to open it would make it
        remedy = "`crossings run` makes and fills it"
        yield Finding("database", FAIL, f"{path} is not there", remedy)
        return
    with contextlib.closing(connect(settings.database)) as opened:
        began = time.perf_counter()
        try:
            revision, head = opened.pending()
        except DatabaseError as error:
            if not any(words in str(error) for words in _DAMAGED):
                raise
            where = mask_url(opened.engine.url.render_as_string())
            yield Finding("database", FAIL, f"{where}: {error}", _RESTORE)
            return
        message = f"answers in {(time.perf_counter() - began) * 1000:.0f} ms"
        yield from _guarded("database", lambda: _state(opened, message))
        yield _migrations(revision, head, "" if opened.is_known(revision) else opened.remedy())
        with opened.reading() as connection:
            has_tables = service_metrics_store.has_tables(connection)
        if has_tables:
            yield from _guarded("scheduler", lambda: _scheduler(settings, opened, now))
            yield from _guarded("forecast", lambda: _forecast(settings, opened, now))


def _state(database: Database, message: str) -> Iterator[Finding]:
    with database.reading() as connection:
        damage = service_metrics_store.damage(connection)
        server = service_metrics_store.server_time(connection)
    where = mask_url(database.engine.url.render_as_string())
    if damage:
        yield Finding("database", FAIL, f"{where} {message}: {damage}", _RESTORE)
    else:
        yield Finding("database", OK, f"{where} {message}")
    if server is not None:
        apart = abs(utc_now() - server)
        remedy = "" if apart <= _APART else "run a time service on both machines"
        message = f"{apart.total_seconds():.0f} s from ours"
        yield Finding("clock of the database", FAIL if remedy else OK, message, remedy)


def _migrations(now: str | None, head: str | None, unknown: str) -> Finding:
    if now == head:
        return Finding("migrations", OK, f"at {now}, as this version wants")
    if now is None:
        return Finding("migrations", WARN, "no tables yet", "`crossings run` makes and fills them")
    message = f"at {now}, this version wants {head}"
    if unknown:
        return Finding("migrations", FAIL, message, unknown)
    remedy = "back it up by the version before; any command of this one migrates it"
    return Finding("migrations", WARN, message, remedy)


def _scheduler(_: Settings, database: Database, now: dt.datetime) -> Iterator[Finding]:
    with database.reading() as connection:
        newest = service_metrics_store.newest_moment(connection)
        has_scheduler = locks.is_held(connection, locks.SCHEDULER)
        has_run = run_store.latest(connection, "renew") is not None
        dead = [
            run
            for run in run_store.running(connection)
            if not locks.is_held(connection, run_store.lock_name(run.run_id))
        ]
    if newest is not None and newest - now > _APART:
        message = f"something is recorded at {instant(newest)}, and it is {instant(now)}"
        yield Finding("clock", FAIL, message, "the clock has gone back: set it right")
    if has_scheduler:
        yield Finding("scheduler", OK, "running")
    else:
        remedy = "start it: `crossings scheduler`, or `crossings run` for all"
        # A new installation has no scheduler yet.
        state = FAIL if has_run else WARN
        yield Finding("scheduler", state, "no process schedules the jobs", remedy)
    for run in dead:
        what = f"its process died; begun at {instant(run.started_at)}"
        yield Finding(f"job {run.job}", WARN, what, "the scheduler takes it up by itself")


def _forecast(settings: Settings, database: Database, now: dt.datetime) -> Iterator[Finding]:
    current = status(IssueLoader(Context(settings, database), lambda: now))
    reasons = "; ".join(f"{r['name']}: {r['detail']}" for r in current["reasons"])
    state = {"fresh": OK, "stale": WARN}.get(current["status"], FAIL)
    remedy = "see `crossings status`; `crossings ingest --dry-run` says what is refused"
    message = f"{current['status']}: {reasons}" if reasons else current["status"]
    yield Finding("forecast", state, message, "" if state == OK else remedy)


def _models(settings: Settings) -> Iterator[Finding]:
    found = read_declarations(settings.models_dir)
    remedy = "mend the file or move it away; the next refit takes it up"
    yield from (Finding("models", WARN, line, remedy) for line in found.problems)
    message = f"{len(found.specs)} declared, {champion(found.specs)} the champion"
    yield Finding("models", OK, message)


def _fitted(settings: Settings) -> Iterator[Finding]:
    """Check that fitted versions can be written, and existing ones can be read."""
    folder = settings.fitted_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = f"let user {os.getuid()} write there, or see CROSSINGS_FITTED_DIR"
        yield Finding("fitted", FAIL, f"{folder}: {error.strerror}", remedy)
        return
    number, unsound = examine_versions(folder)
    remedy = "delete that folder: `crossings refit --force` fits the model again"
    yield from (Finding("fitted", WARN, message, remedy) for message in unsound)
    try:
        read_aliases(folder)
    except RegistryError as error:
        remedy = "it is set aside and made again: `crossings compare` does so now"
        yield Finding("fitted", FAIL, str(error), remedy)
        return
    if not unsound:
        yield Finding("fitted", OK, f"{folder} can be written, {number} versions are sound")


def _govuk(settings: Settings) -> Iterator[Finding]:
    message = "not read: CROSSINGS_SOURCE is figures"
    if settings.source == "govuk":
        site = govuk.Site(settings.govuk_url.rstrip("/"), settings.govuk_assets_url.rstrip("/"))
        once = dataclasses.replace(fetcher(settings), attempts=1)
        message = f"{govuk.reach(once, site)} answers"
    yield Finding("GOV.UK", OK, message)


def _openmeteo(settings: Settings) -> Iterator[Finding]:
    message = "not read: CROSSINGS_WEATHER is off"
    if settings.weather == "openmeteo":
        service = openmeteo.Service(settings.weather_url, settings.weather_key.get_secret_value())
        once = dataclasses.replace(fetcher(settings), attempts=1)
        message = f"answers, through {openmeteo.coming(once, service).dates[-1]}"
    yield Finding("Open-Meteo", OK, message)


def _mail(settings: Settings) -> Iterator[Finding]:
    """Check that the mail server accepts the login; nothing is sent."""
    message = "not sent: CROSSINGS_SMTP_HOST is empty"
    if settings.smtp_host:
        with Session(settings) as session:
            session.greet()
        who = " and lets us in" if settings.smtp_user else ", without a login"
        message = f"{settings.smtp_host}:{settings.smtp_port} answers{who}"
    yield Finding("mail", OK, message)
