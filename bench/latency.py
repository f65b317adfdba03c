"""Latency of the service, beside a bare Flask route on the same server.

Needs wrk, the load generator in C. The service runs on loopback with its own settings but without
rate limits. 50 clients request each path, in turns with a bare Flask route of the same size: the
median ratio can be compared between machines.

    python bench/latency.py --seconds 30 --workers 2
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
CROSSINGS = [sys.executable, "-m", "service.cli"]
BASE = "/v1/series/people"
PATHS = (f"{BASE}/forecast", f"{BASE}/totals", f"{BASE}/exceedance", f"{BASE}/panel", "304")
CLIENTS, ROUNDS = 50, 6
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def main() -> None:
    """Start both servers, send the requests, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("seconds", 30), ("workers", 2), ("threads", 4), ("port", 8510)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--var-dir", help="folder of a published database")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        _serve_bare()
        return
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; the system's package manager has it")
    with tempfile.TemporaryDirectory() as folder:
        env = _environment(folder, options)
        if options.var_dir is None:
            for job in ("ingest", "refit"):
                subprocess.run([*CROSSINGS, job], env=env, cwd=ROOT, check=True)
        other = env | {"CROSSINGS_PORT": str(options.port + 1)}
        bare = _running([sys.executable, __file__, "--bare"], other)
        with _running([*CROSSINGS, "serve"], env) as ours, bare:
            _measure(options, ours.pid)


def _measure(options: argparse.Namespace, pid: int) -> None:
    base, bare = (f"http://127.0.0.1:{options.port + at}" for at in (0, 1))
    _wrk(base + PATHS[0], 2)
    before, n_requests = _memory(pid), 0
    print(f"{options.workers} workers, {options.threads} threads, {CLIENTS} clients, ", end="")
    print(f"{options.seconds} s each in {ROUNDS} rounds; load before: {os.getloadavg()[0]:.1f}\n")
    print(
        "| request | bytes | bare, 1/s | ours, 1/s | ratio | p50, ms | p99, ms |\n|" + " --- |" * 7
    )
    for path in PATHS:
        url, header = base + (PATHS[0] if path == "304" else path), ""
        with urllib.request.urlopen(url) as answer:
            size = len(answer.read())
            if path == "304":
                size, header = 0, f"If-None-Match: {answer.headers['ETag']}"
        # In turns, so that other work on the machine affects both alike.
        each = max(options.seconds // ROUNDS, 1)
        rounds = [
            (_wrk(f"{bare}/{size}", each)[0], *_wrk(url, each, header)) for _ in range(ROUNDS)
        ]
        plain, rate, p50, p99 = map(median, zip(*rounds, strict=True))
        ratio = median(ours / bare_rate for bare_rate, ours, _, _ in rounds)
        n_requests += int(sum(ours for _, ours, _, _ in rounds) * each)
        name = path.rpartition("/")[2]
        print(f"| {name} | {size:,} | {plain:,.0f} | {rate:,.0f} | {ratio:.2f} ", end="")
        print(f"| {p50:.1f} | {p99:.1f} |", flush=True)
    print(f"\nmemory of a worker: {before} MB, after {n_requests:,} requests {_memory(pid)} MB")


def _wrk(url: str, seconds: int, header: str = "") -> tuple[float, float, float]:
    """Requests per second, and the 50th and 99th percentile in milliseconds."""
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", url]
    command += ["-H", header] if header else []
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None or ("Non-2xx" in output and not header):
        sys.exit(f"{url} did not answer as it should:\n{output}")
    percentiles = re.findall(r"(?:50|99)%\s+([\d.]+)([mu]?s)", output)
    p50, p99 = (float(number) * _MILLISECONDS[unit] for number, unit in percentiles)
    return float(rate[1]), p50, p99


def _memory(pid: int) -> float:
    """Resident memory in MB of the largest worker."""
    command = ["ps", "--ppid", str(pid), "-o", "rss="]
    children = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return round(max(map(int, children)) / 1024, 1) if children else 0.0


@contextmanager
def _running(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server during the block, which starts once it answers."""
    server = subprocess.Popen(command, env=env, cwd=ROOT)
    try:
        for _ in range(300):
            try:
                url = f"http://127.0.0.1:{env['CROSSINGS_PORT']}/livez"
                urllib.request.urlopen(url, timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit(f"nothing answers at port {env['CROSSINGS_PORT']}")
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)


def _serve_bare() -> None:
    from flask import Flask

    from service.core.settings import Settings, load_settings
    from service.server import serve

    def make(settings: Settings) -> Flask:  # noqa: ARG001
        app = Flask("bare")
        app.add_url_rule("/<int:size>", "constant", functools.cache(lambda size: b"x" * size))
        app.add_url_rule("/livez", "livez", lambda: "alive")
        return app

    serve(load_settings(), make)


def _environment(folder: str, options: argparse.Namespace) -> dict[str, str]:
    """Return the environment of both servers: ours, with these settings of the service only."""
    settings = {name: getattr(options, name.lower()) for name in ("PORT", "WORKERS", "THREADS")}
    settings |= {"SOURCE": "figures", "RATE_PER_ADDRESS": "", "LOG_LEVEL": "WARNING"}
    settings |= {"VAR_DIR": options.var_dir or folder, "FITTED_DIR": f"{folder}/fitted"}
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("CROSSINGS_")
    }
    given = {f"CROSSINGS_{name}": str(value) for name, value in settings.items()}
    return inherited | {"PYTHONPATH": str(ROOT)} | given


if __name__ == "__main__":
    main()
