"""The command group and its exit statuses."""

__all__ = ["group", "main"]

import codecs
import errno
import io
import os
import sys
from typing import Any

import click

from service.cli import (
    backup,
    config,
    keys,
    mail,
    offline,
    operate,
    run,
    series,
    subscribers,
    times,
)
from service.cli.output import Group

_PLAIN = {"–": "-", "…": "...", "×": "x", "’": "'"}


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(run.CHILD, "is_child", is_flag=True, hidden=True)
@click.version_option(package_name="channel-crossings-forecast", prog_name="crossings")
def group(is_child: bool) -> None:
    """Probability forecasts of daily small boat arrivals in the United Kingdom.

    \b
    Examples:
      crossings run                     everything: figures, fits, web server, scheduler
      crossings status                  what is published, and how fresh it is
      crossings forecast --help         a forecast from any CSV, with no database
      crossings series check --help     whether a series of your own can be forecast

    Settings come from CROSSINGS_* variables. Exit status: 0 done, 1 not done,
    2 bad input or settings.
    """
    if is_child:
        run.exit_with_stdin()


# Their help is read from here, so these modules must not import libraries at load time.
for _command in (
    *(run.run, operate.ingest, operate.weather, operate.refit, operate.compare, operate.score),
    *(operate.hindcast, run.serve, run.scheduler, times.schedule, times.prune, operate.status),
    *(config.config, config.doctor, backup.backup, backup.restore, keys.keys, mail.digest),
    *(mail.warn, subscribers.subscribers, offline.forecast, offline.backtest, series.series),
):
    group.add_command(_command)


def main() -> None:
    """Run the command line; print one clear line for each expected error."""
    _set_up_streams()
    try:
        try:
            status: Any = group.main(standalone_mode=False)
        finally:  # at exit a failure could not be caught; click may have replaced sys.stdout
            if sys.__stdout__ is not None:
                sys.__stdout__.flush()
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        _drop_output()
        sys.exit(1)  # as click does
    except Exception as error:
        status = _status_of(error)
        if status is None:
            raise
        message = str(error)
        if isinstance(error, OSError):
            message = f"{error.filename or 'no room to write'}: {error.strerror}"
            if not error.filename:
                _drop_output()
        click.echo(f"Error: {message}", err=True)
    sys.exit(status if isinstance(status, int) else 0)


def _set_up_streams() -> None:
    """Open what is closed as nowhere; replace characters that cannot be printed by similar ones."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, mode))

    def replace(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        wrong = error.object[error.start : error.end]
        return "".join(_PLAIN.get(one, "?") for one in wrong), error.end

    codecs.register_error("plain", replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _drop_output() -> None:
    """Discard pending output, which would make the interpreter fail at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _status_of(error: Exception) -> int | None:
    """Return the exit status of an error that a person can act on; None for a defect."""
    from forecast.forecasters.base import FitError
    from service.core.database import DatabaseError
    from service.core.files import RegistryError
    from service.core.job_runner import JobError
    from service.core.settings import SettingsError
    from service.data.source import SourceError, Unreachable

    if isinstance(error, (RegistryError, SettingsError)):
        return 2
    source = error if isinstance(error, SourceError) else error.__cause__
    if isinstance(source, SourceError):
        return 1 if isinstance(source, Unreachable) else 2
    if isinstance(error, (JobError, FitError, DatabaseError)):
        return 1
    # Without a file name, the output of a command has no space.
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return 1
    return None
