"""``crossings backup`` and ``crossings restore``."""

from __future__ import annotations

__all__ = ["backup", "restore"]

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.options import pass_context, pass_settings
from service.core.context import Context

if TYPE_CHECKING:
    from service.cli.backup_archive import Head
    from service.core.settings import Settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@pass_context("back up")
def backup(context: Context, file: Path, overwrite: bool) -> None:
    """Back up the database and the models to FILE while the service runs.

    The file holds subscriber addresses and key hashes: only you can read it.

    \b
    Example:
      crossings backup /var/backups/crossings.zip --overwrite
    """
    from service.cli import backup_archive as archive

    head = archive.back_up(context, file, overwrite)
    click.echo(f"wrote {file}: {_describe(head)}, {file.stat().st_size:,} bytes")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--check", "only_check", is_flag=True, help="Only check that FILE is complete.")
@click.option("--overwrite", is_flag=True, help="Replace the database and the models.")
@pass_settings
def restore(settings: Settings, file: Path, only_check: bool, overwrite: bool) -> None:
    """Restore the database and the models from FILE, on SQLite or PostgreSQL.

    Stop the service first. The database is restored completely or not at all.

    \b
    Examples:
      crossings restore --check crossings.zip
      CROSSINGS_DATABASE_URL=postgresql://crossings@db/crossings crossings restore crossings.zip
    """
    from service.cli import backup_archive as archive

    head = archive.check(file) if only_check else archive.restore(settings, file, overwrite)
    done = "intact" if only_check else "restored"
    click.echo(f"{done}: {file}, made {head.made_at}: {_describe(head)}")


def _describe(head: Head) -> str:
    total = f"{sum(head.rows.values()):,} rows in {len(head.rows)} tables"
    return f"{total}, {head.rows.get('issues', 0):,} issues, {len(head.models):,} files"
