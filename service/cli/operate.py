"""The status command, and commands that run a scheduled job once."""

from __future__ import annotations

__all__ = ["compare", "hindcast", "ingest", "refit", "score", "status", "weather"]

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import (
    count_models,
    csv_options,
    fit_each_route,
    for_each_route,
    form_option,
    open_for_command,
    pass_settings,
)
from service.cli.output import console, count_progress, fit_progress, print_json, print_table
from service.core.clock import format_instant, utc_now

if TYPE_CHECKING:
    from service.core.context import Context
    from service.core.settings import Settings
    from service.data.csv_rows import CsvFile
    from service.data.ingest import Reading

_MOST_ROWS = 60
_RECENT = dt.timedelta(days=8)  # the weekly email is tried again within it


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
@pass_settings
def ingest(
    settings: Settings,
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

    def work(context: Context) -> None:
        if dry_run:
            reading = jobs.read_source(context, source, readable, accept_jumps)
            _show_changes(reading, jobs.source_title(context.route, source or settings.source))
            if reading.refusals:
                raise reading.refusals[0]
            return
        outcome = jobs.ingest(context, source, readable, accept_jumps=accept_jumps)
        click.echo(outcome.reason)
        for note in outcome.detail.get("notes", []):
            click.echo(f"note: {note}")

    context = open_for_command(settings)
    if file and not route and len(context.routes) > 1:
        names = ", ".join(one.name for one in context.routes)
        raise click.UsageError(f"expected --route with a FILE, one of {names}")
    for_each_route(context, work, route)


def _show_changes(reading: Reading, source: str) -> None:
    """Print the differences between the database and `source`, and what was rejected."""
    click.echo(reading.describe_changes(source))
    for document, _ in reading.taken:
        click.echo(f"read: {document.name}, through {document.data_through}")
    for address in reading.unchanged:
        click.echo(f"unchanged: {address}")
    changes = reading.changes
    if changes:
        rows = (
            (
                c.series_id,
                c.date,
                None if c.before is None else f"{c.before:,}",
                f"{c.value:,}",
                c.source,
            )
            for c in changes[-_MOST_ROWS:]
        )
        print_table(("series", "date", "stored", "would be", "source"), rows)
        if len(changes) > _MOST_ROWS:
            click.echo(f"and {len(changes) - _MOST_ROWS:,} more before these")
    for note in reading.notes:
        click.echo(f"note: {note}")
    for refusal in reading.refusals[1:]:
        click.echo(f"Error: {refusal}", err=True)
    click.echo("nothing was stored")


@click.command()
@pass_settings
def weather(settings: Settings) -> None:
    """Read weather for each route into the database; do nothing if weather is off.

    \b
    Example:
      CROSSINGS_WEATHER=openmeteo crossings weather
    """
    from service.data.ingest_weather import weather as job

    for_each_route(open_for_command(settings), lambda one: click.echo(job(one).reason))


@click.command()
@click.option("--force", is_flag=True, help="Publish a new issue even if nothing changed.")
@click.option(
    "--as-of",
    metavar="MOMENT",
    help="Publish nothing; reproduce the issue that was the latest then, and say "
    "whether it is identical. The end of a day, or an instant such as "
    "2025-12-19T15:00:00Z.",
)
@pass_settings
def refit(settings: Settings, force: bool, as_of: str | None) -> None:
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

    def work(context: Context) -> str:
        moment = _moment(as_of, context) if as_of else None
        with fit_progress(count_models(context)) as progress:
            outcome = (
                reproduce_issue(context, moment, progress)
                if moment
                else job(context, force, progress)
            )
        return outcome.reason

    fit_each_route(open_for_command(settings), work)


def _moment(text: str, context: Context) -> dt.datetime:
    """Parse an instant, or return the end of a day."""
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
    """Score every declared model on recent weekly origins; the champion may change.

    Stored scores are not computed again.

    \b
    Example:
      crossings compare
    """
    from service.issues.compare import compare as job

    def work(context: Context) -> str:
        total = count_models(context) * settings.champion_origins
        with count_progress("models x origins", total) as progress:
            outcome = job(context, progress)
        ratios = sorted(outcome.detail["ratios"].items(), key=lambda item: item[1])
        return "\n".join([outcome.reason, *(f"  {ratio:6.3f}  {name}" for name, ratio in ratios)])

    fit_each_route(open_for_command(settings), work)


@click.command()
@pass_settings
def score(settings: Settings) -> None:
    """Score every published forecast against the figures published since.

    \b
    Example:
      crossings score
    """
    from service.issues.score import score as job

    for_each_route(open_for_command(settings), lambda one: click.echo(job(one).reason))


@click.command()
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First origin.")
@pass_settings
def hindcast(settings: Settings, since: dt.datetime) -> None:
    """Replay and score past weekly forecasts, stored separately from live ones.

    Each hindcast sees what was known on the day after its origin, and is permanently marked.
    Existing ones are skipped.

    \b
    Example:
      crossings hindcast --since 2024-01-01
    """
    from service.core.job_runner import JobError
    from service.issues.hindcast import hindcast as job
    from service.issues.hindcast import origins
    from service.issues.score import score as scoring

    context = open_for_command(settings)
    days_of = {one.route.name: origins(one, since.date()) for one in context.each_route()}
    no_days = f"--since: expected a day with figures after it, found {since.date()}"
    if not any(days_of.values()):
        raise click.UsageError(no_days)

    def work(context: Context) -> None:
        days = days_of[context.route.name]
        if not days:
            raise JobError(no_days)
        with count_progress("hindcasts", len(days)) as progress:
            outcome = job(context, days, progress=progress)
        click.echo(outcome.reason)
        click.echo(scoring(context).reason)

    for_each_route(context, work)


@click.command()
@form_option("table", "json")
@click.option(
    "--check",
    is_flag=True,
    help="For cron: print only reasons, alarms and jobs that failed; exit with 1 if degraded or "
    "alarmed, or if the last run of a job failed, in the last 8 days.",
)
@pass_settings
def status(settings: Settings, form: str, check: bool) -> int:
    """Show what is published, how fresh it is, and the state of the jobs.

    \b
    Examples:
      crossings status
      crossings status --format json | jq .status
      crossings status --check
    """
    from service.answers.issue_loader import IssueLoader
    from service.answers.status import status as answer

    body = answer(IssueLoader(open_for_command(settings, "read")))
    since = format_instant(utc_now() - _RECENT)  # a job that failed earlier may no longer run
    failed = [
        row
        for row in body["jobs"]
        if row["last_outcome"] == "failed" and row["last_started_at"] >= since
    ]
    is_wrong = body["status"] == "degraded" or bool(body["alarms"] or failed)
    if form == "json":
        print_json(body)
    elif is_wrong or not check:  # cron emails any output
        several = len(body["routes"]) > 1
        for row in body["jobs"]:
            row["name"] = f"{row['job']} of {row['route']}" if several else row["job"]
        _show_state(body)
        for row in failed if check else ():
            said = f"failed, started {row['last_started_at']}: {row['last_reason']}"
            console().print(f"  job {row['name']} {said}")
        if not check:
            _show_series_and_jobs(body)
    return int(check and is_wrong)


def _show_state(body: dict[str, Any]) -> None:
    console().print(body["status"], style="bold")
    for reason in body["reasons"]:
        console().print(f"  {reason['name']}: {reason['detail']}")
    for alarm in body["alarms"]:
        console().print(f"  alarm {alarm['name']}, since {alarm['since']}: {alarm['detail']}")


def _show_series_and_jobs(body: dict[str, Any]) -> None:
    keys = ("series_id", "data_through", "issue_id", "issued_at", "champion")
    left_out = (
        ", ".join(model["model"] for model in row["models"] if model["failure"]) or "none"
        for row in body["series"]
    )
    print_table(
        ("series", "figures to", "issue", "issued at", "champion", "left out"),
        ([*map(row.get, keys), out] for row, out in zip(body["series"], left_out, strict=True)),
    )
    keys = ("name", "last_started_at", "last_outcome", "last_success_at", "last_reason")
    never = dict.fromkeys(("last_started_at", "last_success_at"), "never")
    jobs = [[row[key] or never.get(key) for key in keys] for row in body["jobs"]]
    print_table(("job", "last started", "outcome", "last success", "reason"), jobs)
