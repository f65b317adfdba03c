"""A web server on loopback that stands in for external sites."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.waiting import BOUND


class QuietHandler(BaseHTTPRequestHandler):
    """Does not log."""

    def log_message(self, *_):
        pass


class Loopback(ThreadingHTTPServer):
    """A threaded server; ignores clients that disconnect."""

    daemon_threads = True

    def __init__(self, handler, host="127.0.0.1", port=0):
        super().__init__((host, port), handler)
        self.host = f"{host}:{self.server_address[1]}"

    def begin(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        pass


@contextmanager
def run_raw_server(talk):
    """Pass each connection to `talk`; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
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
