"""``crossings keys``: manage API keys."""

from __future__ import annotations

__all__ = ["keys"]

import datetime as dt

import click

from service.cli.options import pass_context
from service.cli.output import Group, print_table
from service.core.clock import format_instant, utc_now
from service.core.context import Context


@click.group(cls=Group)
def keys() -> None:
    """Create, list and revoke API keys.

    \b
    Examples:
      crossings keys create --name grafana --scope read
      crossings keys list
      crossings keys revoke grafana
    """


@keys.command()
@click.option("--name", required=True, help="Name of the key's holder; must be unique.")
@click.option("--scope", type=click.Choice(["read", "operate"]), default="read", show_default=True)
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help="First day on which it is invalid."
)
@pass_context()
def create(context: Context, name: str, scope: str, expires: dt.datetime | None) -> None:
    """Create a key and print it; it is not shown again.

    \b
    Example:
      crossings keys create --name grafana --scope read --expires 2027-01-01
    """
    from service.api import key_store as store

    name = name.strip()
    if not _is_name(name):
        raise click.UsageError("--name: expected 1 to 64 printable characters")
    now = utc_now()
    ends = expires.replace(tzinfo=dt.UTC) if expires else None
    if ends is not None and ends <= now:
        raise click.UsageError(f"--expires: expected a day after today, found {ends.date()}")
    try:
        with context.database.writing() as connection:
            # Within the transaction: a key that cannot be shown is not stored.
            click.echo(store.create_key(connection, name, scope, now, ends))
    except store.NameTaken as error:
        raise click.UsageError(f"--name: {error}") from error
    click.echo("It will not be shown again; only its hash is kept.", err=True)


@keys.command("list")
@pass_context("read")
def show(context: Context) -> None:
    """List keys with their names, scopes and last use."""
    from service.api import key_store as store

    now = utc_now()
    with context.database.reading() as connection:
        listed = store.list_keys(connection)
    print_table(
        ("name", "key", "scope", "state", "made", "expires", "last used"),
        (
            (
                key.name,
                f"crossings_{key.prefix}_…",
                key.scope,
                key.state(now),
                format_instant(key.created_at),
                format_instant(key.expires_at) if key.expires_at else "never",
                format_instant(key.last_used_at) if key.last_used_at else "never",
            )
            for key in listed
        ),
    )


@keys.command()
@click.argument("name")
@pass_context("change")
def revoke(context: Context, name: str) -> None:
    """Revoke a key at once, by its name or the ten digits of its prefix.

    \b
    Example:
      crossings keys revoke grafana
    """
    from service.api import key_store as store

    with context.database.writing() as connection:
        if not (_is_name(name) and store.revoke_key(connection, name, utc_now())):
            raise click.ClickException(f"there is no key {name!r} to revoke")
    click.echo(f"revoked {name}")


def _is_name(name: str) -> bool:
    return 0 < len(name) <= 64 and name.isprintable()
