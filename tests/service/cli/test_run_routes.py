"""Several routes at the first start, by the commands, replayed and in a backup."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from service.answers.issue_loader import IssueLoader
from service.answers.track_record import track_record
from service.app import create_app
from service.cli import run as run_module
from service.cli.backup_archive import back_up, restore
from service.cli.options import fit_each_route
from service.cli.run import _prepare as prepare
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.files import RegistryError
from service.core.job_runner import JobError, Outcome, perform
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues import fit_task, hindcast
from service.issues.champion import choose_champion, last_comparison
from service.issues.compare import compare
from service.issues.declared_models import declared
from service.issues.refit import refit
from tests.service.support import Crossings, quick_models

_carry_out = fit_task.carry_out


def _killed_for_italy(order: Any) -> Any:
    if "italy_people" in order.figures:
        os.kill(os.getpid(), signal.SIGKILL)
    return _carry_out(order)


@contextlib.contextmanager
def routes(folder: Path, **more: Any) -> Iterator[Context]:
    settings = Settings(
        routes="italy,channel",
        var_dir=folder / "var",
        models_dir=quick_models(folder / "models"),
        paths=100,
        horizon=28,
        champion_origins=4,
        source="figures",
        **more,
    )
    with contextlib.closing(open_context(settings).database) as database:
        yield Context(settings, database)


@pytest.fixture
def killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Context]:
    """No forecast yet; the fits of the first route are killed, with so many at once."""
    monkeypatch.setattr(fit_task, "carry_out", _killed_for_italy)
    with routes(tmp_path, workers=request.param) as context:
        yield context


@pytest.mark.parametrize("killed", [1, 2], indirect=True)
def test_the_first_start_goes_on_without_the_first_route(
    killed: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(killed, is_served=False)
    said = capsys.readouterr().err
    assert "forecast  not renewed of italy: no model stands: climatology: its process ended" in said
    client = create_app(killed, utc_now).test_client()
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/series/people/forecast").status_code == 200
    assert client.get("/v1/series/italy_people/forecast").status_code == 503


@pytest.mark.parametrize("killed", [2], indirect=True)
def test_what_is_ready_is_a_forecast_that_there_is(
    killed: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(killed, is_served=False)
    ended = SimpleNamespace(poll=lambda: 0, wait=lambda _: 0, returncode=0)
    monkeypatch.setattr(run_module, "_wait_until_ready", lambda *_: None)
    monkeypatch.setattr(run_module, "_prepare", lambda *_: None)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: ended)
    with pytest.raises(click.ClickException, match="process ended"):
        run_module._serve(killed)
    assert "/v1/series/people/forecast\n" in capsys.readouterr().out


def test_a_replay_without_figures_stops_no_other_route(
    crossings: Crossings, tmp_path: Path
) -> None:
    models, both = quick_models(tmp_path / "models"), "italy,channel"
    assert crossings("ingest", routes=both).returncode == 0
    options = ("--since", "2025-12-24", "--models", "climatology", "--paths", "100")
    done = crossings("hindcast", *options, routes=both, models_dir=models, fit_seconds=0)
    assert done.returncode == 1
    assert "italy: --since: expected a day with figures after it" in done.stderr
    assert "1 hindcasts made" in done.stdout
    status = crossings("status", routes=both).stdout
    assert "ingest of italy" in status
    assert "ingest of channel" in status


def test_the_server_starts_with_the_first_route_and_the_rest_follows(tmp_path: Path) -> None:
    with routes(tmp_path, fit_seconds=0) as context:
        client, served = create_app(context, utc_now).test_client(), []

        def serve() -> None:
            names = ("italy_people", "people")
            served.append([client.get(f"/v1/series/{name}/forecast").status_code for name in names])

        prepare(context, False, serve)
        assert served == [[200, 503]]
        assert client.get("/v1/series/people/forecast").status_code == 200
        prepare(context, True, serve)
        assert len(served) == 1, "it runs already"


@pytest.mark.parametrize("killed", [2], indirect=True)
def test_the_first_start_ends_where_no_route_stands(killed: Context) -> None:
    for file in killed.settings.models_dir.glob("*.toml"):
        file.unlink()
    with pytest.raises(RegistryError):
        prepare(killed, is_served=False)


@pytest.mark.parametrize("killed", [2], indirect=True)
def test_commands_fit_routes_side_by_side(
    killed: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in killed.each_route():
        ingest(one)
    with pytest.raises(JobError, match=r"^italy: no model stands: .*its process ended"):
        fit_each_route(killed, lambda one: refit(one).reason)
    said = capsys.readouterr().out.splitlines()
    italy, channel = (route.title for route in killed.routes)
    assert said[:2] == [f"{italy}:", f"{channel}:"]
    assert said[2].startswith("published people-20251231")
    fit_each_route(killed, lambda one: compare(one).outcome)
    assert capsys.readouterr().out.splitlines() == [f"{italy}:", "done", f"{channel}:", "done"]


def test_both_are_replayed_and_in_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hindcast, "ORIGINS", 2)
    with routes(tmp_path, fit_seconds=0) as context:
        prepare(context, is_served=False)
        for loader in IssueLoader(context).each_route():
            outcome = hindcast.replay(loader.context)
            assert outcome.reason == "2 of 2 weeks before the first start replayed"
            assert track_record(loader, loader.route.leading, kind="hindcast")["issues"] == 2
            assert hindcast.replay(loader.context).outcome == "skipped"
        chosen = {"champion": "seasonal_naive", "declared": "climatology"}
        perform(context, "compare", lambda _: Outcome("done", "better", chosen))
        back_up(context, tmp_path / "both.tar.gz")
        folders = {f"{name}_dir": tmp_path / "there" / name for name in ("var", "fitted")}
        there = context.settings.model_copy(update=folders)
        restore(there, tmp_path / "both.tar.gz")
        with contextlib.closing(open_context(there).database) as database:
            restored = Context(there, database)
            specs = declared(there.models_dir)
            with database.reading() as connection:
                compared = [last_comparison(connection, route) for route in restored.routes]
            assert [choose_champion(specs, one) for one in compared] == [
                "seasonal_naive",
                "climatology",
            ]
            ours, theirs = (create_app(one, utc_now).test_client() for one in (context, restored))
            for name in ("people", "boats", "italy_people"):
                for path in ("forecast?horizon=5", "observations?format=csv", "track-record"):
                    address = f"/v1/series/{name}/{path}"
                    answer = theirs.get(address)
                    assert answer.status_code == 200
                    assert answer.data == ours.get(address).data, address
            italy, channel = restored.each_route()
            assert refit(italy).outcome == "done", "its champion is another since its issue"
            assert refit(channel).outcome == "skipped"
