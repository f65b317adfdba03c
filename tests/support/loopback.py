"""A web server on loopback that stands in for external sites."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.waiting import BOUND


class QuietHandler(BaseHTTPRequestHandler):
    """Does not log."""

    def log_message(self, *_: object) -> None:
        pass


class Loopback(ThreadingHTTPServer):
    """A threaded server; ignores clients that disconnect."""

    daemon_threads = True

    def __init__(
        self, handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__((host, port), handler)
        self.host = f"{host}:{self.server_address[1]}"

    def begin(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def run_raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Pass each connection to `talk`; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    talk(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(BOUND)
