"""The commands that manage email subscribers."""

from __future__ import annotations

__all__ = ["EmailAddress", "subscribers"]

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, TextIO

import click

from service.answers.errors import MOST_THRESHOLD
from service.cli.options import (
    WholeNumber,
    open_for_command,
    pass_settings,
    select_contexts,
)
from service.cli.output import Group, print_table
from service.core import addresses
from service.core.addresses import AddressError
from service.core.clock import format_instant, utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.database import Connection
    from service.core.settings import Settings
    from service.mail.subscriber_store import Preferences

THRESHOLD = WholeNumber(0, MOST_THRESHOLD)


class EmailAddress(click.ParamType[str]):
    """An email address, cleaned."""

    name = "address"

    def convert(  # noqa: D102
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return addresses.clean_address(value)
        except AddressError as error:
            self.fail(str(error), param, ctx)


def _email_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the email options; `command` gets the chosen routes and the preferences named."""

    @click.option(
        "--threshold",
        type=THRESHOLD,
        help="Threshold for the chance of more arrivals in a day. Default: the declared one.",
    )
    @click.option("--weekly/--no-weekly", default=None, help="Send the weekly email. Default: yes.")
    @click.option(
        "--warn-at",
        type=WholeNumber(0, 99),
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
    @pass_settings
    @wraps(command)
    def with_preferences(
        settings: Settings,
        names: tuple[str, ...],
        threshold: int | None,
        weekly: bool | None,
        warn_at: int | None,
        week_threshold: int | None,
        **more: Any,
    ) -> None:
        named: dict[str, Any] = {"week_threshold": None, "warn_level": None} if warn_at == 0 else {}
        given = {"threshold": threshold, "weekly": weekly, "warn_level": warn_at or None}
        given["week_threshold"] = week_threshold
        named |= {name: value for name, value in given.items() if value is not None}
        context = open_for_command(settings)
        command(context, select_contexts(context, names or (context.route.name,)), named, **more)

    return with_preferences


def _subscribe_or_change(
    connection: Connection,
    address: str,
    route_context: Context,
    named: dict[str, Any],
    state: dict[str, str],
) -> tuple[str, Preferences, bool]:
    """Subscribe `address`, or change what is named of a subscriber.

    Return what was done, the preferences, and whether the subscriber stays suspended.
    """
    from service.mail import subscriber_store as store

    old = store.find_subscriber(connection, address=address, route=route_context.route.name)
    default = store.Preferences(
        route_context.route.lead.day_threshold, route=route_context.route.name
    )
    preferences = store.Preferences(**(old or default).columns() | named)
    if preferences.warn_level is None and not preferences.weekly:
        raise click.UsageError("expected --warn-at with --no-weekly: nothing would be sent")
    if preferences.warn_level is None and preferences.week_threshold is not None:
        raise click.UsageError("--week-threshold needs --warn-at")
    if preferences.warn_level is not None and route_context.route.is_closed:
        name = route_context.route.name
        raise click.UsageError(f"--warn-at: the source of {name} has ended: it has no warnings")
    named = named | state
    if old and named.items() <= vars(old).items():  # later bounces still count
        return "unchanged", preferences, old.state != "active"
    done = (
        "added"
        if store.add_subscriber(connection, address, preferences, utc_now(), named)
        else "changed"
    )
    return done, preferences, bool(old and old.state != "active" and not state)


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
@click.argument("address", type=EmailAddress())
@_email_options
def add(context: Context, routes: list[Context], named: dict[str, Any], address: str) -> None:
    """Add ADDRESS to the first route or the given routes, or change its preferences.

    Preferences that are not given stay as they are; a suspended subscriber becomes active.
    """
    with context.database.writing() as connection:
        done = [
            _subscribe_or_change(connection, address, one, named, {"state": "active"})
            for one in routes
        ]
    for of, (what, preferences, _) in zip(routes, done, strict=True):
        name = f" ({of.route.name})" if len(context.routes) > 1 else ""
        click.echo(f"{what}{name}: {preferences.in_words(of.route.lead)}")


@subscribers.command()
@click.argument("address", type=EmailAddress())
@click.option("--route", "names", multiple=True, help="Route; may be repeated. Default: all.")
@pass_settings
def remove(settings: Settings, address: str, names: tuple[str, ...]) -> None:
    """Delete ADDRESS from every route or the given routes, with all its records."""
    from service.mail import subscriber_store as store

    with open_for_command(settings, "change").database.writing() as connection:
        chosen = {one.route: one for one in store.list_subscribers(connection, address=address)}
        missing = [name for name in names if name not in chosen]
        if missing or not chosen:
            of = f" of {missing[0]}" if missing else ""
            raise click.ClickException(f"this address is not on the list{of}")
        for name in dict.fromkeys(names or chosen):
            store.remove_subscriber(connection, chosen[name], utc_now())
    click.echo("removed")


@subscribers.command("list")
@pass_settings
def list_(settings: Settings) -> None:
    """Show every subscriber."""
    from service.mail import subscriber_store as store

    with open_for_command(settings, "read").database.reading() as connection:
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
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@_email_options
def import_(context: Context, routes: list[Context], named: dict[str, Any], file: TextIO) -> None:
    """Add the addresses of FILE, a CSV `address[,threshold][,route]`, all or none.

    A row without a route is added to the given routes, or to the first. For existing subscribers
    only what the row or an option gives changes; suspended ones stay suspended.
    """
    chosen: dict[tuple[str, str], tuple[Context, dict[str, Any]]] = {}
    lines: dict[tuple[str, str], int] = {}
    errors = []
    for line, address, threshold, route in _rows(file):
        try:
            from_row = {"threshold": THRESHOLD.convert(threshold, None, None)} if threshold else {}
            for one in select_contexts(context, (route,)) if route else routes:
                who = addresses.clean_address(address), one.route.name
                if lines.setdefault(who, line) != line:
                    raise click.UsageError(f"address already on line {lines[who]}")
                chosen[who] = one, named | from_row
        except AddressError as error:
            errors.append(f"line {line}: {error}")
        except click.BadParameter:
            expected = f"expected a threshold from 0 to {MOST_THRESHOLD:,}"
            errors.append(f"line {line}: {expected}, found {threshold!r:.60}")
        except click.UsageError as error:
            errors.append(f"line {line}: {error.message.removeprefix('--route: ')}")
    if errors:
        raise click.UsageError("\n".join(["nothing is imported:", *errors]))
    with context.database.writing() as connection:
        done = [
            _subscribe_or_change(connection, who, *what, {}) for (who, _), what in chosen.items()
        ]
    counts = Counter(what for what, _, _ in done)
    text = ", ".join(f"{counts[what]} {what}" for what in ("added", "changed", "unchanged"))
    suspended = sum(is_suspended for _, _, is_suspended in done)
    click.echo(text + (f"; {suspended} stay suspended" if suspended else ""))


def _rows(file: TextIO) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, address, threshold and route of each row."""
    reader = csv.DictReader(file, strict=True)
    columns = ("address", "threshold", "route")
    try:
        names = list(reader.fieldnames or ())
        unknown = [name for name in names if name not in columns]
        if unknown or "address" not in names or len(set(names)) < len(names):
            actual = ", ".join(map(repr, unknown or names)) or "no line"
            expected = "expected a CSV whose first line is address[,threshold][,route]"
            raise click.UsageError(f"{file.name}: {expected}, found {actual:.100}")
        for row in reader:
            if more := row.get(None):
                many = f"at most {len(names)} fields, found {len(names) + len(more)}"
                raise click.UsageError(f"{file.name}, line {reader.line_num}: expected {many}")
            address, threshold, route = (row.get(name) or "" for name in columns)
            yield reader.line_num, address, threshold, route
    except (UnicodeDecodeError, csv.Error) as error:
        where = f"{file.name}, after line {reader.line_num}"
        raise click.UsageError(f"{where}: expected a CSV in UTF-8, found {error}") from error
