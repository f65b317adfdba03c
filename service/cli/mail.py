"""The commands of the mail: digest, warn, subscribers."""

from __future__ import annotations

__all__ = ["digest", "subscribers", "warn"]

import csv
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from service.answers.checks import MOST_THRESHOLD
from service.answers.errors import NoAnswer
from service.cli.options import form_option, open_for_command, pass_settings
from service.cli.output import Group, print_json, print_table, write_out
from service.core import addresses
from service.core.addresses import AddressError
from service.core.clock import instant, utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.settings import Settings
    from service.mail.preferences import Preferences
    from service.mail.render import MailRenderer, Reader

_THRESHOLD = click.IntRange(0, MOST_THRESHOLD)


class _Address(click.ParamType[str]):
    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return addresses.clean(value)
        except AddressError as error:
            self.fail(str(error), param, ctx)


def _chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what is mailed; `command` gets them as `preferences`."""

    @click.option(
        "--threshold",
        type=_THRESHOLD,
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
        type=_THRESHOLD,
        help="Warn of more arrivals than this in 7 days too.",
    )
    @pass_settings
    @wraps(command)
    def chosen(
        settings: Settings,
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
        command(context, Preferences(number, weekly, warn_at, week_threshold), **more)

    return chosen


@click.command()
@click.option("--week", help="ISO week, such as 2026-W02; the current one unless given.")
@click.option("--to", type=_Address(), help="Send a single copy there, to nobody else.")
@click.option("--threshold", type=_THRESHOLD, help="Of the copy; else the subscriber's own.")
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
    from service.mail.render import serialise
    from service.mail.smtp import MailError, Session
    from service.mail.weekly import digest as job

    context = open_for_command(settings)
    if not (to or dry_run):
        if out or threshold is not None:
            raise click.UsageError("--out and --threshold belong to --to or --dry-run")
        click.echo(job(context, week).reason)
        return
    try:
        renderer, reader = _copy(context, week, to, threshold, dry_run)
        with nullcontext() if dry_run else Session(settings) as session:
            content = serialise(renderer.message(reader))
            if out or dry_run:
                _write(out or Path(), renderer, reader, content)
            sent = session and session.send(reader.address, content)
        if sent and sent.state != "sent":
            raise click.ClickException(f"not sent: the server answered {sent.code}")
        if sent:
            click.echo(f"sent a copy: {renderer.subject}")
    except (NoAnswer, MailError) as error:
        raise click.ClickException(str(error)) from error


def _copy(
    context: Context, week: str | None, to: str | None, threshold: int | None, dry_run: bool
) -> tuple[MailRenderer, Reader]:
    """Return what renders the mail of `week`, and the reader of the copy."""
    from service.answers.issue_loader import IssueLoader
    from service.mail import subscriber_store as store
    from service.mail.edition import iso_week
    from service.mail.render import Reader
    from service.mail.weekly import edition_for, renderer_of

    settings, token = context.settings, None
    if dry_run:
        settings = _to_look_at(settings)
    with context.database.reading() as connection:
        subscriber = store.find(connection, to) if to else None
    default = _declared(context)
    if subscriber:
        default, token = subscriber.threshold, subscriber.token
    threshold = default if threshold is None else threshold
    loader = IssueLoader(context)
    edition = edition_for(loader, week or iso_week(loader.route, utc_now()))
    reader = Reader(to or "reader@example.org", threshold, token)
    return renderer_of(loader, edition, settings), reader


def _write(out: Path, renderer: MailRenderer, reader: Reader, content: bytes) -> None:
    out.mkdir(parents=True, exist_ok=True)
    week, html = renderer.edition.period, renderer.html(reader)
    for name, png in (("light", renderer.charts.light), ("dark", renderer.charts.dark)):
        file = f"{week}-{name}.png"
        write_out(out / file, png)
        html = html.replace(f"cid:{renderer.cid(name)}", file)
    texts = {"eml": content, "html": html.encode(), "txt": renderer.text(reader).encode()}
    for form, written in texts.items():
        write_out(out / f"{week}.{form}", written)
    files = f".eml, .html, .txt and .png in {out}"
    click.echo(f"{renderer.subject}\n{len(content):,} bytes; {files}")


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
@form_option("table", "json")
@pass_settings
def list_(settings: Settings, form: str) -> None:
    """Show every subscriber."""
    from service.mail import subscriber_store as store

    with open_for_command(settings).database.reading() as connection:
        everybody = store.everybody(connection)
    rows = [
        {
            "address": one.address,
            "threshold": one.threshold,
            "weekly": one.weekly,
            "warn_at": one.warn_level,
            "week_threshold": one.week_threshold,
            "state": one.state,
            "joined_at": instant(one.joined_at),
            "changed_at": instant(one.changed_at),
        }
        for one in everybody
    ]
    if form == "json":
        print_json(rows)
        return
    columns = ("address", "threshold", "weekly", "warn at", "week threshold", "state", "since")
    print_table((*columns, "changed"), (row.values() for row in rows))
    click.echo(f"{len(rows)} subscribers")


@subscribers.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@_chosen
def import_(context: Context, preferences: Preferences, file: TextIO) -> None:
    """Put the addresses of FILE, a CSV `address[,threshold]`, on the list: all or none."""
    from service.mail import subscriber_store as store

    thresholds, wrong = {}, []
    for line, address, threshold in _rows(file):
        try:
            number = int(threshold or preferences.threshold)
            if not 0 <= number <= MOST_THRESHOLD:
                raise ValueError
            thresholds[addresses.clean(address)] = number
        except AddressError as error:
            wrong.append(f"line {line}: {error}")
        except ValueError:
            wrong.append(f"line {line}: expected a threshold from 0 to {MOST_THRESHOLD:,}")
    if wrong:
        raise click.UsageError("\n".join(["nothing is imported:", *wrong]))
    with context.database.writing() as connection:
        new = sum(
            store.add(connection, address, replace(preferences, threshold=number), utc_now())
            for address, number in thresholds.items()
        )
    click.echo(f"{new} added, {len(thresholds) - new} were there")


def _rows(file: TextIO) -> Iterator[tuple[int, str, str]]:
    """Yield line, address and threshold of each row."""
    reader = csv.DictReader(file, strict=True)
    try:
        if "address" not in (reader.fieldnames or ()):
            raise click.UsageError("expected a CSV with a column address, and perhaps threshold")
        for row in reader:
            yield reader.line_num, row["address"] or "", row.get("threshold") or ""
    except (UnicodeDecodeError, csv.Error) as error:
        where = f"{file.name}, after line {reader.line_num}"
        raise click.UsageError(f"{where}: expected a CSV in UTF-8, found {error}") from error


def _declared(context: Context) -> int:
    """The threshold of who chooses none."""
    return context.route.series[context.route.leading].day_threshold
