from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import httpx
import psutil
import pytest
from pydantic import SecretStr

from service.cli import run as run_module
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.data import ingest_weather as weather_module
from tests.service.support import (
    ROOT,
    ROUTE,
    command,
    declare_quick_models,
    environment,
    free_port,
    latest_run,
)
from tests.support.sites import act_as_openmeteo
from tests.support.waiting import BOUND, wait_until

Start = Callable[..., "Service"]


def _restore_signals():
    """Restore signals that children of a background shell or of nohup ignore."""
    for number in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Service:
    """A ``crossings`` process, whose output goes to a file."""

    def __init__(self, role, settings, log):
        self.url = f"http://127.0.0.1:{settings['port']}"
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command(role),
                env=environment(**settings),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_restore_signals,
            )

    @property
    def output(self):
        return self.log.read_text("utf-8")

    def wait_for(self, text):
        """Wait until the output contains `text`."""

        def is_printed():
            has_ended = self.process.poll() is not None
            is_found = text in self.output
            assert is_found or not has_ended, self.output
            return is_found

        wait_until(is_printed, text)

    def get(self, path):
        response = httpx.get(self.url + path, timeout=BOUND, trust_env=False)
        return response.status_code, response.text

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number=signal.SIGTERM):
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(BOUND)


@pytest.fixture(name="start")
def start_fixture(tmp_path):
    """Start a role on a free port, with models that are quick to fit."""
    defaults: dict[str, object] = {
        "port": free_port(),
        "var_dir": tmp_path / "var",
        "models_dir": declare_quick_models(tmp_path / "models"),
        "paths": 100,
        "champion_origins": 4,
        "fit_seconds": 0,  # a fit in its own process would load the libraries of every family
    }
    started: list[Service] = []

    def run(role="run", **settings):
        log = tmp_path / f"log-{len(started)}"
        started.append(Service(role, defaults | settings, log))
        return started[-1]

    yield run
    for service in started:
        if service.process.poll() is None:
            for process in [*service.children(), psutil.Process(service.process.pid)]:
                process.kill()
        service.process.wait()


def have_ended(processes):
    return not psutil.wait_procs(processes, timeout=BOUND)[1]


def test_run_publishes_serves_and_stops_cleanly(start, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")  # not used for our own port
    service = start(fit_seconds=300)
    service.wait_for("stop with Ctrl-C")
    for text in ("database  sqlite", "figures   5844 new", "fitting climatology", "forecast  pub"):
        assert text in service.output
    assert f"ready     {service.url}/" in service.output

    assert service.get("/readyz")[0] == 200
    before = utc_now()
    status, body = service.get("/v1/series/people/forecast")
    assert status == 200
    today = {ROUTE.day(before).isoformat(), ROUTE.day(utc_now()).isoformat()}
    assert json.loads(body)["rows"][0]["date"] in today
    assert "<svg" in service.get("/")[1]

    children = service.children()
    assert len(children) >= 3  # the server, its worker, the scheduler
    assert service.stop(signal.SIGINT) == 0
    assert have_ended(children)
    assert "Traceback" not in service.output

    # The second start refits nothing. When one child ends, all end.
    service = start()
    service.wait_for("stop with Ctrl-C")
    assert "fitting" not in service.output
    assert "is current" in service.output
    children = service.children()
    (scheduler,) = [child for child in children if child.cmdline()[-1:] == ["scheduler"]]
    scheduler.kill()
    assert service.process.wait(BOUND) == 1
    service.wait_for("Error: the scheduler process ended with status -9")
    assert have_ended(children)


def test_run_stops_during_a_fit(start, tmp_path):
    models = declare_quick_models(tmp_path / "models")
    (models / "prophet.toml").write_text('family = "prophet"\n')
    service = start(fit_seconds=300)
    service.wait_for("fitting prophet")
    # The fork server, its resource tracker and the fit.
    wait_until(lambda: len(service.children()) >= 3, "the fit has started")
    children = service.children()
    assert service.stop(signal.SIGINT) == 0, service.output
    assert have_ended(children)
    assert "refit was stopped before it was done" in service.output
    assert "is left out" not in service.output
    assert "Traceback" not in service.output


def test_port_in_use_stops_before_any_work(crossings, tmp_path):
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


def test_scheduler_stops_during_a_job(start, filled):
    service = start("scheduler", var_dir=filled.settings.var_dir, champion_origins=260)
    service.wait_for("next at")
    wait_until(lambda: latest_run(filled, "compare"), "the comparison starts")
    assert service.stop() == 0, service.output
    assert latest_run(filled, "compare").outcome == "stopped"


def test_server_without_a_forecast_is_live_but_not_ready(start, filled):
    service = start("serve", var_dir=filled.settings.var_dir, workers=2)

    def check_readiness():
        assert service.process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            return service.get("/readyz")
        return None

    status, body = wait_until(check_readiness, "the server responds")
    assert status == 503
    assert json.loads(body)["detail"].startswith("nothing is published yet")
    assert service.get("/livez")[0] == 200
    # The first worker may respond before the second is started.
    wait_until(lambda: len(service.children()) == 2, "both workers are started")
    children = service.children()
    assert service.stop() == 0
    assert have_ended(children)


def test_run_starts_while_the_source_is_down_and_children_end_with_it(start):
    service = start(source="declared", govuk_url="http://127.0.0.1:9", fetch_attempts=1)
    service.wait_for("stop with Ctrl-C")
    assert "figures   5844 new" in service.output
    service.wait_for("GOV.UK could not be reached; the figures read before are served")
    # The log line precedes the end of the run.
    wait_until(lambda: "ingest_failed" in service.get("/v1/status")[1], "the status reports it")
    assert service.output.count("could not be reached") == 1
    # SIGKILL: no handler can stop the children.
    children = service.children()
    assert len(children) >= 3
    service.process.kill()
    service.process.wait(BOUND)
    assert have_ended(children)


def test_run_reads_weather_unless_it_is_recent(reader, sites, monkeypatch, capsys):
    with pytest.raises(JobError):  # which is no reason not to start
        run_module._weather(reader)
    assert capsys.readouterr().out == f"weather   {run_module.FREE_WEATHER}\n"
    today = ROUTE.day(utc_now())
    monkeypatch.setattr(weather_module, "_BEGIN", today - dt.timedelta(days=20))
    act_as_openmeteo(sites, today)
    assert "weather: ensemble, archive, waves stored" in run_module._weather(reader)
    number = len(sites.requests)
    capsys.readouterr()
    with_key = reader.settings.model_copy(update={"weather_key": SecretStr("k")})
    recent = run_module._weather(Context(with_key, reader.database))
    assert recent == "read in the last 12 hours"
    off = reader.settings.model_copy(update={"weather": "off"})
    assert run_module._weather(Context(off, reader.database)) == "off"
    assert (len(sites.requests), capsys.readouterr().out) == (number, "")


def test_child_ends_when_its_input_closes():
    script = "from service.cli import run; import signal; run.exit_with_stdin(); signal.pause()"
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=read_end, env=environment(), cwd=ROOT
    )
    os.close(read_end)
    os.write(write_end, b"input alone does not end it")
    assert child.poll() is None
    os.close(write_end)
    assert child.wait(BOUND) == -signal.SIGTERM
