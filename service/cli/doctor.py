"""``crossings doctor``: what is wrong, and what to do."""

from __future__ import annotations

__all__ = ["doctor"]

from typing import TYPE_CHECKING

import click

from service.cli.options import form_option, pass_settings
from service.cli.output import console, print_json

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@form_option("lines", "json")
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
        findings.append(finding)
        if form == "lines":
            remedy = f"\n     -> {finding.remedy}" if finding.remedy else ""
            console().print(f"{finding.state:<5}", style=styles[finding.state], end="")
            console().print(f"{finding.check}: {finding.said}{remedy}", soft_wrap=True)
    states = [finding.state for finding in findings]
    worst = next((state for state in (FAIL, WARN) if state in states), OK)
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
