"""The commands schedule and prune."""

from __future__ import annotations

__all__ = ["prune", "schedule"]

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from service.cli.options import open_for_command, pass_settings
from service.cli.output import print_table
from service.core.clock import utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@pass_settings
def schedule(settings: Settings) -> None:
    """List the scheduled jobs, their next run and their last result.

    \b
    Example:
      crossings schedule
    """
    columns = ("job", "next, local time", "last due, local time", "outcome", "what it does")
    print_table(columns, _rows(open_for_command(settings)), width=160)


def _rows(context: Context) -> Iterator[tuple[str | None, ...]]:
    from service.core import run_store
    from service.scheduler import scheduler

    now = utc_now()
    for one, item in scheduler.scheduled_items(context):
        with context.database.reading() as connection:
            last = run_store.get_latest_run(connection, item.name, route=one.route.name)
        due = item.next_due(now)
        was_due = "never" if item.is_recorded else "keeps its own record"
        if last:  # the period of a retry is after its name
            was_due = _local(one, dt.datetime.fromisoformat(last.period.rpartition(" ")[2]))
        yield (
            item.name if len(context.routes) == 1 else f"{item.name} of {one.route.name}",
            _local(one, due) if due else "never",
            was_due,
            last.outcome if last else None,
            item.about,
        )


def _local(context: Context, moment: dt.datetime) -> str:
    return moment.astimezone(context.route.zone).strftime("%a %d %b %H:%M")


@click.command()
@click.option(
    "--compact", is_flag=True, help="Then return the free space in SQLite's file to the disk."
)
@pass_settings
def prune(settings: Settings, compact: bool) -> None:
    """Delete issues and raw files older than the settings keep, and runs older than 400 days.

    Deleted rows free space for new rows but not on the disk: --compact returns it. Stop the
    service first; it briefly needs twice the space of the remaining rows.

    \b
    Examples:
      CROSSINGS_KEEP_ISSUES_DAYS=730 crossings prune
      CROSSINGS_KEEP_ISSUES_DAYS=730 crossings prune --compact
    """
    from service.scheduler.prune import prune as job

    context = open_for_command(settings, "prune")
    click.echo(job(context).reason)
    if compact:
        freed = context.database.compact()
        click.echo(
            "PostgreSQL manages its free space itself"
            if freed is None
            else f"{freed / 10**6:,.1f} MB returned to the disk"
        )
