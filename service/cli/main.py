"""The group of commands, and how their errors end."""

from __future__ import annotations

__all__ = ["main"]

import errno
import os
import sys
from importlib import import_module
from typing import Any

import click

from service import settings as settings_module
from service.cli import parent
from service.logs import configure
from service.settings import SettingsError

_COMMANDS = {
    "run": "service.cli.run",
    "ingest": "service.cli.operate",
    "weather": "service.cli.operate",
    "refit": "service.cli.operate",
    "compare": "service.cli.operate",
    "alert": "service.cli.operate",
    "score": "service.cli.record",
    "hindcast": "service.cli.record",
    "serve": "service.cli.operate",
    "scheduler": "service.cli.operate",
    "schedule": "service.cli.times",
    "prune": "service.cli.times",
    "status": "service.cli.operate",
    "config": "service.cli.config",
    "doctor": "service.cli.doctor",
    "backup": "service.cli.backup",
    "restore": "service.cli.backup",
    "keys": "service.cli.keys",
    "digest": "service.cli.mail",
    "subscribers": "service.cli.mail",
    "forecast": "service.cli.offline",
    "backtest": "service.cli.offline",
}


class _Group(click.Group):
    """Loads a command's module when it is asked for, so that the light ones start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(parent.OPTION, "is_child", is_flag=True, hidden=True)
@click.version_option(package_name="channel-crossings-forecast", prog_name="crossings")
@click.pass_context
def group(ctx: click.Context, is_child: bool) -> None:
    """Probability forecasts of daily small boat arrivals in the United Kingdom.

    \b
    Examples:
      crossings run                     everything: figures, fits, web server, scheduler
      crossings status                  what is published, and how fresh it is
      crossings forecast --help         a forecast from any CSV, with no database

    Settings come from CROSSINGS_* variables. Exit status: 0 done, 1 not done,
    2 bad input or settings.
    """
    if is_child:
        parent.follow()
    settings = ctx.obj = settings_module.load()
    configure(settings.log_level, settings.log_format, settings.secrets())


def main() -> None:
    """Run the command line; every expected error is one clear line."""
    try:
        status: Any = group.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingsError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        _drop_output()
        sys.exit(0)
    except Exception as error:
        known = _expected(error)
        if known is None:
            raise
        if _is_full(error):
            _drop_output()
        click.echo(f"Error: {_said(error)}", err=True)
        sys.exit(known)
    sys.exit(status if isinstance(status, int) else 0)


def _drop_output() -> None:
    """What is still to be written goes nowhere, or the interpreter would fail on it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _is_full(error: Exception) -> bool:
    """Whether there was no room for something that has no name, such as what a command prints."""
    return isinstance(error, OSError) and not error.filename and error.errno == errno.ENOSPC


def _said(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return f"{error.filename or 'no room to write'}: {error.strerror}"


def _expected(error: Exception) -> int | None:
    """Exit status of an error that a person can act on; None for a defect."""
    from forecast.forecasters.base import FitError
    from service.jobs.record import JobError
    from service.registry import RegistryError
    from service.sources.base import SourceError
    from service.store.database import DatabaseError

    if isinstance(error, SourceError) or isinstance(error.__cause__, SourceError):
        return 2
    if isinstance(error, RegistryError):
        return 2
    if isinstance(error, OSError) and (error.filename is not None or _is_full(error)):
        return 1
    if isinstance(error, (JobError, FitError, DatabaseError)):
        return 1
    return None
