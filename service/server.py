"""granian with our settings; a client with an unfinished request occupies no thread."""

from __future__ import annotations

__all__ = ["serve"]

import asyncio
import contextlib
import gc
import io
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from service.api.limits import Limits
from service.api.middleware import LARGEST_BODY_BYTES
from service.core.processes import end_with_parent
from service.core.settings import Settings, SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_HEADER_MILLISECONDS = 10_000
_HEADER_BYTES = 64 * 1024
_BODY_SECONDS = 10.0
_STOP_SECONDS = 10
# Its lines go to the root logger, for a common format.
_LOGGING: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}},
}


def serve(settings: Settings, make: Callable[[Settings], Any] | None = None) -> None:
    """Serve until stopped by a signal; SIGHUP replaces the workers one by one.

    `make` makes the WSGI application in each worker; default: ours.
    """
    Limits(settings)  # raises here, not in the workers
    if settings.tracing == "otlp" and find_spec("opentelemetry") is None:
        raise SettingsError("CROSSINGS_TRACING: expected the extra `otel` to be installed")
    with _shared_metrics(settings.bind):
        # Load before the fork, so that the workers share memory, but after setting the folder that
        # the metrics library reads on import.
        from service.app import create_app
        from service.core.context import open_context

        def load() -> Any:
            # In the worker: database connections do not survive a fork.
            app = make(settings) if make else create_app(open_context(settings))
            end_with_parent()  # else the next server could not bind the address
            gc.freeze()  # a full collection would walk all modules while readers wait
            return _Gateway(app, settings.threads)

        _server(settings).serve(target_loader=load, wrap_loader=False)


def _server(settings: Settings) -> MPServer:
    return MPServer(
        "crossings",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_MILLISECONDS, max_buffer_size=_HEADER_BYTES
        ),
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
    )


class _Gateway:
    """Collects a request on the event loop before passing it to a thread.

    granian calls a WSGI application before the body has arrived, and reads it without a time limit.
    """

    def __init__(self, app: WSGIApplication, threads: int) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, "web")

    def __rsgi_del__(self, loop: Any) -> None:
        """Send the last spans, as workers end without the interpreter's exit hooks."""
        provider = getattr(self._app, "extensions", {}).get("tracer_provider")
        if provider:
            provider.shutdown()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        environ = _environ(scope)
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    body = await _body(environ, protocol)
            except TimeoutError:
                text = f"expected the whole body within {_BODY_SECONDS:g} s\n"
                headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
                protocol.response_str(408, headers, text)
                return
            environ["wsgi.input"] = io.BytesIO(body)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, self._answer, environ, protocol)

    def _answer(self, environ: dict[str, Any], protocol: Any) -> None:
        head: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:  # noqa: ARG001
            head[:] = int(status[:3]), headers

        parts = self._app(environ, start)
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        protocol.response_bytes(*head, body)


async def _body(environ: dict[str, Any], protocol: Any) -> bytes:
    """Read the body, but no more than needed to reject it as too large."""
    length = environ.get("CONTENT_LENGTH", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
        return b""
    body = bytearray()
    async for part in protocol:
        body += part
        if len(body) > LARGEST_BODY_BYTES:
            break
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # decoded; the application sees a length
    environ["CONTENT_LENGTH"] = str(len(body))
    return bytes(body)


def _environ(scope: Any) -> dict[str, Any]:
    """Return what Flask reads of a PEP 3333 environ, without a body."""
    server, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
    }
    for name, value in scope.headers.items():
        if "_" in name:  # could imitate a name with a hyphen
            continue
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


@contextlib.contextmanager
def _shared_metrics(bind: str) -> Iterator[None]:
    """Create a private folder where the workers count requests, so that each can report the sum.

    It is named after the address `bind`, so that the next server removes what a killed one left.
    Its end is random: others may write to the same place, and must not foresee it.
    """
    name = re.sub(r"[^\w.]", "-", f"crossings-metrics-{os.getuid()}-{platform.node()}-{bind}-")
    # In memory unless TMPDIR is set: a mapped page on a full disk kills the process.
    memory = Path("/dev/shm")
    is_memory = "TMPDIR" not in os.environ and os.access(memory, os.W_OK)
    place = memory if is_memory else Path(tempfile.gettempdir())
    for stale in place.glob(f"{name}????????"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=name, dir=place)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
