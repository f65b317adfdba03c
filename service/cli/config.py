"""``crossings config`` and ``doctor``: show the settings, and check the installation."""

from __future__ import annotations

__all__ = ["config", "doctor"]

import os
import shlex
from typing import TYPE_CHECKING

import click

from service.cli.options import form_option, pass_settings
from service.cli.output import console, print_json, print_table
from service.core.secrets import MASK

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@form_option("table", "env")
@pass_settings
def config(settings: Settings, form: str) -> None:
    """Show the value and source of every setting; secrets are masked.

    Lists all invalid settings at once, with exit status 2.

    \b
    Examples:
      crossings config
      crossings config --format env > crossings.env
    """
    from service.core.settings import FOLDER, Settings, file_of, variable_of

    rows = []
    for name in Settings.model_fields:
        origin = "default"
        if name in settings.model_fields_set:
            is_from_file = variable_of(name) not in os.environ and file_of(name).is_file()
            origin = str(file_of(name)) if is_from_file else "environment"
        rows.append((variable_of(name), settings.masked(name), origin))
    if form == "env":
        for name, value, _ in rows:
            # A reader of the file would take a masked value for the secret.
            comment = "# " if MASK in value else ""
            click.echo(f"{comment}{name}={shlex.quote(value) if value else ''}")
    else:
        print_table(("setting", "value", "from"), rows)
        click.echo(_requests(settings))
    names = {name for name, _, _ in rows}
    for place in sorted([*os.environ, *map(str, FOLDER.glob("*"))]):
        name = place.rpartition("/")[2].upper()
        if name.startswith("CROSSINGS_") and name not in names:
            click.echo(f"warning: {place} is not a setting and has no effect", err=True)


def _requests(settings: Settings) -> str:
    """Describe the requests sent: to whom, how often and under which user agent."""
    from service.core.route_files import enabled_routes
    from service.data.collect import fetcher
    from service.scheduler.schedule import schedule

    if settings.source == "figures":
        return "No site is read for figures."
    times = "; ".join(
        f"{item.name} {', '.join(item.crons)}"
        for item in schedule(settings, enabled_routes(settings.series_dir, settings.routes)[0])
        if item.name.startswith("renew")
    )
    return (
        f"Figures: read from {settings.govuk_url} and {settings.govuk_assets_url}.\n"
        f"Times: at the start, then (cron, local time) {times}. A site that does not answer is "
        "tried again after 5 minutes, then less and less often, up to every 3 hours.\n"
        f"User-Agent: {fetcher(settings).user_agent}"
    )


@click.command()
@form_option("lines", "json")
@pass_settings
def doctor(settings: Settings, form: str) -> int:
    """Check everything that the service needs and suggest remedies.

    Exit status 0 if nothing fails, 1 otherwise.

    \b
    Examples:
      crossings doctor
      crossings doctor --format json | jq '.findings[] | select(.state != "ok")'
    """
    from service.cli.doctor import FAIL, OK, WARN, examine

    styles = {OK: "green", WARN: "yellow", FAIL: "bold red"}
    findings = []
    for finding in examine(settings):
        findings.append(finding)
        if form == "lines":
            remedy = f"\n     -> {finding.remedy}" if finding.remedy else ""
            console().print(f"{finding.state:<5}", style=styles[finding.state], end="")
            console().print(f"{finding.check}: {finding.said}{remedy}", soft_wrap=True)
    states = [finding.state for finding in findings]
    worst = max(states, key=[OK, WARN, FAIL].index)
    if form == "json":
        rows = [
            {name: getattr(one, name) for name in ("check", "state", "said", "remedy")}
            for one in findings
        ]
        print_json({"state": worst, "findings": rows})
    else:
        counts = f"{states.count(WARN)} warn, {states.count(FAIL)} fail"
        click.echo(f"{len(states)} checks: {counts}")
    return int(worst == FAIL)
