"""The commands that need the database: ingest, refit, serve, scheduler, status."""

from __future__ import annotations

__all__ = ["compare", "ingest", "refit", "scheduler", "serve", "status", "weather"]

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.csv_options import csv_options
from service.cli.output import console, new_table
from service.cli.ports import require_free
from service.cli.progress import counting, fitting
from service.cli.settings import open_for_command, pass_settings

if TYPE_CHECKING:
    from service.core.context import Context
    from service.core.settings import Settings
    from service.data.csv_rows import CsvFile


@click.command()
@click.option(
    "--source",
    type=click.Choice(["figures", "govuk", "workbook", "page", "csv"]),
    help="Where the figures come from; CROSSINGS_SOURCE unless given.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change; store nothing.")
@click.option(
    "--accept-jumps", is_flag=True, help="Take changes that are large and not marked as revised."
)
@csv_options("file")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@pass_settings
def ingest(
    settings: Settings, source: str | None, dry_run: bool, accept_jumps: bool, file: CsvFile | None
) -> None:
    """Read figures into the store: embedded, from GOV.UK, or from a FILE.

    A workbook or a page that breaks a rule is refused whole, and nothing of it is stored.

    \b
    Examples:
      crossings ingest
      crossings ingest --source govuk --dry-run
      crossings ingest --source workbook 31_December_2025_Small_boats_-_time_series.ods
      crossings ingest --source csv my-figures.csv
    """
    from service.cli.changes import show
    from service.data import ingest as jobs

    if (source in ("workbook", "page", "csv")) != (file is not None):
        raise click.UsageError("expected --source workbook, page or csv with a FILE, or neither")
    context = open_for_command(settings)
    readable = file.path if file and source != "csv" else file
    if dry_run:
        reading = jobs.preview(context, source, readable, accept_jumps)
        show(reading, source or settings.source)
        if reading.refusals:
            raise reading.refusals[0]
        return
    outcome = jobs.ingest(context, source, readable, accept_jumps=accept_jumps)
    click.echo(outcome.reason)
    for note in outcome.detail.get("notes", []):
        click.echo(f"note: {note}")


@click.command()
@pass_settings
def weather(settings: Settings) -> None:
    """Read the weather of the Dover Strait into the store; nothing where it is off.

    \b
    Example:
      CROSSINGS_WEATHER=openmeteo crossings weather
    """
    from service.data.ingest_weather import weather as job

    click.echo(job(open_for_command(settings)).reason)


@click.command()
@click.option("--force", is_flag=True, help="Publish a new issue even if nothing changed.")
@click.option(
    "--as-of",
    metavar="MOMENT",
    help="Publish nothing; make the issue that stood then again, and say whether it is the same. "
    "A UK day, to its end, or an instant such as 2025-12-19T15:00:00Z.",
)
@pass_settings
def refit(settings: Settings, force: bool, as_of: str | None) -> None:
    """Fit every declared model and publish a new issue, unless the newest is current.

    \b
    Examples:
      crossings refit --force
      crossings refit --as-of 2025-12-19
    """
    from forecast.specs import published
    from service.issues.declared_models import declared
    from service.issues.refit import refit as job
    from service.issues.reproduce import repeat

    if force and as_of:
        raise click.UsageError("expected --force or --as-of, found both")
    with fitting(len(published(declared(settings.models_dir)))) as progress:
        context = open_for_command(settings)
        moment = _moment(as_of, context) if as_of else None
        outcome = repeat(context, moment, progress) if moment else job(context, force, progress)
    click.echo(outcome.reason)


def _moment(text: str, context: Context) -> dt.datetime:
    """An instant, or the end of a day."""
    try:
        if len(text) == len("2025-12-19"):
            return context.route.end_of_day(dt.date.fromisoformat(text))
        instant = dt.datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    expected = "a day such as 2025-12-19 or an instant such as 2025-12-19T15:00:00Z"
    raise click.UsageError(f"--as-of: expected {expected}, found {text[:40]!r}")


@click.command()
@pass_settings
def compare(settings: Settings) -> None:
    """Score every declared model on the last weekly origins; the champion may change.

    Scores that are kept are not computed again.

    \b
    Example:
      crossings compare
    """
    from forecast.specs import published
    from service.issues.compare import compare as job
    from service.issues.declared_models import declared

    total = len(published(declared(settings.models_dir))) * settings.champion_origins
    with counting("models x origins", total) as progress:
        outcome = job(open_for_command(settings), progress)
    click.echo(outcome.reason)
    for name, ratio in sorted(outcome.detail["ratios"].items(), key=lambda item: item[1]):
        click.echo(f"  {ratio:6.3f}  {name}")


@click.command()
@pass_settings
def serve(settings: Settings) -> None:
    """Serve the API and the page; starts no work of its own.

    \b
    Example:
      CROSSINGS_PORT=8080 crossings serve
    """
    from service.server import serve as run

    require_free(settings)
    open_for_command(settings).database.close()  # migrate once, before the workers start
    run(settings)


@click.command()
@pass_settings
def scheduler(settings: Settings) -> None:
    """Run the jobs at their times, until stopped. One such process is enough.

    \b
    Example:
      crossings scheduler
    """
    from service.scheduler.scheduler import run

    run(open_for_command(settings))


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@click.option(
    "--check",
    is_flag=True,
    help="For cron: print the reasons and alarms alone, and exit with 1 when degraded or alarmed.",
)
@pass_settings
def status(settings: Settings, form: str, check: bool) -> int:
    """Say what is published, how fresh it is, and how the jobs fare.

    \b
    Examples:
      crossings status
      crossings status --format json | jq .status
      crossings status --check
    """
    from service.answers.issue_loader import IssueLoader
    from service.answers.status import status as answer

    body = answer(IssueLoader(open_for_command(settings)))
    is_wrong = body["status"] == "degraded" or bool(body["alarms"])
    if form == "json":
        click.echo(json.dumps(body, indent=2))
    elif not check:
        _show(body)
    elif is_wrong:  # cron mails whatever is printed
        _show_reasons(body)
    return int(check and is_wrong)


def _show_reasons(body: dict[str, Any]) -> None:
    shown = console()
    shown.print(body["status"], style="bold")
    for reason in body["reasons"]:
        shown.print(f"  {reason['name']}: {reason['detail']}")
    for alarm in body["alarms"]:
        shown.print(f"  alarm {alarm['name']}, since {alarm['since']}: {alarm['detail']}")


def _show(body: dict[str, Any]) -> None:
    _show_reasons(body)
    shown = console()
    table = new_table("series", "figures through", "issue", "issued at", "champion", "left out")
    for row in body["series"]:
        left_out = [m["model"] for m in row["models"] if m["failure"]]
        table.add_row(
            row["series_id"],
            row["data_through"],
            row["issue_id"],
            row["issued_at"],
            row["champion"],
            ", ".join(left_out) or "none",
        )
    shown.print(table)
    jobs = new_table("job", "last started", "outcome", "last success", "said")
    for row in body["jobs"]:
        jobs.add_row(
            row["job"],
            row["last_started_at"] or "never",
            row["last_outcome"] or "",
            row["last_success_at"] or "never",
            row["last_reason"] or "",
        )
    shown.print(jobs)
