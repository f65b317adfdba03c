"""``crossings run``, serve and scheduler as processes; and a first start with two routes."""

import contextlib
import json
import os
import signal
import socket

import psutil

from service.app import create_app
from service.cli import run as run_module
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.settings import Settings
from service.issues import fit_task
from service.issues.hindcast import replay
from tests.service.support import ROUTE, declare_quick_models, latest_run
from tests.support.waiting import BOUND, wait_until


def test_run_starts_while_the_source_is_down_and_stops_cleanly(start, monkeypatch):
    down = {"source": "declared", "govuk_url": "http://127.0.0.1:9", "fetch_attempts": 1}
    down |= {"weather": "openmeteo", "weather_url": "http://127.0.0.1:9/{service}"}
    service = start(**down, fit_seconds=300)
    service.wait_for("stop with Ctrl-C")
    for text in ("database  sqlite", "figures   5844 new", "fitting climatology", "forecast  pub"):
        assert text in service.output
    assert "weather   from Open-Meteo without a key, for non-commercial use only" in service.output
    assert f"ready     {service.url}/" in service.output

    assert service.get("/readyz")[0] == 200
    before = utc_now()
    status, body = service.get("/v1/series/people/forecast")
    assert status == 200
    today = {ROUTE.day(before).isoformat(), ROUTE.day(utc_now()).isoformat()}
    assert json.loads(body)["rows"][0]["date"] in today
    assert "<svg" in service.get("/")[1]

    service.wait_for("GOV.UK could not be reached; the figures read before are served")
    # The log line precedes the end of the run.
    wait_until(lambda: "ingest_failed" in service.get("/v1/status")[1], "the status reports it")
    assert service.output.count("GOV.UK could not be reached") == 1
    assert len(service.children()) >= 3  # the server, its worker, the scheduler
    service.stop(signal.SIGINT)

    # The second start refits nothing. No handler can stop the children of a killed process.
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")  # not used for our own port
    service = start()
    service.wait_for("stop with Ctrl-C")
    assert "fitting" not in service.output
    assert "is current" in service.output
    children = service.children()
    assert len(children) >= 3
    service.process.kill()
    service.process.wait(BOUND)
    assert not psutil.wait_procs(children, timeout=BOUND)[1]


def test_run_stops_during_a_fit(start, tmp_path):
    models = declare_quick_models(tmp_path / "models")
    (models / "prophet.toml").write_text('family = "prophet"\n')
    service = start(fit_seconds=300)
    service.wait_for("fitting prophet")
    # The fork server, its resource tracker and the fit.
    wait_until(lambda: len(service.children()) >= 3, "the fit has started")
    service.stop(signal.SIGINT)
    assert "refit was stopped before it was done" in service.output
    assert "is left out" not in service.output


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
    service = start("scheduler", var_dir=filled.settings.var_dir)
    service.wait_for("next at")
    wait_until(lambda: latest_run(filled, "renew"), "the daily cycle starts")
    service.stop()
    assert latest_run(filled, "renew").outcome == "stopped"


_carry_out = fit_task.run_fit_task


def _carry_out_except_italy(order):
    """Carry out a fit, but kill the process if it is for Italy."""
    if "italy_people" in order.figures:
        os.kill(os.getpid(), signal.SIGKILL)
    return _carry_out(order)


@contextlib.contextmanager
def open_two_routes(folder, **more):
    settings = Settings(
        routes="italy,channel",
        var_dir=folder / "var",
        models_dir=declare_quick_models(folder / "models"),
        paths=100,
        horizon=28,
        champion_origins=4,
        source="figures",
        **more,
    )
    with contextlib.closing(open_context(settings).database) as database:
        yield Context(settings, database)


def test_first_start_serves_the_other_route_when_one_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fit_task, "run_fit_task", _carry_out_except_italy)
    with open_two_routes(tmp_path, workers=2) as context:
        served = []
        run_module._prepare(context, served.append)
        assert served == ["people"]
        reason = "no model could be fitted: climatology: its process ended"
        assert f"forecast  not updated for italy: {reason}" in capsys.readouterr().err
        client = create_app(context, utc_now).test_client()
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/series/people/forecast").status_code == 200
        assert client.get("/v1/series/italy_people/forecast").status_code == 503


def test_server_starts_once_the_first_route_is_published(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("service.issues.hindcast.ORIGINS", 2)
    with open_two_routes(tmp_path, fit_seconds=0) as context:
        client, at_start = create_app(context, utc_now).test_client(), []

        def serve(series):
            for name in (series, "people"):
                at_start.append(client.get(f"/v1/series/{name}/forecast").status_code)

        run_module._prepare(context, serve)
        assert at_start == [200, 503], "it starts once, before the second route has a forecast"
        assert client.get("/v1/series/people/forecast").status_code == 200, "then it has one too"
        capsys.readouterr()
        printed = []
        run_module._prepare(context, lambda _: printed.append(capsys.readouterr().out))
        assert printed == [""], "it starts once, before any work, with the last forecast"
        for one in context.each_route():
            assert [replay(one).outcome for _ in range(2)] == ["done", "skipped"], one.route.name
