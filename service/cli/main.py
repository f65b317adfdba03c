"""The command group and its exit statuses."""

__all__ = ["group", "main"]

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
    status,
    subscribers,
)
from service.cli.options import exit_status
from service.cli.output import Group


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
    *(operate.hindcast, run.serve, run.scheduler, status.schedule, operate.prune, status.status),
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
        status = exit_status(error)
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
    """Open what is closed as nowhere; print ``?`` for characters that the encoding lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """Discard pending output, which would make the interpreter fail at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
