"""Two routes: the first start, commands and hindcasts."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from service.answers.issue_loader import IssueLoader
from service.answers.track_record import track_record
from service.app import create_app
from service.cli.options import run_each_route
from service.cli.run import _prepare as prepare
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues import fit_task, hindcast
from service.issues.compare import compare
from service.issues.refit import refit
from tests.service.support import declare_quick_models

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


@pytest.fixture
def italy_killed(tmp_path, monkeypatch, request):
    """A context without a forecast, in which the first route's fits are killed.

    The parameter is the number of workers.
    """
    monkeypatch.setattr(fit_task, "run_fit_task", _carry_out_except_italy)
    with open_two_routes(tmp_path, workers=request.param) as context:
        yield context


@pytest.mark.parametrize("italy_killed", [1, 2], indirect=True)
def test_first_start_serves_the_other_route_when_one_fails(italy_killed, capsys):
    prepare(italy_killed, is_served=False)
    message = (
        "forecast  not updated for italy: no model could be fitted: climatology: its process ended"
    )
    assert message in capsys.readouterr().err
    client = create_app(italy_killed, utc_now).test_client()
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/series/people/forecast").status_code == 200
    assert client.get("/v1/series/italy_people/forecast").status_code == 503


def test_hindcast_continues_when_one_route_has_no_figures(crossings, tmp_path):
    models, routes = declare_quick_models(tmp_path / "models"), "italy,channel"
    assert crossings("ingest", routes=routes).returncode == 0
    options = ("hindcast", "--since", "2025-12-24")
    done = crossings(*options, routes=routes, models_dir=models, fit_seconds=0)
    assert done.returncode == 1
    assert "italy: --since: expected a day with figures after it" in done.stderr
    assert "1 hindcasts made" in done.stdout
    status = crossings("status", routes=routes).stdout
    assert "ingest of italy" in status
    assert "ingest of channel" in status


def test_server_starts_once_the_first_route_is_published(tmp_path):
    with open_two_routes(tmp_path, fit_seconds=0) as context:
        client, at_start = create_app(context, utc_now).test_client(), []

        def serve():
            for name in ("italy_people", "people"):
                at_start.append(client.get(f"/v1/series/{name}/forecast").status_code)

        prepare(context, False, serve)
        assert at_start == [200, 503]
        assert client.get("/v1/series/people/forecast").status_code == 200
        prepare(context, True, serve)
        assert len(at_start) == 2, "the server is not started again"


@pytest.mark.parametrize("italy_killed", [2], indirect=True)
def test_fits_in_parallel_run_all_routes_despite_a_failure(italy_killed, capsys):
    for context in italy_killed.each_route():
        ingest(context)
    with pytest.raises(JobError, match=r"^italy: no model could be fitted: .*its process ended"):
        run_each_route(italy_killed, lambda context: refit(context).reason, in_parallel=True)
    lines = capsys.readouterr().out.splitlines()
    italy, channel = (route.title for route in italy_killed.routes)
    assert lines[:2] == [f"{italy}:", f"{channel}:"]
    assert lines[2].startswith("published people-20251231")
    run_each_route(italy_killed, lambda context: compare(context).outcome, in_parallel=True)
    assert capsys.readouterr().out.splitlines() == [f"{italy}:", "done", f"{channel}:", "done"]


def test_replayed_weeks_cover_both_routes(tmp_path, monkeypatch):
    monkeypatch.setattr(hindcast, "ORIGINS", 2)
    with open_two_routes(tmp_path, fit_seconds=0) as context:
        prepare(context, is_served=False)
        for loader in IssueLoader(context).each_route():
            outcome = hindcast.replay(loader.context)
            assert outcome.reason == "2 missing weeks before the first start attempted"
            assert track_record(loader, loader.route.leading, kind="hindcast")["issues"] == 2
            assert hindcast.replay(loader.context).outcome == "skipped"
