"""What an ingest would change, as a table."""

from __future__ import annotations

__all__ = ["show"]

import click
from rich.table import Table

from service.cli.output import console
from service.data.ingest import Reading

_MOST_ROWS = 60


def show(reading: Reading, source: str) -> None:
    """Print the difference between the store and what `source` says, and what was refused."""
    click.echo(reading.counted(source))
    for document, _ in reading.taken:
        click.echo(f"read: {document.name}, through {document.data_through}")
    for address in reading.unchanged:
        click.echo(f"unchanged: {address}")
    changes = reading.changes
    if changes:
        table = Table("series", "date", "stored", "would be", "source")
        for change in changes[-_MOST_ROWS:]:
            before = "" if change.before is None else f"{change.before:,}"
            row = (change.series_id, str(change.date), before, f"{change.value:,}", change.source)
            table.add_row(*row)
        console().print(table)
        if len(changes) > _MOST_ROWS:
            click.echo(f"and {len(changes) - _MOST_ROWS:,} more before these")
    for note in reading.notes:
        click.echo(f"note: {note}")
    for refusal in reading.refusals[1:]:
        click.echo(f"Error: {refusal}", err=True)
    click.echo("nothing was stored")
