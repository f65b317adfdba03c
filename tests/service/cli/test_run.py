from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from service.cli import run as run_module
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.data import ingest_weather as weather_module
from tests.service.support import ROOT, ROUTE, Crossings, command, environment, quick_models
from tests.support.sites import Sites, forecast_weather
from tests.support.waiting import BOUND, wait_until

Start = Callable[..., "Service"]


def _heed_signals() -> None:
    """Undo what a shell in the background, or nohup, has all its children ignore."""
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Service:
    """A real ``crossings`` process, and what it says."""

    def __init__(self, role: str, settings: dict[str, object]) -> None:
        self.port = int(str(settings["port"]))
        self.process = subprocess.Popen(
            command(role),
            env=environment(**settings),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_heed_signals,
        )
        self.said: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.listening = threading.Thread(target=self._listen, daemon=True)
        self.listening.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, words: str) -> None:
        """Wait for a line with these words; one that came before another counts too."""
        while not any(words in line for line in self.said):
            line = self._lines.get(timeout=BOUND)
            assert line is not None, "".join(self.said)
            self.said.append(line)

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; gives its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(BOUND)
        while (line := self._lines.get(timeout=BOUND)) is not None:
            self.said.append(line)
        return status


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a role on a free port, over models that are fitted in no time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own: dict[str, object] = {
        "port": port,
        "var_dir": tmp_path / "var",
        "models_dir": quick_models(tmp_path / "models"),
        "paths": 100,
        "champion_origins": 4,
        "fit_seconds": 0,  # a process that fits loads the libraries of every family
    }
    started: list[Service] = []

    def run(role: str = "run", **settings: object) -> Service:
        started.append(Service(role, own | settings))
        return started[-1]

    yield run
    for service in started:
        if service.process.poll() is None:
            for process in [*service.children(), psutil.Process(service.process.pid)]:
                process.kill()
        service.process.wait()
        assert service.process.stdout is not None
        service.listening.join()
        service.process.stdout.close()


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=BOUND)[1]


def test_from_nothing_to_an_answer_and_to_a_clean_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")  # nobody is to ask it
    service = start(fit_seconds=300)
    service.wait_for("stop with Ctrl-C")
    said = "".join(service.said)
    for words in ("database  sqlite", "figures   5844 new", "fitting climatology", "forecast  pub"):
        assert words in said
    assert f"ready     http://127.0.0.1:{service.port}/" in said

    assert service.get("/readyz")[0] == 200
    before = utc_now()
    status, body = service.get("/v1/series/people/forecast")
    assert status == 200
    today = {ROUTE.day(before).isoformat(), ROUTE.day(utc_now()).isoformat()}
    assert json.loads(body)["rows"][0]["date"] in today
    assert "<svg" in service.get("/")[1]

    children = service.children()
    assert len(children) >= 3  # the server, its worker, the scheduler
    status = service.stop(signal.SIGINT)
    assert status == 0
    assert all_gone(children)
    assert "Traceback" not in "".join(service.said)

    # Again: nothing is refitted. When one of its processes ends, all end.
    service = start()
    service.wait_for("stop with Ctrl-C")
    said = "".join(service.said)
    assert "fitting" not in said
    assert "is current" in said
    children = service.children()
    (scheduler,) = [child for child in children if child.cmdline()[-1:] == ["scheduler"]]
    scheduler.kill()
    assert service.process.wait(BOUND) == 1
    service.wait_for("Error: the scheduler process ended with status -9")
    assert all_gone(children)


def test_told_to_stop_in_the_middle_of_a_fit(start: Start, tmp_path: Path) -> None:
    models = quick_models(tmp_path / "models")
    (models / "prophet.toml").write_text('family = "prophet"\n')
    service = start(fit_seconds=300)
    service.wait_for("fitting prophet")
    # The process that forks, its tracker, and the fit itself.
    wait_until(lambda: len(service.children()) >= 3, "the fit is at work")
    children = service.children()
    status = service.stop(signal.SIGINT)
    assert status == 0, "".join(service.said)
    assert all_gone(children)
    said = "".join(service.said)
    assert "refit was stopped before it was done" in said
    assert "is left out" not in said
    assert "Traceback" not in said


def test_a_taken_port_is_one_line_and_no_work(crossings: Crossings, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for role in ("run", "serve"):
            done = crossings(role, port=port)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            expected = f"Error: 127.0.0.1:{port}: Address already in use; choose another"
            assert line.startswith(expected)
            assert not (tmp_path / "var").exists()


def test_an_address_that_is_not_ours_is_one_line(crossings: Crossings) -> None:
    done = crossings("run", host="192.0.2.1")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: 192.0.2.1:8000: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_scheduler_at_work_ends_at_once(start: Start, filled: Context) -> None:
    service = start("scheduler", var_dir=filled.settings.var_dir, champion_origins=260)
    service.wait_for("next at")
    wait_until(lambda: latest(filled, "compare"), "comparing begins")
    status = service.stop()
    assert status == 0, "".join(service.said)
    run = latest(filled, "compare")
    assert run is not None
    assert run.outcome == "stopped"


def latest(context: Context, job: str) -> Any:
    with context.database.reading() as connection:
        return run_store.latest(connection, job)


def test_a_server_alone_waits_for_its_first_issue(start: Start, filled: Context) -> None:
    service = start("serve", var_dir=filled.settings.var_dir, workers=2)

    def answer() -> tuple[int, str] | None:
        assert service.process.poll() is None
        with contextlib.suppress(OSError):
            return service.get("/readyz")
        return None

    found = wait_until(answer, "the server answers")
    assert found is not None
    status, body = found
    assert status == 503
    assert json.loads(body)["detail"].startswith("nothing is published yet")
    assert service.get("/livez")[0] == 200
    # The first worker may answer before the second is started.
    wait_until(lambda: len(service.children()) == 2, "both workers are there")
    children = service.children()
    status = service.stop()
    assert status == 0
    assert all_gone(children)


def test_a_site_that_is_down_does_not_keep_it_from_starting(start: Start) -> None:
    """The embedded figures are served, and one line says that nobody answered."""
    service = start(source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1)
    service.wait_for("stop with Ctrl-C")
    assert "figures   5844 new" in "".join(service.said)
    service.wait_for("GOV.UK could not be reached; the figures read before are served")
    # The log says so just before the row of the run does.
    wait_until(lambda: "ingest_failed" in service.get("/v1/status")[1], "the status says so too")
    assert "".join(service.said).count("could not be reached") == 1
    # It is killed, so that no handler of its own can end its children.
    children = service.children()
    assert len(children) >= 3
    service.process.kill()
    service.process.wait(BOUND)
    assert all_gone(children)


def test_the_weather_is_read_at_the_start_and_never_keeps_it_from_starting(
    reader: Context, sites: Sites, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run_module._weather(reader)
    said = capsys.readouterr()
    assert said.err.startswith("weather   not read: ")
    assert said.out == f"weather   {run_module.FREE_WEATHER}\n"
    today = ROUTE.day(utc_now())
    monkeypatch.setattr(weather_module, "_BEGIN", today - dt.timedelta(days=20))
    forecast_weather(sites, today)
    run_module._weather(reader)
    said = capsys.readouterr().out
    assert "weather: ensemble, archive, waves stored" in said
    asked = len(sites.asked)
    keyed = reader.settings.model_copy(update={"weather_key": SecretStr("k")})
    run_module._weather(Context(keyed, reader.database))  # read lately, and nothing to say
    off = reader.settings.model_copy(update={"weather": "off"})
    run_module._weather(Context(off, reader.database))
    assert (len(sites.asked), capsys.readouterr().out) == (asked, "")
