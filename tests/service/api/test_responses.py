"""Answers that are kept; and the documents' examples, asked for real."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from service.api import key_store, responses
from service.api.representation import Rendered
from service.app import create_app
from service.core.context import open_context
from service.core.settings import Settings
from service.issues import note_store
from tests.service.page.test_now_why import NOTE
from tests.service.support import NOW, ROOT, Hand, publish, random_paths, serving, utc
from tests.support.waiting import PROCESS

API = (ROOT / "docs" / "api.md").read_text("utf-8")
CLIENTS = (ROOT / "docs" / "clients.md").read_text("utf-8")
BASE = "http://127.0.0.1:8000/v1/series"
SHOWN = re.findall(r"```sh\n(curl [^\n]+)\n```\n```json\n(.*?)\n```", API + CLIENTS, re.DOTALL)


def test_an_answer_is_computed_once_and_the_oldest_is_let_go(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/series/people/forecast"
    first = client.get(path).data
    monkeypatch.setattr("service.api.series.bands.bands", lambda *_: 1 / 0)
    assert client.get(path).data == first
    assert client.get(f"{path}?horizon=28&levels=50,80,95").data == first
    assert client.get(f"{path}?horizon=27").status_code == 500
    monkeypatch.setattr(responses, "_MOST_BYTES", 5000)
    app = client.application
    responses.register_answers(app)
    _, kept = app.extensions["answers"]
    for name in "abcdef":
        kept[name] = Rendered(b"x" * 1000, "text/plain", name)
    assert list(kept) == ["e", "f"]


def alike(shown: Any, found: Any, where: str) -> None:
    """Whether the answer has all that the document shows, of the same kinds."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in found, f"{where}.{name} is not answered"
            alike(value, found[name], f"{where}.{name}")
    elif isinstance(shown, list):
        assert isinstance(found, list), where
        if shown and found:
            alike(shown[0], found[0], f"{where}[]")
    elif shown is not None and found is not None:
        kinds = (int, float) if isinstance(shown, int | float) else type(shown)
        assert isinstance(found, kinds), where


@pytest.fixture(scope="module")
def documented(
    published: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """A service with an earlier issue to differ from, and the header of one who may operate."""
    folder = tmp_path_factory.mktemp("documented")
    shutil.copy(published / "after-refit.sqlite", folder / "crossings.sqlite")
    context = open_context(Settings(var_dir=folder, fitted_dir=published / "fitted"))
    client = create_app(context, Hand(NOW)).test_client()
    newest = client.get("/v1/series/people/issues").json["rows"][0]["issue_id"]
    paths = {"climatology": random_paths("2025-12-25", 60)}
    earlier = publish(context.database, paths, run_id=1, issued_at=utc(2025, 12, 25, 15))
    with context.database.writing() as connection:
        note = NOTE | {"since": earlier.issue_id}
        note_store.save_note(connection, newest, note_store.CHANGES, note)
        key = key_store.create(connection, "examples", "operate", NOW)
    yield client, {"Authorization": f"Bearer {key}"}
    context.database.close()


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=lambda text: text[:60])
def test_every_example_is_answered_as_shown(
    documented: tuple[FlaskClient, dict[str, str]], command: str, answer: str
) -> None:
    client, key = documented
    address = re.search(r'"([^"]*\$[^"]*/[^"]*)"$', command)
    assert address, command
    path = address.group(1).replace("${base%/series}", "/v1").replace("$base", "/v1/series")
    headers = key if "Authorization" in command else {}
    if "--json" in command:
        body = re.search(r"--json '(.*?)'", command)
        assert body
        found = client.post(path, json=json.loads(body.group(1)))
    else:
        method = "POST" if "--request POST" in command else "GET"
        found = client.open(path, method=method, headers=headers)
    assert found.status_code in (200, 202), found.text
    alike(json.loads(answer), found.json, "")


def test_every_question_has_an_example(shared: FlaskClient) -> None:
    said = API + CLIENTS
    for path in shared.get("/openapi.json").json["paths"]:
        question = path.replace("/v1/series/{series_id}", "").replace("/v1", "")
        pattern = re.sub(r"\\\{\w+\\\}", r"[\\w{}]+", re.escape(question))
        assert question == "" or path in ("/livez", "/readyz") or re.search(pattern, said), path


@pytest.fixture(scope="module")
def address(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running service."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(published / "after-refit.sqlite", folder / "crossings.sqlite")
    with serving(Settings(var_dir=folder)) as base:
        yield base


def test_a_client_that_is_generated_reads_typed_values(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    (tmp_path / "openapi.json").write_bytes(httpx.get(f"{address}/openapi.json").content)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--config", "config.yaml"]
    command += ["--output-path", "channel_crossings_forecast_client", "--fail-on-warning"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PROCESS)
    assert done.returncode == 0, done.stdout
    assert "arning" not in done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(tmp_path))

    def ask(tag: str, name: str, **asked: Any) -> Any:
        module = importlib.import_module(f"channel_crossings_forecast_client.api.{tag}.{name}")
        return module.sync(client=client, **asked)

    package = "channel_crossings_forecast_client"
    models = importlib.import_module(f"{package}.models")
    with importlib.import_module(package).Client(base_url=address) as client:
        people = models.ForecastSeriesId.PEOPLE
        forecast = ask("series", "series_forecast", series_id=people, horizon=7, levels="90")
        assert isinstance(forecast, models.Forecast)
        assert isinstance(forecast.status, models.StatusName)
        first = forecast.rows[0]
        assert first.date == forecast.from_ and isinstance(first.date, dt.date)
        assert 0 <= first.lo90 <= first.median <= first.hi90
        total = ask("series", "series_totals", series_id=people, periods="next_7_days").rows[0]
        assert (total.to - total.from_).days == 6
        assert total.lo80 <= total.median <= total.hi80
        record = ask("series", "series_track_record", series_id=people)
        assert record.from_ is None and record.rows[0].coverage80 is None
        year = ask("series", "series_year_so_far", series_id=people)
        assert year.rows[-1].median > 0 and f"year_{year.earlier[0]}" in year.rows[0]
        compared = ask("series", "series_comparison", series_id=people)
        assert isinstance(compared.forecasts[0].made_on, dt.date)
        assert compared.rows[0].came is None
        figures = ask(
            "series",
            "series_observations",
            series_id=models.SeriesId.BOATS,
            from_=dt.date(2025, 12, 31),
        )
        assert figures.rows[0].known_at.tzinfo is not None
        status = ask("service", "status")
        assert status.series[0].models[0].title and status.jobs[0].last_started_at is not None
        past = ask("series", "series_forecast", series_id=people, model="climatology")
        assert (past.status, "or the champion" in past.detail) == (409, True)
        problem = ask("series", "series_forecast", series_id=people, horizon=401)
        assert isinstance(problem, models.ProblemDetails)
        assert problem.errors[0].name == "horizon"
        issue_id = ask("issues", "series_issues", series_id=people).rows[0].issue_id
        issue = ask("issues", "series_issue", series_id=people, issue_id=issue_id)
        assert {model.role for model in issue.models} >= {"champion", "baseline"}
    script = _example("python", 1).replace("http://127.0.0.1:8000", address)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d+ \d+ \d+\n", done.stdout)


def _example(language: str, number: int = 0) -> str:
    """A block of code of the document."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", CLIENTS, re.DOTALL)
    return found[number]


def test_the_other_programs_read_it(address: str) -> None:
    script = _example("python").replace(BASE, f"{address}/v1/series")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PROCESS
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"next seven days: \d+ to \d+", done.stdout)
    if shutil.which("Rscript") is None:
        pytest.skip("the rest was read; R is not installed, its example was not run")
    script = _example("r").replace(BASE, f"{address}/v1/series")
    done = subprocess.run(
        ["Rscript", "-e", script], capture_output=True, text=True, timeout=PROCESS
    )
    assert done.returncode == 0, done.stderr
