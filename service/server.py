"""gunicorn, set up by our settings."""

from __future__ import annotations

__all__ = ["Worker", "serve"]

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from service.api.limits import require_store
from service.api.spans import require_extra
from service.context import open_context
from service.settings import Settings

_ASK_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_LINGER_SECONDS = 1.0
_LINE_BYTES, _FIELDS, _FIELD_BYTES = 4094, 50, 4096
_WRONG = {
    414: f"expected a request line of at most {_LINE_BYTES} bytes",
    417: "expected no Expect but 100-continue",
    431: f"expected at most {_FIELDS} headers of at most {_FIELD_BYTES} bytes each",
    500: "an unexpected error, which has been logged",
    501: "expected no transfer coding but chunked",
}


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that no reader can hold for ever.

    gunicorn waits without end for the rest of a request that has begun, and for a reader who does
    not read: as many such connections as there are threads would silence the service.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._deadlines: dict[Any, float] = {}
        super().__init__(*arguments, **options)

    def handle(self, conn: Any) -> Any:
        """Read a request and answer it."""
        self._deadlines[conn] = time.monotonic() + _ASK_SECONDS
        try:
            return super().handle(conn)
        finally:
            self._deadlines.pop(conn, None)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request that has been read."""
        self._deadlines[conn] = time.monotonic() + _ANSWER_SECONDS
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        """Refuse what is no request, as problem details like every other error."""
        said = _Said()
        super().handle_error(req, said, addr, exc)  # which knows the status, and logs
        if said.status is None:
            return
        with contextlib.suppress(OSError):
            util.write_nonblock(client, _problem(said.status))
            # Closed with something unread, the connection would take the answer along.
            client.shutdown(socket.SHUT_WR)
            client.settimeout(0.1)
            deadline = time.monotonic() + _LINGER_SECONDS
            while time.monotonic() < deadline and client.recv(65_536):
                pass

    def murder_keepalived(self, *arguments: Any, **options: Any) -> None:
        """End what took too long; the main loop calls this every second."""
        super().murder_keepalived(*arguments, **options)
        now = time.monotonic()
        for conn, deadline in list(self._deadlines.items()):
            if now > deadline:
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)


class _Said:
    """Takes the answer that gunicorn would give, in the place of a socket."""

    def __init__(self) -> None:
        self.status: int | None = None

    def gettimeout(self) -> float:
        """As of a socket that does not wait."""
        return 0.0

    def sendall(self, content: bytes) -> None:
        """Keep the status."""
        self.status = int(content.split(None, 2)[1])


def _problem(status: int) -> bytes:
    """An answer to something that could not be read, and so is told nothing of what it asked."""
    title = HTTPStatus(status).phrase
    said = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": _WRONG.get(status, "expected a request as RFC 9112 has it"),
        "instance": "",
    }
    body = json.dumps(said).encode()
    head = (
        f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Log(Logger):  # type: ignore[misc]
    """What gunicorn says goes where all else goes, and in its form."""

    def setup(self, cfg: Any) -> None:
        """Leave the writing to the root logger."""
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(cfg.loglevel.upper())


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, make: Callable[[Settings], Any]) -> None:
        self.settings = settings
        self.make = make
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": self.settings.bind,
            "workers": self.settings.workers,
            "threads": self.settings.threads,
            "worker_class": "service.server.Worker",
            "timeout": 30,
            "graceful_timeout": 10,
            "keepalive": 5,
            "loglevel": "warning",
            "logger_class": _Log,
            "control_socket_disable": True,
            "child_exit": _forget,
            # A request line and headers larger than any of ours are refused at once.
            "limit_request_line": _LINE_BYTES,
            "limit_request_fields": _FIELDS,
            "limit_request_field_size": _FIELD_BYTES,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the application in the worker: database connections do not survive a fork."""
        return self.make(self.settings)


def serve(settings: Settings, make: Callable[[Settings], Any] | None = None) -> None:
    """Serve until told to stop.

    Parameters
    ----------
    make : callable
        Makes the WSGI application in each worker; ours unless given.
    """
    require_extra(settings)
    require_store(settings)
    with _counting_together():
        # Before the fork, so that the workers share what is loaded; after the folder is set, which
        # the library of the metrics looks for when it is loaded.
        from service.app import create_app

        _Server(settings, make or (lambda own: create_app(open_context(own)))).run()


@contextlib.contextmanager
def _counting_together() -> Iterator[None]:
    """A private folder in which the workers count requests, so that any of them knows the sum."""
    ours = os.getpid()
    folder = tempfile.mkdtemp(prefix="crossings-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield
    finally:
        if os.getpid() == ours:  # a worker leaves by this way too
            shutil.rmtree(folder, ignore_errors=True)


def _forget(server: Any, worker: Any) -> None:  # noqa: ARG001
    from service.api.metrics import forget_worker

    forget_worker(worker.pid)
