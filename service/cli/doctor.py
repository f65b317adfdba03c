"""Check that everything the service needs works, and suggest remedies."""

__all__ = ["FAIL", "OK", "WARN", "Finding", "clock", "examine", "space"]

import contextlib
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, TypeAlias

from forecast.specs import champion
from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.core import locks, run_store, service_metrics_store, sqlite
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import UNKNOWN_REMEDY, Database, DatabaseError, connect
from service.core.declared_series import Route
from service.core.files import RegistryError
from service.core.route_files import enabled_routes
from service.core.secrets import Masker, mask_url
from service.core.settings import Settings
from service.data.collect import check_source, check_weather
from service.data.source import SourceError
from service.issues.declared_models import read_declarations
from service.issues.fitted_models import examine as examine_versions
from service.mail.smtp import MailError, check_server

OK, WARN, FAIL = "ok", "warn", "fail"
_DAMAGED = ("not a database", "malformed", "unsupported file format", "alembic_version")
_RESTORE = "restore the last complete backup, or move the database away to start afresh"
_APART = dt.timedelta(minutes=1)
_LONGEST_WAIT = dt.timedelta(minutes=30)  # a refit and a comparison may run first
_ABOVE = "see the findings above"
_MAIL = "check CROSSINGS_SMTP_*, CROSSINGS_MAIL_FROM and CROSSINGS_PUBLIC_URL; emails wait"
_START = "start it with `crossings scheduler`, or everything with `crossings run`"
_REMEDIES = {  # for each reason of the forecast's state
    "figures_old": "nothing, or read a live source",
    "source_late": "check the source, and the output of `crossings ingest`",
    "ingest_failed": "`crossings ingest --dry-run` says which document and rule",
    "refit_failed": "read the reason, then the log",
    "champion_failed": "correct the fault that the reason names",
    "scheduler_down": _START,
    "weather_missing": "`crossings weather` says why",
    "weather_old": "`crossings weather` says why",
    "database_read_only": "correct the permissions or the server's setting",
    "database_not_written": "free space",
    "models_left_out": "correct the file that the reason names, or move it away",
    "no_models": "correct a file that the reason names",
    "no_issue": "`crossings refit` publishes one",
}
_Check: TypeAlias = Callable[[], Iterator["Finding"] | str]


class Finding(NamedTuple):
    """The result of a check: fine without a remedy, otherwise as bad as `severity` says."""

    check: str
    said: str
    remedy: str = ""
    severity: str = FAIL

    @property
    def state(self) -> str:
        """One of ``ok``, ``warn`` and ``fail``."""
        return self.severity if self.remedy else OK


def examine(settings: Settings, now: Callable[[], dt.datetime] = utc_now) -> Iterator[Finding]:
    """Check everything in `settings`; write only a temporary file."""
    mask = Masker(settings.secrets())
    for finding in _examine(settings, now()):
        yield finding._replace(said=mask(finding.said))


def _examine(settings: Settings, now: dt.datetime) -> Iterator[Finding]:
    yield clock(now)
    yield from _guarded("disk", lambda: _disks(settings))
    routes: tuple[Route, ...] = ()
    try:
        routes = enabled_routes(settings.series_dir, settings.routes)
    except RegistryError as error:
        yield Finding("routes", str(error), "see CROSSINGS_SERIES_DIR and CROSSINGS_ROUTES")
    yield from (Finding("routes", f"{one.name}: {', '.join(one.series)}") for one in routes)
    remedy = "see CROSSINGS_DATABASE_URL and CROSSINGS_VAR_DIR"
    yield from _guarded("database", lambda: _database(settings, now), remedy)
    remedy = "see CROSSINGS_MODELS_DIR"
    for route in routes:
        yield from _guarded(f"models of {route.name}", partial(_models, settings, route), remedy)
    remedy = "delete it: the next refit fits it again"
    yield from _guarded("fitted", lambda: _fitted(settings), remedy)
    for route in routes:
        check, remedy = partial(check_source, settings, route), "it is retried later"
        yield from _guarded(f"source of {route.name}", check, remedy)
        check, remedy = partial(check_weather, settings, route), "forecasts do not use it"
        yield from _guarded(f"weather of {route.name}", check, remedy, WARN)
    yield from _guarded("mail", lambda: check_server(settings), _MAIL)


def _guarded(
    name: str, check: _Check, remedy: str = _ABOVE, severity: str = FAIL
) -> Iterator[Finding]:
    """Yield the findings of a check, or that it passed; an exception becomes a finding."""
    try:
        result = check()
        yield from [Finding(name, result)] if isinstance(result, str) else result
    except (DatabaseError, MailError, RegistryError, SourceError) as error:
        is_damaged = any(words in str(error) for words in _DAMAGED)
        yield Finding(name, str(error), _RESTORE if is_damaged else remedy, severity)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        yield Finding(name, message, f"let user {os.geteuid()} read and write there")
    except Exception as error:
        message = " ".join(f"could not be checked: {type(error).__name__}: {error}".split())
        yield Finding(name, message[:300], _ABOVE)


def clock(now: dt.datetime) -> Finding:
    """Check that the clock is plausible."""
    message = f"{format_instant(now)}, crossings {metadata.version('channel-crossings-forecast')}"
    is_past = now.year < 2026  # year of the last embedded figures
    remedy = "set the clock, which is in the past, and run a time service" if is_past else ""
    return Finding("clock", message, remedy)


def _disks(settings: Settings) -> Iterator[Finding]:
    places = {"CROSSINGS_VAR_DIR": settings.var_dir, "CROSSINGS_FITTED_DIR": settings.fitted_folder}
    for name, place in (places | {"temporary files": Path(tempfile.gettempdir())}).items():
        existing = next(p for p in (place.absolute(), *place.absolute().parents) if p.exists())
        yield space(f"disk of {name}", shutil.disk_usage(existing).free)


def space(check: str, free: int) -> Finding:
    """Return the finding for `free` bytes of disk space."""
    settings = "CROSSINGS_KEEP_VERSIONS and CROSSINGS_KEEP_ISSUES_DAYS"
    remedy = f"free space, or lower {settings}" if free < 10**9 else ""
    severity = FAIL if free < 2 * 10**8 else WARN
    return Finding(check, f"{free / 10**9:,.1f} GB free", remedy, severity)


def _database(settings: Settings, now: dt.datetime) -> Iterator[Finding]:
    path = sqlite.file_of(settings.database)
    if path and not path.exists():  # opening it would create it
        yield Finding("database", f"{path} does not exist", "`crossings run` creates and fills it")
        return
    with contextlib.closing(connect(settings.database)) as opened:
        revision, head = opened.pending()
        yield from _guarded("database", lambda: _state(opened))
        message, remedy, state = f"at {revision}; this version needs {head}", UNKNOWN_REMEDY, FAIL
        if revision is None:
            message, remedy, state = "no tables yet", "`crossings run` creates and fills them", WARN
        elif revision == head:
            message, remedy = f"at {head}, as this version needs", ""
        elif opened.is_known(revision):
            state = WARN
            remedy = "back it up with the previous version first; any command migrates it"
        yield Finding("migrations", message, remedy, state)
        if revision is not None:
            yield from _guarded("scheduler", lambda: _scheduler(opened, now))
            yield from _guarded("forecast", lambda: _forecast(Context(settings, opened), now))


def _state(database: Database) -> Iterator[Finding]:
    with database.reading() as connection:
        damage = service_metrics_store.find_damage(connection)
        server = service_metrics_store.get_server_time(connection)
    where = mask_url(database.engine.url.render_as_string())
    yield Finding("database", f"{where}: {damage or 'answers'}", _RESTORE if damage else "")
    if server is not None:
        apart = abs(utc_now() - server)
        message = f"{apart.total_seconds():.0f} s different from this machine's"
        remedy = "run a time service on both machines" if apart > _APART else ""
        yield Finding("clock of the database", message, remedy)


def _scheduler(database: Database, now: dt.datetime) -> Iterator[Finding]:
    with database.reading() as connection:
        newest = service_metrics_store.get_newest_instant(connection)
        has_scheduler = locks.is_held(connection, locks.SCHEDULER)
        has_run = run_store.get_latest_run(connection, "renew") is not None
        dead = run_store.list_dead(connection)
        overdue = run_store.list_overdue(connection, now - _LONGEST_WAIT)
    if newest is not None and newest - now > _APART:
        message = (
            f"the latest record is from {format_instant(newest)}, but the time is "
            f"{format_instant(now)}"
        )
        yield Finding("clock", message, "the clock was set back: correct it")
    message, remedy = ("running", "") if has_scheduler else ("no scheduler is running", _START)
    # A new installation has no scheduler yet.
    yield Finding("scheduler", message, remedy, FAIL if has_run else WARN)
    for run in dead:
        message = f"its process died; it began at {format_instant(run.started_at)}"
        yield Finding(f"job {run.job}", message, "the scheduler runs it again", WARN)
    for run in overdue:
        message = f"requested at {format_instant(run.started_at)} and still waiting"
        yield Finding(f"job {run.job}", message, "start the scheduler again", WARN)


def _forecast(context: Context, now: dt.datetime) -> Iterator[Finding]:
    reasons = status(IssueLoader(context, lambda: now))["reasons"]
    if not reasons:
        yield Finding("forecast", "fresh")
    for name, detail in (reason.values() for reason in reasons):
        severity = WARN if name == "figures_old" else FAIL
        yield Finding("forecast", f"{name}: {detail}", _REMEDIES[name], severity)


def _models(settings: Settings, route: Route) -> Iterator[Finding]:
    name = f"models of {route.name}"
    specs, problems = read_declarations(settings.models_dir, route.models)
    remedy = "correct the file or move it away; the next refit reads it again"
    yield from (Finding(name, line, remedy, WARN) for line in problems)
    yield Finding(name, f"{len(specs)} declared, {champion(specs)} the champion")


def _fitted(settings: Settings) -> Iterator[Finding]:
    folder = settings.fitted_folder
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    number, unsound = examine_versions(folder)
    remedy = "delete that file: `crossings refit --force` fits the model again"
    yield from (Finding("fitted", message, remedy, WARN) for message in unsound)
    if not unsound:
        yield Finding("fitted", f"{folder} is writable; {number} versions are intact")
