"""``crossings doctor``: what is wrong, and what to do."""

from __future__ import annotations

__all__ = ["doctor"]

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from service.cli.output import console
from service.cli.settings import pass_settings

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@click.option("--format", "form", type=click.Choice(["lines", "json"]), default="lines")
@pass_settings
def doctor(settings: Settings, form: str) -> int:
    """Look at everything that the service needs, and say what to do where it is not well.

    Exit status 0 when nothing fails, 1 when something does.

    \b
    Examples:
      crossings doctor
      crossings doctor --format json | jq '.findings[] | select(.state != "ok")'
    """
    from rich.text import Text

    from service.cli.doctor_checks import FAIL, OK, WARN, examine

    styles = {OK: "green", WARN: "yellow", FAIL: "bold red"}
    findings, shown = [], console()
    for finding in examine(settings):
        findings.append(finding)
        if form == "lines":
            state = Text(f"{finding.state:<5}", styles[finding.state])
            remedy = f"\n     -> {finding.remedy}" if finding.remedy else ""
            shown.print(state + Text(f"{finding.check}: {finding.said}{remedy}"), soft_wrap=True)
    states = [finding.state for finding in findings]
    worst = next((state for state in (FAIL, WARN) if state in states), OK)
    if form == "json":
        body = {"state": worst, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(body, indent=2))
    else:
        click.echo(f"{len(findings)} checks: {states.count(WARN)} warn, {states.count(FAIL)} fail")
    return int(worst == FAIL)
