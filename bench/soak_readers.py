"""Those who read all the while, and the web server that they ask."""

from __future__ import annotations

import http.client
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psutil

from bench.soak_time import Hand, take_over
from service.settings import PROJECT, Settings, load
from tests.service.support import as_environment

_PATHS = (
    "/",
    "/record",
    "/v1/status",
    "/v1/series/people/forecast",
    "/v1/series/boats/forecast",
    "/v1/series/people/totals",
    "/v1/series/people/briefing",
    "/v1/series/people/exceedance?threshold=300",
    "/v1/series/people/capacity?stay_days=4",
    "/v1/series/people/quiet",
    "/v1/series/people/issues",
    "/v1/series/people/track-record",
    "/v1/series/people/observations?from=2025-10-01",
)
_PAUSE = 0.2


@contextmanager
def web(settings: Settings, hand: Hand) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Our web server under gunicorn, told the time by `hand`; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = as_environment(settings) | {"CROSSINGS_PORT": str(port), "SOAK_CLOCK": str(hand.file)}
    server = subprocess.Popen([sys.executable, "-m", "bench.soak_readers"], env=env, cwd=PROJECT)
    try:
        for _ in range(300):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.1)
        yield port, server
    finally:
        server.terminate()
        server.wait(20)


class Readers:
    """Threads that ask one question after the other, and keep count."""

    def __init__(self, where: tuple[int, subprocess.Popen[bytes]], count: int) -> None:
        self.answers: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.broken: list[str] = []
        self.memory: list[tuple[float, float]] = []
        self._port, self._server = where
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._read, args=(number,), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let them finish what they asked."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def weigh(self) -> None:
        """Note the memory of the largest web worker, and of the process that does the jobs; MB."""
        workers = psutil.Process(self._server.pid).children(recursive=True)
        largest = max((each.memory_info().rss for each in workers), default=0)
        self.memory.append((largest / 1e6, psutil.Process().memory_info().rss / 1e6))

    def _read(self, number: int) -> None:
        choose = random.Random(number)
        tags: dict[str, str] = {}
        while not self._stop.wait(choose.uniform(0, 2 * _PAUSE)):
            path = choose.choice(_PATHS)
            has = path in tags and choose.random() < 0.5
            headers = {"If-None-Match": tags[path]} if has else {}
            began = time.perf_counter()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.broken.append(f"{path}: {error!r}")
                continue
            tags[path] = answer.headers.get("ETag", "")
            with self._lock:
                self.answers[answer.status] += 1
                self.seconds.append(time.perf_counter() - began)
                if answer.status not in (200, 304):
                    self.broken.append(f"{path}: {answer.status} {body[:200]!r}")


def _serve() -> None:
    from service.app import create_app
    from service.context import open_context
    from service.server import serve

    hand = Hand(Path(os.environ["SOAK_CLOCK"]))
    with take_over(hand):
        serve(load(), lambda settings: create_app(open_context(settings), hand))


if __name__ == "__main__":
    _serve()
