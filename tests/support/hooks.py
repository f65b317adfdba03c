"""A local server that takes what is posted to it, and misbehaves on demand."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.loopback import Loopback, QuietHandler


@dataclass(frozen=True)
class Posted:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


STALL = 0
"""In the place of a status: no answer at all."""


class Hook:
    """`statuses` are worked off, the last one stays; what came is in `posted`."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.statuses = [204]
        self.posted: list[Posted] = []
        self._stop = threading.Event()
        hook = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                hook.posted.append(Posted(self.path, headers, self.rfile.read(length)))
                statuses = hook.statuses
                status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
                if status == STALL:
                    hook._stop.wait(20)
                    return
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{hook.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = Loopback(Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{self._server.host}"
        self._server.begin()

    def close(self) -> None:
        self._stop.set()
        self._server.end()


@contextlib.contextmanager
def hooked(tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A server for as long as the block lasts."""
    hook = Hook(tls)
    try:
        yield hook
    finally:
        hook.close()
