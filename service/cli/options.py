"""Shared options and inputs of commands: settings, database, CSV files. Help loads none of them."""

from __future__ import annotations

__all__ = [
    "count_models",
    "csv_options",
    "each_route",
    "exit_status",
    "form_option",
    "open_for_command",
    "pass_context",
    "pass_settings",
    "route_option",
    "run_each_route",
    "select_contexts",
]

import errno
from collections.abc import Callable, Collection
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from service.answers.errors import BadQuestion, NoAnswer
from service.core.addresses import AddressError
from service.core.context import Context, open_context
from service.core.files import RegistryError
from service.core.secrets import mask_url

if TYPE_CHECKING:
    from service.core.settings import Settings

_Command = Callable[..., Any]
route_option = click.option("--route", default="", help="Route. Default: all enabled routes.")


def pass_settings(command: _Command) -> _Command:
    """Call `command` with the settings first, after configuring the log."""

    @wraps(command)
    def call(*arguments: Any, **options: Any) -> Any:
        from service.core import logs
        from service.core.settings import load_settings

        settings = load_settings()
        logs.configure(settings.log_level, settings.log_format, settings.secrets())
        return command(settings, *arguments, **options)

    return call


def pass_context(only_to: str = "") -> Callable[[_Command], _Command]:
    """Call a command with a context first: see `open_for_command`."""

    def decorate(command: _Command) -> _Command:
        @pass_settings
        @wraps(command)
        def call(settings: Settings, **options: Any) -> Any:
            return command(open_for_command(settings, only_to), **options)

        return call

    return decorate


def open_for_command(settings: Settings, only_to: str = "") -> Context:
    """Open the database of `settings` until the command ends; create it unless `only_to` is given.

    `only_to` is what the command does with a database, such as "back up".
    """
    from service.core.database import has_tables

    if only_to and not has_tables(settings.database):
        raise click.ClickException(f"{mask_url(settings.database)}: no database to {only_to}")
    context = open_context(settings)
    click.get_current_context().call_on_close(context.database.close)
    return context


def exit_status(error: Exception) -> int | None:
    """Return the exit status of an error that a person can act on; None for a defect."""
    from forecast.forecasters.base import FitError
    from forecast.specs import SpecError
    from service.core.database import DatabaseError
    from service.core.job_runner import JobError
    from service.core.settings import SettingsError
    from service.data.source import SourceError, Unreachable
    from service.mail.smtp import MailError

    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, (AddressError, BadQuestion, RegistryError, SettingsError, SpecError)):
        return 2
    source = error if isinstance(error, SourceError) else error.__cause__
    if isinstance(source, SourceError):
        return 1 if isinstance(source, Unreachable) else 2
    if isinstance(error, (DatabaseError, FitError, JobError, MailError, NoAnswer)):
        return 1
    # Without a file name, the output of a command has no space.
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return 1
    return None


def each_route(in_parallel: bool = False) -> Callable[[_Command], _Command]:
    """Make a command of a function of a route's context: see `run_each_route`."""

    def decorate(command: _Command) -> _Command:
        @pass_context()
        @wraps(command)
        def call(context: Context, route: str = "", **options: Any) -> None:
            run_each_route(context, partial(command, **options), route, in_parallel)

        return call

    return decorate


def run_each_route(
    context: Context, work: Callable[[Context], str], route: str = "", in_parallel: bool = False
) -> None:
    """Run `work` for each enabled route, or the named one, and print what it returns.

    A failure does not affect the other routes: `JobError` at the end has the reasons of all.
    Raises `ClusterError` before, if fits `in_parallel` need a cluster that is unavailable.
    """
    from service.core.job_runner import JobError, run_in_parallel
    from service.issues.cluster import connect

    chosen = select_contexts(context, (route,) if route else ())
    results: dict[str, str | Exception] = {}
    if in_parallel:
        if context.settings.dask:
            connect(context.settings.dask).close()  # one error, not one per route
        results = {one.route.name: result for one, result in run_in_parallel(context, work)}
    failed = []
    for one in chosen:
        if len(chosen) > 1:
            click.echo(f"{one.route.title}:")
        try:
            result = results[one.route.name] if in_parallel else work(one)
            if isinstance(result, Exception):
                raise result
            click.echo(result)
        except Exception as error:
            if len(chosen) == 1 or exit_status(error) is None:
                raise
            failed.append(f"{one.route.name}: {error}")
    if failed:
        raise JobError("; ".join(failed))


def select_contexts(context: Context, names: Collection[str]) -> list[Context]:
    """Return a context for each route in `names`, or for each enabled one."""
    enabled = {one.route.name: one for one in context.each_route()}
    if unknown := [name for name in names if name not in enabled]:
        raise click.UsageError(
            f"expected one of the routes {', '.join(enabled)}, found {unknown[0]!r}"
        )
    return [enabled[name] for name in dict.fromkeys(names or enabled)]


def count_models(context: Context) -> int:
    """Return the number of declared models that are fitted for the route."""
    from forecast.specs import published
    from service.issues.declared_models import declared

    return len(published(declared(context.settings.models_dir, context.route.models)))


def form_option(*forms: str) -> Callable[[_Command], _Command]:
    """Add ``--format``, passed as `form`; the default is the first of `forms`."""
    return click.option(
        "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True
    )


def csv_options(*parameters: str) -> Callable[[_Command], _Command]:
    """Add the options of CSV files; each path in `parameters` becomes a `CsvFile`."""

    def decorate(command: _Command) -> _Command:
        @click.option("--encoding", help="Encoding of CSV files. Default: UTF-8 or UTF-16.")
        @click.option(
            "--dayfirst",
            is_flag=True,
            help="Read dates in CSV files as day, month, year: 18/10/2024.",
        )
        @wraps(command)
        def call(*arguments: Any, encoding: str | None, dayfirst: bool, **options: Any) -> Any:
            from service.data.csv_rows import CsvFile

            report = partial(click.echo, err=True)
            for name in parameters:
                if options[name] is not None:
                    options[name] = CsvFile(options[name], encoding, dayfirst, report)
            return command(*arguments, **options)

        return call

    return decorate
