"""Commands that run a scheduled job once."""

from __future__ import annotations

__all__ = ["compare", "hindcast", "ingest", "prune", "refit", "score", "weather"]

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.options import (
    count_models,
    csv_options,
    each_route,
    pass_context,
    run_each_route,
)
from service.cli.output import count_progress, fit_progress, print_table
from service.core.context import Context

if TYPE_CHECKING:
    from service.data.csv_rows import CsvFile
    from service.data.ingest import Reading

_MOST_ROWS = 60


@click.command()
@click.option(
    "--source",
    type=click.Choice(["figures", "declared", "govuk", "workbook", "page", "csv"]),
    help="Source of the figures. Default: CROSSINGS_SOURCE.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change; store nothing.")
@click.option(
    "--accept-jumps", is_flag=True, help="Accept large changes that are not marked as revised."
)
@click.option(
    "--route", default="", help="Route. Default: all enabled. Needed with a FILE, if several are."
)
@csv_options("file")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@pass_context()
def ingest(
    context: Context,
    source: str | None,
    dry_run: bool,
    accept_jumps: bool,
    route: str,
    file: CsvFile | None,
) -> None:
    """Read figures into the database: embedded, from the declared source, or from FILE.

    A workbook or page that breaks a rule is rejected as a whole; none of it is stored.

    \b
    Examples:
      crossings ingest
      crossings ingest --source declared --dry-run
      crossings ingest --source workbook 31_December_2025_Small_boats_-_time_series.ods
      crossings ingest --source csv my-figures.csv
    """
    from service.data import ingest as jobs

    source = "declared" if source == "govuk" else source
    if (source in ("workbook", "page", "csv")) != (file is not None):
        raise click.UsageError("expected --source workbook, page or csv with a FILE, or neither")
    readable = file.path if file and source != "csv" else file

    def work(one: Context) -> str:
        if dry_run:
            reading = jobs.read_source(one, source, readable, accept_jumps)
            _show_changes(reading)
            if reading.refusals:
                raise reading.refusals[0]
            return "nothing was stored"
        outcome = jobs.ingest(one, source, readable, accept_jumps=accept_jumps)
        notes = (f"note: {note}" for note in outcome.detail.get("notes", []))
        return "\n".join([outcome.reason, *notes])

    if file and not route and len(context.routes) > 1:
        names = ", ".join(one.name for one in context.routes)
        raise click.UsageError(f"expected --route with a FILE, one of {names}")
    run_each_route(context, work, route)


def _show_changes(reading: Reading) -> None:
    """Print the differences between the database and the source, and what was rejected."""
    click.echo(reading.describe_changes())
    for document, _ in reading.taken:
        click.echo(f"read: {document.name}, through {document.data_through}")
    changes = reading.changes[-_MOST_ROWS:]
    if changes:
        rows = ((c.series_id, c.date, c.before, c.value, c.source) for c in changes)
        print_table(("series", "date", "stored", "would be", "source"), rows)
    if more := len(reading.changes) - len(changes):
        click.echo(f"and {more:,} more before these")
    for note in reading.notes:
        click.echo(f"note: {note}")
    for refusal in reading.refusals[1:]:
        click.echo(f"Error: {refusal}", err=True)


@click.command()
@each_route()
def weather(context: Context) -> str:
    """Read weather for each route into the database; do nothing if weather is off.

    \b
    Example:
      CROSSINGS_WEATHER=openmeteo crossings weather
    """
    from service.data.ingest_weather import weather as job

    return job(context).reason


@click.command()
@click.option("--force", is_flag=True, help="Publish a new issue even if nothing changed.")
@click.option(
    "--as-of",
    metavar="MOMENT",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]),
    help="Publish nothing; reproduce the issue that was the latest then, and say "
    "whether it is identical. The end of a day, or an instant such as "
    "2025-12-19T15:00:00Z.",
)
@each_route(in_parallel=True)
def refit(context: Context, force: bool, as_of: dt.datetime | None) -> str:
    """Fit every declared model and publish a new forecast, unless the latest is current.

    \b
    Examples:
      crossings refit --force
      crossings refit --as-of 2025-12-19
      CROSSINGS_DASK=tcp://scheduler:8786 CROSSINGS_WORKERS=8 crossings refit
    """
    from service.issues.refit import refit as job
    from service.issues.reproduce import reproduce_issue

    if force and as_of:
        raise click.UsageError("expected --force or --as-of, found both")

    with fit_progress(count_models(context)) as progress:
        if as_of is None:
            return job(context, force, progress).reason
        moment = as_of if as_of.tzinfo else context.route.end_of_day(as_of.date())
        return reproduce_issue(context, moment, progress).reason


@click.command()
@each_route(in_parallel=True)
def compare(context: Context) -> str:
    """Score every declared model on recent weekly origins; the champion may change.

    Stored scores are not computed again.

    \b
    Example:
      crossings compare
    """
    from service.issues.compare import compare as job

    total = count_models(context) * context.settings.champion_origins
    with count_progress("models x origins", total) as progress:
        outcome = job(context, progress)
    ratios = sorted(outcome.detail["ratios"].items(), key=lambda item: item[1])
    return "\n".join([outcome.reason, *(f"  {ratio:6.3f}  {name}" for name, ratio in ratios)])


@click.command()
@each_route()
def score(context: Context) -> str:
    """Score every published forecast against the figures published since.

    \b
    Example:
      crossings score
    """
    from service.issues.score import score as job

    return job(context).reason


@click.command()
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First origin.")
@each_route()
def hindcast(context: Context, since: dt.datetime) -> str:
    """Replay and score past weekly forecasts, stored separately from live ones.

    Each hindcast sees what was known on the day after its origin, and is permanently marked.
    Existing ones are skipped.

    \b
    Example:
      crossings hindcast --since 2024-01-01
    """
    from service.issues import hindcast as hindcasts
    from service.issues.score import score as scoring

    days = hindcasts.origins(context, since.date())
    if not days:
        message = f"--since: expected a day with figures after it, found {since.date()}"
        raise click.UsageError(message)
    with count_progress("hindcasts", len(days)) as progress:
        outcome = hindcasts.hindcast(context, days, progress=progress)
    return f"{outcome.reason}\n{scoring(context).reason}"


@click.command()
@pass_context("prune")
def prune(context: Context) -> None:
    """Delete issues older than the settings keep, and raw documents older than 90 days.

    \b
    Example:
      CROSSINGS_KEEP_ISSUES_DAYS=730 crossings prune
    """
    from service.scheduler.prune import prune as job

    click.echo(job(context).reason)
