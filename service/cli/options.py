"""Shared options and inputs of commands: settings, database, CSV files. Help loads none of them."""

from __future__ import annotations

__all__ = [
    "WholeNumber",
    "count_models",
    "csv_options",
    "fit_each_route",
    "for_each_route",
    "form_option",
    "open_for_command",
    "pass_settings",
    "select_contexts",
]

import re
from collections.abc import Callable, Collection
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from service.core.context import Context
    from service.core.settings import Settings

_Command = Callable[..., Any]


class WholeNumber(click.IntRange):
    """Digits within bounds; `int` would also accept 1_000 and digits of other scripts."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; see `click.ParamType`."""
        if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
            self.fail(f"expected a whole number such as 28, found {value!r:.60}", param, ctx)
        return super().convert(value, param, ctx)


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


def open_for_command(settings: Settings, only_to: str = "") -> Context:
    """Open the database of `settings` until the command ends; create it unless `only_to` is given.

    `only_to` is what the command does with a database, such as "back up".
    """
    from service.core.context import open_context
    from service.core.database import has_tables
    from service.core.secrets import mask_url

    if only_to and not has_tables(settings.database):
        raise click.ClickException(f"{mask_url(settings.database)}: no database to {only_to}")
    context = open_context(settings)
    click.get_current_context().call_on_close(context.database.close)
    return context


def fit_each_route(context: Context, work: Callable[[Context], str]) -> None:
    """Run `work`, which fits models, for all routes in parallel; print its results.

    Raises `JobError` at the end, with the reasons of all failures; at once if the cluster is
    unavailable.
    """
    from service.core.job_runner import run_in_parallel
    from service.issues.cluster import connect

    if context.settings.dask:
        connect(context.settings.dask)  # one error, not one per route
    if len(context.routes) == 1 or context.settings.workers == 1:
        for_each_route(context, lambda one: click.echo(work(one)))
        return
    results = {one.route.name: result for one, result in run_in_parallel(context, work)}

    def show(one: Context) -> None:
        result = results[one.route.name]
        if isinstance(result, Exception):
            raise result
        click.echo(result)

    for_each_route(context, show)


def for_each_route(context: Context, work: Callable[[Context], object], name: str = "") -> None:
    """Run `work` for each enabled route, or the named one; a failure does not affect the others.

    Raises `JobError` at the end, with the reasons of all failures.
    """
    from service.core.files import RegistryError
    from service.core.job_runner import JobError

    chosen = select_contexts(context, (name,) if name else ())
    if len(chosen) == 1:
        work(chosen[0])
        return
    failed = []
    for one in chosen:
        click.echo(f"{one.route.title}:")
        try:
            work(one)
        except (JobError, RegistryError) as error:
            failed.append(f"{one.route.name}: {error}")
    if failed:
        raise JobError("; ".join(failed))


def select_contexts(context: Context, names: Collection[str]) -> list[Context]:
    """Return a context for each route in `names`, or for each enabled one."""
    enabled = {one.route.name: one for one in context.each_route()}
    if unknown := [name for name in names if name not in enabled]:
        raise click.UsageError(
            f"--route: expected one of the routes {', '.join(enabled)}, found {unknown[0]!r}"
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
