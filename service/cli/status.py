"""The commands status and schedule."""

from __future__ import annotations

__all__ = ["schedule", "status"]

import datetime as dt
from collections.abc import Iterator
from typing import Any

import click

from service.cli.options import form_option, pass_context
from service.cli.output import console, print_json, print_table
from service.core.clock import format_instant, utc_now
from service.core.context import Context

_RECENT = dt.timedelta(days=8)  # the weekly email is tried again within it


@click.command()
@form_option("table", "json")
@click.option(
    "--check",
    is_flag=True,
    help="For cron: print only reasons, alarms and jobs that failed; exit with 1 if degraded or "
    "alarmed, or if the last run of a job failed, in the last 8 days.",
)
@pass_context("read")
def status(context: Context, form: str, check: bool) -> int:
    """Show what is published, how fresh it is, and the state of the jobs.

    \b
    Examples:
      crossings status
      crossings status --format json | jq .status
      crossings status --check
    """
    from service.answers.issue_loader import IssueLoader
    from service.answers.status import status as answer

    body = answer(IssueLoader(context))
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


@click.command()
@pass_context()
def schedule(context: Context) -> None:
    """List the scheduled jobs, their next run and their last result.

    \b
    Example:
      crossings schedule
    """
    columns = ("job", "next, local time", "last due, local time", "outcome", "what it does")
    print_table(columns, _rows(context), width=160)


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
