"""The commands that manage email subscribers."""

from __future__ import annotations

__all__ = ["subscribers"]

from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.answers.errors import MOST_THRESHOLD
from service.cli.options import pass_context, select_contexts
from service.cli.output import Group, print_table
from service.core.addresses import AddressError, clean_address
from service.core.clock import format_instant, utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.database import Connection
    from service.mail.subscriber_store import Preferences

THRESHOLD = click.IntRange(0, MOST_THRESHOLD)
_COLUMNS = ("address", "threshold", "route")


def _email_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the email options; `command` gets the chosen routes and the preferences given."""

    @click.option(
        "--threshold",
        type=THRESHOLD,
        help="Threshold for the chance of more arrivals in a day. Default: the declared one.",
    )
    @click.option("--weekly/--no-weekly", default=None, help="Send the weekly email. Default: yes.")
    @click.option(
        "--warn-at",
        "warn_level",
        type=click.IntRange(0, 99),
        help="Send early warnings when the chance is at least this per cent; 0: none. Default: 0.",
    )
    @click.option(
        "--week-threshold", type=THRESHOLD, help="Also warn of more arrivals than this in 7 days."
    )
    @click.option(
        "--route",
        "names",
        multiple=True,
        help="Route of the emails; may be repeated. Default: the first.",
    )
    @pass_context()
    @wraps(command)
    def with_preferences(context: Context, names: tuple[str, ...], **options: Any) -> None:
        columns = ("threshold", "weekly", "warn_level", "week_threshold")
        values = {column: options.pop(column) for column in columns}
        given = {column: value for column, value in values.items() if value is not None}
        if given.get("warn_level") == 0:
            given |= {"warn_level": None, "week_threshold": None}
        routes = select_contexts(context, names or (context.route.name,))
        command(context, routes, given, **options)

    return with_preferences


def _subscribe_or_change(
    connection: Connection, address: str, one: Context, given: dict[str, Any], state: str = ""
) -> tuple[str, Preferences, bool]:
    """Subscribe `address` to a route, or change the `given` preferences of a subscriber.

    Return what was done, the preferences, and whether the subscriber is suspended: the state
    stays as it is unless `state` is given.
    """
    from service.mail import subscriber_store as store

    old = store.find_subscriber(connection, address=address, route=one.route.name)
    before = old or store.Preferences(one.route.lead.day_threshold, route=one.route.name)
    preferences = store.Preferences(**before.columns() | given)
    if preferences.warn_level is None:
        if not preferences.weekly:
            raise click.UsageError("expected --warn-at with --no-weekly: nothing would be sent")
        if preferences.week_threshold is not None:
            raise click.UsageError("--week-threshold needs --warn-at")
    elif one.route.is_closed:
        raise click.UsageError(f"the source of {one.route.name} has ended: it has no warnings")
    state = state or (old.state if old else "active")
    done = "changed" if old else "added"
    if old and (old.columns(), old.state) == (preferences.columns(), state):
        done = "unchanged"  # later bounces still count
    else:
        store.add_subscriber(connection, address, preferences, utc_now(), state)
    return done, preferences, state != "active"


@click.group(cls=Group)
def subscribers() -> None:
    """Manage subscribers to the weekly email and early warnings.

    Addresses are personal data: add only people who asked for it. Readers can subscribe
    themselves on the page /subscribe.

    \b
    Examples:
      crossings subscribers add name@example.org --threshold 400
      crossings subscribers add name@example.org --route channel --route italy
      crossings subscribers add name@example.org --no-weekly --warn-at 50 --week-threshold 2000
      crossings subscribers import list.csv
      crossings subscribers list
      crossings subscribers remove name@example.org
      crossings subscribers remove name@example.org --route italy
    """


@subscribers.command()
@click.argument("address")
@_email_options
def add(context: Context, routes: list[Context], given: dict[str, Any], address: str) -> None:
    """Add ADDRESS to the first route or the given routes, or change its preferences.

    Preferences that are not given stay as they are; a suspended subscriber becomes active.
    """
    address = clean_address(address)
    with context.database.writing() as connection:
        done = [_subscribe_or_change(connection, address, one, given, "active") for one in routes]
    for one, (what, preferences, _) in zip(routes, done, strict=True):
        click.echo(f"{what} ({one.route.name}): {preferences.in_words(one.route.lead)}")


@subscribers.command()
@click.argument("address")
@click.option("--route", "names", multiple=True, help="Route; may be repeated. Default: all.")
@pass_context("change")
def remove(context: Context, address: str, names: tuple[str, ...]) -> None:
    """Delete ADDRESS from every route or the given routes, with all its records."""
    from service.mail import subscriber_store as store

    address = clean_address(address)
    with context.database.writing() as connection:
        listed = {one.route: one for one in store.list_subscribers(connection, address=address)}
        if not listed or not {*names} <= {*listed}:
            of = f" of {' and '.join(names)}" if names else ""
            raise click.ClickException(f"this address is not on the list{of}")
        for name in {*names} or listed:
            store.remove_subscriber(connection, listed[name])
    click.echo("removed")


@subscribers.command("list")
@pass_context("read")
def list_(context: Context) -> None:
    """Show every subscriber."""
    from service.mail import subscriber_store as store

    with context.database.reading() as connection:
        everybody = store.list_subscribers(connection)
    columns = ("address", "route", "threshold", "weekly", "warn at", "week threshold", "state")
    rows = [
        (
            *(one.address, one.route, one.threshold, one.weekly, one.warn_level),
            *(one.week_threshold, one.state),
            *(format_instant(one.joined_at), format_instant(one.changed_at)),
        )
        for one in everybody
    ]
    print_table((*columns, "since", "changed"), rows)
    click.echo("1 subscriber" if len(rows) == 1 else f"{len(rows)} subscribers")


@subscribers.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_email_options
def import_(context: Context, routes: list[Context], given: dict[str, Any], file: Path) -> None:
    """Add the addresses of FILE, a CSV `address[,threshold][,route]`, all or none.

    A row without a route is added to the given routes, or to the first. For existing subscribers
    only what the row or an option gives changes; suspended ones stay suspended.
    """
    from service.data.csv_rows import CsvFile, names, read_table

    table = read_table(CsvFile(file, "utf-8"), date="address")
    if not {*table.header} <= {*_COLUMNS}:
        expected = "expected the columns address[,threshold][,route]"
        raise click.UsageError(f"{table.file}, row 1: {expected}, found {names(table.header)}")
    additions: list[tuple[str, Context, dict[str, Any]]] = []
    errors = []
    for line, row in table.rows:
        try:
            address, threshold, route = (row.get(name, "").strip() for name in _COLUMNS)
            cleaned = clean_address(address)
            own = {"threshold": THRESHOLD(threshold)} if threshold else {}
            chosen = select_contexts(context, (route,)) if route else routes
            additions += [(cleaned, one, given | own) for one in chosen]
        except click.BadParameter:
            expected = f"expected a whole number from 0 to {MOST_THRESHOLD:,}"
            errors.append(f"line {line}, threshold: {expected}, found {threshold!r:.40}")
        except (AddressError, click.UsageError) as error:
            errors.append(f"line {line}: {error}")
    if errors:
        raise click.UsageError("\n".join(["nothing is imported:", *errors]))
    with context.database.writing() as connection:
        done = [_subscribe_or_change(connection, *addition) for addition in additions]
    counts = Counter(what for what, _, _ in done)
    text = ", ".join(f"{counts[what]} {what}" for what in ("added", "changed", "unchanged"))
    suspended = sum(is_suspended for _, _, is_suspended in done)
    click.echo(text + (f"; {suspended} stay suspended" if suspended else ""))
