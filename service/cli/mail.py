"""The commands of the mail: digest, warn, subscribers."""

from __future__ import annotations

__all__ = ["digest", "subscribers", "warn"]

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from service.answers.checks import MOST_THRESHOLD
from service.answers.errors import NoAnswer
from service.cli.group import Group
from service.cli.output import console, new_table, write_out
from service.cli.settings import open_for_command, pass_settings
from service.core import addresses
from service.core.addresses import AddressError
from service.core.clock import instant, utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.settings import Settings
    from service.mail.preferences import Preferences
    from service.mail.subscriber_store import Subscriber


class _Address(click.ParamType[str]):
    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return addresses.clean(value)
        except AddressError as error:
            self.fail(str(error), param, ctx)


_Command = Callable[..., None]


def _chosen(command: _Command) -> _Command:
    """Add the options that say what is mailed; `command` gets them as `preferences`."""

    @click.option(
        "--threshold",
        type=click.IntRange(0, MOST_THRESHOLD),
        help="Arrivals in a day whose chances are mailed; unless given, the declared number.",
    )
    @click.option("--weekly/--no-weekly", default=True, help="The weekly email; on unless refused.")
    @click.option(
        "--warn-at",
        type=click.IntRange(1, 99),
        help="Early warnings when a chance is at least so many per cent; none unless given.",
    )
    @click.option(
        "--week-threshold",
        type=click.IntRange(0, MOST_THRESHOLD),
        help="Warn of more arrivals than this in 7 days too.",
    )
    @wraps(command)
    def chosen(
        settings: Settings,
        *args: Any,
        threshold: int | None,
        weekly: bool,
        warn_at: int | None,
        week_threshold: int | None,
        **more: Any,
    ) -> None:
        from service.mail.preferences import Preferences

        if not weekly and warn_at is None:
            raise click.UsageError("expected --warn-at with --no-weekly: nothing would be sent")
        if week_threshold is not None and warn_at is None:
            raise click.UsageError("--week-threshold belongs to --warn-at")
        context = open_for_command(settings)
        number = _declared(context) if threshold is None else threshold
        command(context, *args, Preferences(number, weekly, warn_at, week_threshold), **more)

    return chosen


@click.command()
@click.option("--week", help="ISO week, such as 2026-W02; the current one unless given.")
@click.option("--to", "to", type=_Address(), help="Send a single copy there, to nobody else.")
@click.option(
    "--threshold",
    type=click.IntRange(0, MOST_THRESHOLD),
    help="Of the copy; else the subscriber's own.",
)
@click.option("--dry-run", is_flag=True, help="Send nothing; write the mail to look at.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the .eml, the HTML, the text and the PNG; made when missing.",
)
@pass_settings
def digest(
    settings: Settings,
    week: str | None,
    to: str | None,
    threshold: int | None,
    dry_run: bool,
    out: Path | None,
) -> None:
    """Send the weekly mail to all who do not have it, or a copy to one.

    \b
    Examples:
      crossings digest
      crossings digest --week 2026-W02 --to me@example.org
      crossings digest --week 2026-W02 --dry-run --out look
    """
    context = open_for_command(settings)
    if to or dry_run:
        _copy(context, week, to, threshold, None if dry_run else settings, out)
        return
    if out or threshold is not None:
        raise click.UsageError("--out and --threshold belong to --to or --dry-run")
    from service.mail.weekly import digest as job

    click.echo(job(context, week).reason)


def _copy(
    context: Context,
    week: str | None,
    to: str | None,
    threshold: int | None,
    through: Settings | None,
    out: Path | None,
) -> None:
    """Print one mail, and send it through the server of `through` unless that is None."""
    from service.answers.issue_loader import IssueLoader
    from service.mail import subscriber_store as store
    from service.mail.edition import iso_week
    from service.mail.render import Reader, serialise
    from service.mail.smtp import MailError, Session
    from service.mail.weekly import edition_for, renderer_of

    settings = through or _to_look_at(context.settings)
    with context.database.reading() as connection:
        subscriber = store.find(connection, to) if to else None
    default_threshold = subscriber.threshold if subscriber else _declared(context)
    reader = Reader(
        to or "reader@example.org",
        default_threshold if threshold is None else threshold,
        subscriber.token if subscriber else None,
    )
    try:
        loader = IssueLoader(context)
        edition = edition_for(loader, week or iso_week(loader.route, utc_now()))
        press = renderer_of(loader, edition, settings)
        content = serialise(press.message(reader)) if through is None or through.mail_from else b""
        if out or through is None:
            _write(out or Path(), edition.period, press, reader, content)
        if through is not None:
            with Session(through) as session:
                sent = session.send(reader.address, content)
            if sent.state != "sent":
                raise click.ClickException(f"not sent: the server answered {sent.code}")
            click.echo(f"sent a copy: {press.subject}")
    except (NoAnswer, MailError) as error:
        raise click.ClickException(str(error)) from error


def _write(out: Path, week: str, press: object, reader: object, content: bytes) -> None:
    from service.mail.render import MailRenderer, Reader

    assert isinstance(press, MailRenderer) and isinstance(reader, Reader)
    out.mkdir(parents=True, exist_ok=True)
    html = press.html(reader)
    for name, png in (("light", press.charts.light), ("dark", press.charts.dark)):
        file = f"{week}-{name}.png"
        write_out(out / file, png)
        html = html.replace(f"cid:{press.cid(name)}", file)
    texts = {"html": html.encode(), "txt": press.text(reader).encode()}
    for form, written in ({"eml": content} | texts).items():
        write_out(out / f"{week}.{form}", written)
    click.echo(f"{press.subject}\n{len(content):,} bytes; .eml, .html, .txt and .png in {out}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Send nothing; show what would be sent, and to whom.")
@pass_settings
def warn(settings: Settings, dry_run: bool) -> None:
    """Decide the early warnings of today and send them; each day's once.

    The scheduler does this by itself.

    \b
    Examples:
      crossings warn
      crossings warn --dry-run
    """
    from service.mail import early_warnings

    context = open_for_command(settings)
    if not dry_run:
        click.echo(early_warnings.warn(context).reason)
        return
    try:
        mails = early_warnings.preview(replace(context, settings=_to_look_at(settings)))
    except NoAnswer as error:
        raise click.ClickException(str(error)) from error
    for mail in mails:
        text = mail.get_body(("plain",))
        click.echo(f"To: {mail['To']}\nSubject: {mail['Subject']}\n")
        click.echo(text.get_content() if text else "")
    click.echo(f"{len(mails)} would be sent")


def _to_look_at(settings: Settings) -> Settings:
    """Settings with a sender, as nothing needs to be set to look at a mail."""
    sender = settings.mail_from or "digest@example.org"
    return settings.model_copy(update={"mail_from": sender})


@click.group(cls=Group)
def subscribers() -> None:
    """Who gets the weekly email and early warnings.

    Addresses are personal data: add only who asked for it. The page /subscribe lets readers do
    so themselves.

    \b
    Examples:
      crossings subscribers add name@example.org --threshold 400
      crossings subscribers add name@example.org --no-weekly --warn-at 50 --week-threshold 2000
      crossings subscribers import list.csv
      crossings subscribers list
      crossings subscribers remove name@example.org
    """


@subscribers.command()
@click.argument("address", type=_Address())
@pass_settings
@_chosen
def add(context: Context, preferences: Preferences, address: str) -> None:
    """Put ADDRESS on the list; for one that is on it, set what is mailed."""
    from service.mail import subscriber_store as store

    with context.database.writing() as connection:
        new = store.add(connection, address, preferences, utc_now())
    unit = context.route.series[context.route.leading].unit
    click.echo(f"{'added' if new else 'was there'}: {preferences.in_words(unit)}")


@subscribers.command()
@click.argument("address", type=_Address())
@pass_settings
def remove(settings: Settings, address: str) -> None:
    """Delete ADDRESS and all that is recorded of it."""
    from service.mail import subscriber_store as store

    with open_for_command(settings).database.writing() as connection:
        subscriber = store.find(connection, address)
        if subscriber is None:
            raise click.ClickException("this address is not on the list")
        store.remove(connection, subscriber, utc_now())
    click.echo("removed")


@subscribers.command("list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@pass_settings
def list_(settings: Settings, form: str) -> None:
    """Show every subscriber."""
    from service.mail import subscriber_store as store

    with open_for_command(settings).database.reading() as connection:
        rows = [_row(one) for one in store.everybody(connection)]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    titles = ("address", "threshold", "weekly", "warn at", "week threshold", "state", "since")
    table = new_table(*titles, "changed")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console().print(table)
    click.echo(f"{len(rows)} subscribers")


@subscribers.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@pass_settings
@_chosen
def import_(context: Context, preferences: Preferences, file: TextIO) -> None:
    """Put the addresses of FILE, a CSV `address[,threshold]`, on the list: all or none."""
    from service.mail import subscriber_store as store

    rows, wrong = [], []
    reader = csv.DictReader(file, strict=True)
    try:
        listed = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        where = f"{file.name}, after line {reader.line_num}"
        raise click.UsageError(f"{where}: expected a CSV in UTF-8, found {error}") from error
    if "address" not in (reader.fieldnames or []):
        raise click.UsageError("expected a CSV with a column address, and perhaps threshold")
    for line, row in listed:
        try:
            row_threshold = int(row.get("threshold") or preferences.threshold)
            if not 0 <= row_threshold <= MOST_THRESHOLD:
                raise ValueError
            rows.append((addresses.clean(row["address"] or ""), row_threshold))
        except AddressError as error:
            wrong.append(f"line {line}: {error}")
        except ValueError:
            wrong.append(f"line {line}: expected a threshold from 0 to {MOST_THRESHOLD:,}")
    if wrong:
        raise click.UsageError("\n".join(["nothing is imported:", *wrong]))
    with context.database.writing() as connection:
        new = sum(
            store.add(connection, address, replace(preferences, threshold=value), utc_now())
            for address, value in dict(rows).items()
        )
    click.echo(f"{new} added, {len(dict(rows)) - new} were there")


def _declared(context: Context) -> int:
    """The threshold of who chooses none."""
    return context.route.series[context.route.leading].day_threshold


def _row(one: Subscriber) -> dict[str, object]:
    return {
        "address": one.address,
        "threshold": one.threshold,
        "weekly": one.weekly,
        "warn_at": one.warn_level,
        "week_threshold": one.week_threshold,
        "state": one.state,
        "joined_at": instant(one.joined_at),
        "changed_at": instant(one.changed_at),
    }
