"""The commands that send email: digest and warn."""

from __future__ import annotations

__all__ = ["digest", "warn"]

from contextlib import nullcontext
from dataclasses import replace
from email.utils import make_msgid
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.answers.errors import BadQuestion, NoAnswer
from service.cli.options import for_each_route, open_for_command, pass_settings
from service.cli.output import write_out
from service.cli.subscribers import EmailAddress
from service.core.addresses import domain_of
from service.core.clock import utc_now
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.settings import Settings
    from service.mail.render import MailRenderer, Reader


def _week(context: click.Context, option: click.Parameter, week: str | None) -> str | None:  # noqa: ARG001
    from service.mail.edition import monday

    try:
        if week:
            monday(week)
    except BadQuestion as error:
        raise click.UsageError(f"--{error}") from error
    return week


@click.command()
@click.option(
    "--week", callback=_week, help="ISO week, such as 2026-W02. Default: the current one."
)
@click.option("--to", type=EmailAddress(), help="Send one copy to this address only.")
@click.option("--dry-run", is_flag=True, help="Send nothing; write the email to files.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the .eml, HTML, text and PNG files; created if missing.",
)
@click.option("--route", default="", help="Route. Default: all enabled routes.")
@pass_settings
def digest(
    settings: Settings,
    week: str | None,
    to: str | None,
    dry_run: bool,
    out: Path | None,
    route: str,
) -> None:
    """Send each route's weekly email, once due, to all who have not had it; or send one copy.

    \b
    Examples:
      crossings digest
      crossings digest --route channel
      crossings digest --week 2026-W02 --to me@example.org
      crossings digest --week 2026-W02 --dry-run --out look
    """
    from service.core.job_runner import JobError
    from service.mail.smtp import MailError, Session
    from service.mail.weekly import digest as job

    context = open_for_command(settings)
    if not (to or dry_run):
        if out:
            raise click.UsageError("--out needs --to or --dry-run")
        for_each_route(context, lambda one: click.echo(job(one, week, at_once=True).reason), route)
        return

    def copy(one: Context) -> None:
        folder = out or Path()
        if not route and len(context.routes) > 1:
            folder /= one.route.name
        try:
            renderer, reader = _copy(one, week, to, dry_run)
            with nullcontext() if dry_run else Session(settings) as session:
                message = renderer.message(reader)
                # A mailbox may drop the second of two emails with one id.
                copy_id = make_msgid("copy", domain_of(message["Message-ID"]))
                message.replace_header("Message-ID", copy_id)
                content = message.as_bytes()
                if out or dry_run:
                    _write(folder, renderer, reader, content)
                sent = session and session.send(reader.address, content)
        except (NoAnswer, MailError) as error:
            raise JobError(str(error)) from error
        if sent and sent.state != "sent":
            raise JobError(f"not sent: the server answered {sent.code}")
        if sent:
            click.echo(f"sent a copy: {renderer.subject}")

    for_each_route(context, copy, route)


def _copy(
    context: Context, week: str | None, to: str | None, dry_run: bool
) -> tuple[MailRenderer, Reader]:
    """Return the renderer of the email of `week`, and the reader of the copy."""
    from service.answers.issue_loader import IssueLoader
    from service.mail import subscriber_store as store
    from service.mail.edition import iso_week
    from service.mail.render import Reader
    from service.mail.weekly import edition_for, renderer_of

    settings = context.settings
    if dry_run:
        settings = _preview_settings(settings)
    with context.database.reading() as connection:
        subscriber = (
            store.find_subscriber(connection, address=to, route=context.route.name) if to else None
        )
    threshold, token = context.route.lead.day_threshold, None
    if subscriber:
        threshold, token = subscriber.threshold, subscriber.token
    loader = IssueLoader(context)
    edition = edition_for(loader, week or iso_week(loader.route, utc_now()))
    reader = Reader(to or "reader@example.org", threshold, token)
    return renderer_of(loader, edition, settings), reader


def _write(out: Path, renderer: MailRenderer, reader: Reader, content: bytes) -> None:
    out.mkdir(parents=True, exist_ok=True)
    week, html = renderer.edition.period, renderer.html(reader)
    for name, png in renderer.charts.items():
        file = f"{week}-{name}.png"
        write_out(out / file, png)
        html = html.replace(f"cid:{renderer.cid(name)}", file)
    texts = {"eml": content, "html": html.encode(), "txt": renderer.text(reader).encode()}
    for form, written in texts.items():
        write_out(out / f"{week}.{form}", written)
    files = f".eml, .html, .txt and .png in {out}"
    click.echo(f"{renderer.subject}\n{len(content):,} bytes; {files}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Send nothing; show what would be sent and to whom.")
@click.option("--route", default="", help="Route. Default: all enabled routes.")
@pass_settings
def warn(settings: Settings, dry_run: bool, route: str) -> None:
    """Decide and send today's early warnings, once a day for each route.

    The scheduler does this automatically.

    \b
    Examples:
      crossings warn
      crossings warn --dry-run
    """
    from service.core.job_runner import JobError
    from service.mail import early_warnings

    def show(context: Context) -> None:
        try:
            mails = early_warnings.preview(replace(context, settings=_preview_settings(settings)))
        except NoAnswer as error:
            raise JobError(str(error)) from error
        for mail in mails:
            text = mail.get_body(("plain",))
            click.echo(f"To: {mail['To']}\nSubject: {mail['Subject']}\n")
            click.echo(text.get_content() if text else "")
        click.echo(f"{len(mails)} would be sent")

    def send(context: Context) -> None:
        click.echo(early_warnings.warn(context, at_once=True).reason)

    for_each_route(open_for_command(settings), show if dry_run else send, route)


def _preview_settings(settings: Settings) -> Settings:
    """Return settings with a sender: previews need no mail settings."""
    sender = settings.mail_from or "digest@example.org"
    return settings.model_copy(update={"mail_from": sender})
