"""The commands that send email: digest and warn."""

from __future__ import annotations

__all__ = ["digest", "warn"]

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import each_route, pass_context, route_option, run_each_route
from service.core.clock import utc_now
from service.core.context import Context
from service.core.files import write_atomically

if TYPE_CHECKING:
    from email.message import EmailMessage


@click.command()
@click.option("--week", help="ISO week of a copy, such as 2026-W02. Default: the current one.")
@click.option("--to", help="Send one copy to this address only.")
@click.option("--dry-run", is_flag=True, help="Send nothing; write the email to files.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the .eml, HTML, text and PNG files; created if missing.",
)
@route_option
@pass_context()
def digest(
    context: Context,
    week: str | None,
    to: str | None,
    dry_run: bool,
    out: Path | None,
    route: str,
) -> None:
    """Send each route's last due weekly email to all who have not had it; or send one copy.

    \b
    Examples:
      crossings digest
      crossings digest --route channel
      crossings digest --week 2026-W02 --to me@example.org
      crossings digest --week 2026-W02 --dry-run --out look
    """
    from service.core.addresses import clean_address
    from service.mail import weekly
    from service.mail.edition import iso_week, monday

    if out and not dry_run:
        raise click.UsageError("--out needs --dry-run")
    if week:
        if not (to or dry_run):
            raise click.UsageError("--week needs --to or --dry-run")
        monday(week)  # raises an error before any run
    address = clean_address(to) if to else "reader@example.org"

    def work(one: Context) -> str:
        chosen = week or iso_week(one.route, utc_now())
        if dry_run:
            several = len(context.routes) > 1
            folder = (out or Path()) / (one.route.name if several else "")
            return _write_preview(folder, chosen, weekly.copy_for(_preview(one), chosen, address))
        if to:
            return _send_copy(one, chosen, address)
        return weekly.digest(one, at_once=True).reason

    run_each_route(context, work, route)


def _preview(context: Context) -> Context:
    """Return a context with a sender: previews need no mail settings."""
    sender = context.settings.mail_from or "digest@example.org"
    return replace(context, settings=context.settings.model_copy(update={"mail_from": sender}))


def _send_copy(context: Context, week: str, address: str) -> str:
    from service.mail.smtp import MailError, Session
    from service.mail.weekly import copy_for

    with Session(context.settings) as session:
        message = copy_for(context, week, address)
        sent = session.send(address, message.as_bytes())
    if sent.state != "sent":
        raise MailError(f"not sent: the server answered {sent.code}")
    return f"sent a copy: {message['Subject']}"


def _write_preview(folder: Path, week: str, message: EmailMessage) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    html, text = (
        body.get_content() if (body := message.get_body((kind,))) else ""
        for kind in ("html", "plain")
    )
    for part in message.walk():
        if part.get_content_maintype() == "image":
            file = f"{week}-{str(part.get_filename()).removeprefix('chart-')}"
            png: Any = part.get_payload(decode=True)
            write_atomically(folder / file, png)
            html = html.replace(f"cid:{part['Content-ID'].strip('<>')}", file)
    content = message.as_bytes()
    texts = {"eml": content, "html": html.encode(), "txt": text.encode()}
    for form, written in texts.items():
        write_atomically(folder / f"{week}.{form}", written)
    files = f".eml, .html, .txt and .png in {folder}"
    return f"{message['Subject']}\n{len(content):,} bytes; {files}"


@click.command()
@click.option("--dry-run", is_flag=True, help="Send nothing; show what would be sent and to whom.")
@route_option
@each_route()
def warn(context: Context, dry_run: bool) -> str:
    """Decide and send today's early warnings, once a day for each route.

    The scheduler does this automatically.

    \b
    Examples:
      crossings warn
      crossings warn --dry-run
    """
    from service.mail import early_warnings

    if not dry_run:
        return early_warnings.warn(context, at_once=True).reason
    mails = early_warnings.preview(_preview(context))
    for mail in mails:
        text = mail.get_body(("plain",))
        click.echo(f"To: {mail['To']}\nSubject: {mail['Subject']}\n")
        click.echo(text.get_content() if text else "")
    return f"{len(mails)} would be sent"
