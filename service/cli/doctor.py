"""``crossings doctor``: what is wrong, and what to do."""

from __future__ import annotations

__all__ = ["doctor"]

import json
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
    from service.cli.doctor_checks import FAIL, OK, WARN, examine

    styles = {OK: "green", WARN: "yellow", FAIL: "bold red"}
    findings = []
    for finding in examine(settings):
        findings.append(finding._asdict())
        if form == "lines":
            remedy = f"\n     -> {finding.remedy}" if finding.remedy else ""
            console().print(f"{finding.state:<5}", style=styles[finding.state], end="")
            console().print(f"{finding.check}: {finding.said}{remedy}", soft_wrap=True)
    states = [finding["state"] for finding in findings]
    worst = next((state for state in (FAIL, WARN) if state in states), OK)
    counts = f"{len(findings)} checks: {states.count(WARN)} warn, {states.count(FAIL)} fail"
    as_json = json.dumps({"state": worst, "findings": findings}, indent=2)
    click.echo(as_json if form == "json" else counts)
    return int(worst == FAIL)
