"""``crossings run`` and its child processes: serve and scheduler."""

from __future__ import annotations

__all__ = ["CHILD", "exit_with_stdin", "run", "scheduler", "serve"]

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import click

from service.cli.options import (
    count_models,
    exit_status,
    open_for_command,
    pass_context,
    pass_settings,
)
from service.cli.output import fit_progress
from service.core.context import Context

if TYPE_CHECKING:
    from service.core.settings import Settings

CHILD = "--end-with-input"
"""Option of a child process that ends when its standard input closes.

The parent holds the other end of the pipe; the system closes it however the parent dies.
"""
_READY_SECONDS = 60
_STOP_SECONDS = 15
_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FREE_WEATHER = (
    "from Open-Meteo without a key, for non-commercial use only; CROSSINGS_WEATHER=off reads none"
)


@click.command()
@pass_settings
def run(settings: Settings) -> None:
    """Migrate, ingest, fit, publish, serve and schedule until stopped.

    Starts with the embedded figures, then reads newer ones unless CROSSINGS_SOURCE is figures.

    \b
    Examples:
      crossings run
      CROSSINGS_PORT=8080 crossings run
    """
    with contextlib.suppress(KeyboardInterrupt):
        _handle_signals()
        _require_free_port(settings)
        _serve(open_for_command(settings))


@click.command()
@pass_settings
def serve(settings: Settings) -> None:
    """Serve the API and the pages only.

    \b
    Example:
      CROSSINGS_PORT=8080 crossings serve
    """
    from service.server import serve

    _require_free_port(settings)
    open_for_command(settings).database.close()  # migrate once, before the workers start
    serve(settings)


@click.command()
@pass_context()
def scheduler(context: Context) -> None:
    """Run scheduled jobs until stopped. One such process is enough.

    \b
    Example:
      crossings scheduler
    """
    from service.scheduler.scheduler import run

    run(context)


def _require_free_port(settings: Settings) -> None:
    """Fail before the fits, not after, if the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = "choose another with CROSSINGS_HOST and CROSSINGS_PORT"
        raise click.ClickException(f"{settings.bind}: {reason}; {hint}") from error


def exit_with_stdin() -> None:
    """End this process as SIGTERM does once its standard input closes."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_STOP_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _prepare(context: Context, serve: Callable[[str], object]) -> None:
    """Read the figures and publish; call `serve` with a series as soon as one has a forecast.

    Raises the last failure only if there is no forecast to serve.
    """
    from service.answers.issue_loader import IssueLoader
    from service.answers.status import published_series
    from service.core.job_runner import run_in_parallel

    errors: list[Exception] = []
    if series := published_series(IssueLoader(context)):
        serve(series)
    served = ", the last forecast is served" if series else ""

    def prepare(one: Context) -> None:
        of = f" for {one.route.name}" if len(context.routes) > 1 else ""
        for name, work in (("figures", _ingest), ("forecast", _refit)):
            try:
                _print(f"{name:10}{work(one)}")
            except Exception as error:
                if exit_status(error) is None:
                    raise
                errors.append(error)
                _print(f"{name:10}not updated{of}{served}: {error}", err=True)

    for _, result in run_in_parallel(context, prepare):
        if isinstance(result, Exception):
            raise result
        if not series and (series := published_series(IssueLoader(context))):
            serve(series)
    if errors and not series:
        raise errors[-1]


def _ingest(context: Context) -> str:
    """Store the embedded figures, the base; the scheduler reads newer ones, and the weather."""
    from service.data.ingest import ingest

    return ingest(context, "figures").reason


def _refit(context: Context) -> str:
    from service.issues.refit import refit

    with fit_progress(count_models(context)) as progress:
        return refit(context, progress=progress).reason


def _serve(context: Context) -> None:
    """Start the server and the scheduler as processes; stop both when one ends.

    The server starts as soon as a route has a forecast: a slow fit, a full disk or a broken model
    must not delay readers. The scheduler retries what failed.
    """
    settings = context.settings
    children: dict[str, subprocess.Popen[bytes]] = {}

    def start(role: str) -> None:
        command = [sys.executable, "-m", "service.cli", CHILD, role]
        # Nothing is written to its input, which only closes when this process dies.
        # Own session: Ctrl-C reaches only us, and we pass it on.
        children[role] = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def serve(series: str) -> None:
        start("serve")
        _wait_until_ready(settings, children["serve"])
        _print(
            f"ready     {settings.address}/                 the page\n"
            f"          {settings.address}/v1/status        its status\n"
            f"          {settings.address}/v1/series/{series}/forecast"
        )

    try:
        url = context.database.engine.url.render_as_string(hide_password=True)
        _print(f"database  {url}")
        is_read = any(one.reads_weather for one in context.each_route())
        if is_read and not settings.weather_key.get_secret_value():
            _print(f"weather   {_FREE_WEATHER}")
        _prepare(context, serve)
        context.database.close()
        start("scheduler")
        _print("stop with Ctrl-C")
        while True:
            for role, child in children.items():
                if child.poll() is not None:
                    message = f"the {role} process ended with status {child.returncode}"
                    raise click.ClickException(message)
            time.sleep(0.5)
    finally:
        _stop(list(children.values()))


def _print(text: str, err: bool = False) -> None:
    """Print; a full disk or a closed pipe behind the output is no reason to stop."""
    with contextlib.suppress(OSError):
        click.echo(text, err=err)


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
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        # Directly: a configured proxy cannot reach this machine's ports.
        connection = HTTPConnection(host, settings.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(HTTPException, OSError):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise click.ClickException("the web server did not become ready")


def _handle_signals() -> None:
    """Convert stop signals into one clean shutdown."""

    def stop(*_: object) -> None:
        # Once: a second signal must not interrupt the shutdown.
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt  # no error handler catches it

    for number in _ENDS:
        # Under nohup the end of the terminal is ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
