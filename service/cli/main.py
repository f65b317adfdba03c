"""The group of commands, and how their errors end."""

from __future__ import annotations

__all__ = ["main"]

import codecs
import errno
import io
import os
import sys
from importlib import import_module
from typing import Any

import click

from service.cli import parent
from service.cli.group import Group

# Name, module, and the first line of its help: the list of commands loads none of their modules.
_COMMANDS = {
    "run": ("run", "Migrate, ingest, fit, publish, serve, and schedule, until stopped."),
    "ingest": ("operate", "Read figures into the store: embedded, from GOV.UK, or from a FILE."),
    "weather": (
        "operate",
        "Read the weather of the Dover Strait into the store; nothing where it is off.",
    ),
    "refit": (
        "operate",
        "Fit every declared model and publish a new issue, unless the newest is current.",
    ),
    "compare": (
        "operate",
        "Score every declared model on the last weekly origins; the champion may change.",
    ),
    "score": (
        "score_commands",
        "Score every published issue against the figures that have come since.",
    ),
    "hindcast": (
        "score_commands",
        "Replay the past as it would have run, and score it; kept apart from live issues.",
    ),
    "serve": ("operate", "Serve the API and the page; starts no work of its own."),
    "scheduler": ("operate", "Run the jobs at their times, until stopped."),
    "schedule": ("times", "List the scheduled jobs, when each runs next, and how it ended last."),
    "prune": (
        "times",
        "Delete issues, runs and raw files that are older than the settings keep.",
    ),
    "status": ("operate", "Say what is published, how fresh it is, and how the jobs fare."),
    "config": (
        "config",
        "Show every setting as it holds, and where it comes from; secrets are masked.",
    ),
    "doctor": (
        "doctor",
        "Look at everything that the service needs, and say what to do where it is not well.",
    ),
    "backup": ("backup", "Write the database and the models to FILE, while the service goes on."),
    "restore": (
        "backup",
        "Put the database and the models of FILE in place, on SQLite or PostgreSQL.",
    ),
    "keys": ("keys", "Make, list and revoke the keys of those who ask."),
    "digest": ("mail", "Send the weekly mail to all who do not have it, or a copy to one."),
    "warn": ("mail", "Decide the early warnings of today and send them; each day's once."),
    "subscribers": ("mail", "Who gets the weekly email and early warnings."),
    "forecast": ("offline", "Forecast from a CSV file, with no database and no day after --as-of."),
    "backtest": (
        "offline",
        "Score models at rolling origins: at each they see the days up to it and nothing later.",
    ),
}

_PLAIN = {"–": "-", "…": "...", "×": "x", "’": "'"}


class _Group(Group):
    """Loads a command's module when it is asked for, so that the light ones start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"service.cli.{module}"), cmd_name)
        return command

    def summary(self, ctx: click.Context, name: str) -> str:  # noqa: ARG002
        return _COMMANDS[name][1]


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(parent.OPTION, "is_child", is_flag=True, hidden=True)
@click.version_option(package_name="channel-crossings-forecast", prog_name="crossings")
def group(is_child: bool) -> None:
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


def main() -> None:
    """Run the command line; every expected error is one clear line."""
    _print_in_any_encoding()
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
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        _drop_output()
        sys.exit(0)
    except Exception as error:
        status = _expected(error)
        if status is None:
            raise
        if _is_full(error):
            _drop_output()
        click.echo(f"Error: {_message(error)}", err=True)
        sys.exit(status)
    sys.exit(status if isinstance(status, int) else 0)


def _print_in_any_encoding() -> None:
    """A character that the terminal does not have becomes one that it has."""

    def replace(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        wrong = error.object[error.start : error.end]
        return "".join(_PLAIN.get(one, "?") for one in wrong), error.end

    codecs.register_error("plain", replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _drop_output() -> None:
    """What is still to be written goes nowhere, or the interpreter would fail on it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _is_full(error: Exception) -> bool:
    """Whether there was no room for something that has no name, such as what a command prints."""
    return isinstance(error, OSError) and not error.filename and error.errno == errno.ENOSPC


def _message(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return f"{error.filename or 'no room to write'}: {error.strerror}"


def _expected(error: Exception) -> int | None:
    """Exit status of an error that a person can act on; None for a defect."""
    from forecast.forecasters.base import FitError
    from service.core.database import DatabaseError
    from service.core.files import RegistryError
    from service.core.job_runner import JobError
    from service.core.settings import SettingsError
    from service.data.source import SourceError

    if isinstance(error, SourceError) or isinstance(error.__cause__, SourceError):
        return 2
    if isinstance(error, (RegistryError, SettingsError)):
        return 2
    if isinstance(error, OSError) and (error.filename is not None or _is_full(error)):
        return 1
    if isinstance(error, (JobError, FitError, DatabaseError)):
        return 1
    return None
