"""``crossings run``: everything, on a fresh machine, with one command."""

from __future__ import annotations

__all__ = ["run"]

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import FrameType

import click

from service.cli.progress import fitting
from service.context import Context, open_context
from service.settings import Settings

_READY_SECONDS = 60
_STOP_SECONDS = 15


class _Stopped(BaseException):
    """The process was told to stop; no handler of errors on the way may keep it from that."""


@click.command()
@click.pass_obj
def run(settings: Settings) -> int:
    """Migrate, ingest, fit, publish, serve, and schedule, until stopped.

    \b
    Examples:
      crossings run
      CROSSINGS_PORT=8080 crossings run
    """
    with contextlib.suppress(_Stopped), _stoppable():
        _require_free(settings)
        context = open_context(settings)
        _prepare(context)
        context.database.close()
        return _serve(settings)
    return 0


def _prepare(context: Context) -> None:
    from forecast.specs import published
    from service.jobs.ingest import ingest
    from service.jobs.refit import refit
    from service.registry import declared

    click.echo(f"database  {context.database.engine.url.render_as_string(hide_password=True)}")
    click.echo(f"figures   {ingest(context).reason}")
    with fitting(len(published(declared(context.settings.models_dir)))) as progress:
        outcome = refit(context, progress=progress)
    click.echo(f"forecast  {outcome.reason}")


def _serve(settings: Settings) -> int:
    """Start the server and the scheduler as processes; stop both when one ends."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for role in ("serve", "scheduler"):
            # A session of their own: Ctrl-C reaches us alone, and we pass it on.
            children[role] = subprocess.Popen(
                [sys.executable, "-m", "service.cli", role], start_new_session=True
            )
        _wait_until_ready(settings, children["serve"])
        click.echo(
            f"ready     {settings.address}/                 the page\n"
            f"          {settings.address}/v1/status        how it is\n"
            f"          {settings.address}/v1/series/people/forecast\n"
            "stop with Ctrl-C"
        )
        sys.stdout.flush()
        while True:
            for role, child in children.items():
                if child.poll() is not None:
                    message = f"the {role} process ended with status {child.returncode}"
                    raise click.ClickException(message)
            time.sleep(0.5)
    finally:
        _stop(list(children.values()))


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(settings: Settings, server: subprocess.Popen[bytes]) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "") else settings.host
    host = f"[{host}]" if ":" in host else host
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{host}:{settings.port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise click.ClickException("the web server did not become ready")


def _require_free(settings: Settings) -> None:
    """Find out before the fits, not after, that the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise click.ClickException(
                f"{settings.host}:{settings.port}: {os.strerror(error.errno or 0)}; "
                "choose another port with CROSSINGS_PORT"
            ) from error


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into one orderly way out, at any moment."""

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        # Once: a second signal must not cut the stopping short.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise _Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    yield
