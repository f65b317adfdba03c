"""``crossings backup`` and ``crossings restore``."""

from __future__ import annotations

__all__ = ["backup", "restore"]

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.settings import pass_settings
from service.core.context import open_context

if TYPE_CHECKING:
    from service.cli.backup_archive import BackupSummary
    from service.core.settings import Settings

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@_FILE
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@pass_settings
def backup(settings: Settings, file: Path, overwrite: bool) -> None:
    """Write the database and the models to FILE, while the service goes on.

    It holds the addresses of subscribers and the hashes of keys: only you may read it.

    \b
    Example:
      crossings backup /var/backups/crossings.tar.gz --overwrite
    """
    from service.cli import backup_archive as archive

    context = open_context(settings)
    try:
        summary = archive.back_up(context, file, overwrite)
    except archive.BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        context.database.close()
    click.echo(f"wrote {file}: {_describe(summary)}, {file.stat().st_size:,} bytes")


@click.command()
@_FILE
@click.option("--check", "only_check", is_flag=True, help="Only read it, and compare every sum.")
@click.option("--overwrite", is_flag=True, help="Replace what the database and folders hold.")
@pass_settings
def restore(settings: Settings, file: Path, only_check: bool, overwrite: bool) -> None:
    """Put the database and the models of FILE in place, on SQLite or PostgreSQL.

    Stop the service first. The database is restored whole or not at all.

    \b
    Examples:
      crossings restore --check crossings.tar.gz
      CROSSINGS_DATABASE_URL=postgresql://crossings@db/crossings crossings restore crossings.tar.gz
    """
    from service.cli import backup_archive as archive

    try:
        summary = archive.check(file) if only_check else archive.restore(settings, file, overwrite)
    except archive.BackupError as error:
        raise click.ClickException(str(error)) from error
    verb = "whole" if only_check else "restored"
    click.echo(f"{verb}: {file} of {summary.made_at}: {_describe(summary)}")


def _describe(summary: BackupSummary) -> str:
    rows = sum(summary.rows.values())
    issues, tables = summary.rows.get("issues", 0), len(summary.rows)
    return f"{rows:,} rows in {tables} tables, {issues:,} issues, {summary.files:,} files"
