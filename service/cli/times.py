"""The commands schedule and prune."""

from __future__ import annotations

__all__ = ["prune", "schedule"]

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import form_option, open_for_command, pass_settings
from service.cli.output import print_json, print_table
from service.core.clock import format_instant, utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@form_option("table", "json")
@pass_settings
def schedule(settings: Settings, form: str) -> None:
    """List the scheduled jobs, their next run and their last result.

    \b
    Examples:
      crossings schedule
      crossings schedule --format json | jq -r '.jobs[] | [.job, .next_at] | @tsv'
    """
    context = open_for_command(settings)
    rows = _rows(context)
    if form == "json":
        print_json({"jobs": rows})
        return
    print_table(
        ("job", "next, local time", "last due, local time", "outcome", "what it does"),
        (
            (
                row["job"] if len(context.routes) == 1 else f"{row['job']} of {row['route']}",
                row["next_local"],
                row["last_due_local"]
                or ("never" if row["is_recorded"] else "keeps its own record"),
                row["last_outcome"],
                row["about"],
            )
            for row in rows
        ),
        width=160,
    )


def _rows(context: Context) -> list[dict[str, Any]]:
    from service.core import run_store
    from service.scheduler import scheduler

    now, rows = utc_now(), []
    for one, item in scheduler.scheduled_items(context):
        due = item.next_due(now)
        with context.database.reading() as connection:
            last = run_store.get_latest_run(connection, item.name, route=one.route.name)
        was_due = last.period.rpartition(" ")[2] if last else None  # a retry: after its name
        rows.append(
            {
                "route": one.route.name,
                "job": item.name,
                "about": item.about,
                "times": list(item.crons),
                "is_recorded": item.is_recorded,
                "next_at": format_instant(due) if due else None,
                "next_local": _local(one, due) if due else "never",
                "last_due_at": was_due,
                "last_due_local": was_due and _local(one, dt.datetime.fromisoformat(was_due)),
                "last_outcome": last.outcome if last else None,
                "last_reason": last.reason if last else None,
            }
        )
    return rows


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
