"""Answers that are kept; and the documents' examples, asked for real."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.api import key_store, responses
from service.api.representation import Rendered
from service.core.context import Context
from service.core.settings import Settings
from service.issues.refit import refit
from tests.service.support import NOW, ROOT, serving
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
    kept = responses._Kept(most_bytes=5000)
    for name in "abcdef":
        kept.put(name, Rendered(b"x" * 1000, "text/plain", name))
    assert [kept.get(name) is not None for name in "abcdef"] == [False] * 4 + [True] * 2
    kept.put("f", Rendered(b"y", "text/plain", "f"))
    assert kept.get("f") == Rendered(b"y", "text/plain", "f")


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


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=lambda text: text[:60])
def test_every_example_is_answered_as_shown(
    client: FlaskClient, context: Context, command: str, answer: str
) -> None:
    with context.database.writing() as connection:
        key = key_store.create(connection, "examples", "operate", NOW)
    address = re.search(r'"([^"]*\$[^"]*/[^"]*)"$', command)
    assert address, command
    path = address.group(1).replace("${base%/series}", "/v1").replace("$base", "/v1/series")
    if path.endswith("/changes"):  # one issue alone has no earlier one to differ from
        refit(context, force=True)
    headers = {"Authorization": f"Bearer {key}"} if "Authorization" in command else {}
    if "--json" in command:
        body = re.search(r"--json '(.*?)'", command)
        assert body
        found = client.post(path, json=json.loads(body.group(1)))
    else:
        method = "POST" if "--request POST" in command else "GET"
        found = client.open(path, method=method, headers=headers)
    assert found.status_code in (200, 202), found.text
    alike(json.loads(answer), found.json, "")


def test_every_question_has_an_example(client: FlaskClient) -> None:
    said = API + CLIENTS
    for path in client.get("/openapi.json").json["paths"]:
        question = path.replace("/v1/series/{series_id}", "").replace("/v1", "")
        pattern = re.sub(r"\\\{\w+\\\}", r"[\\w{}]+", re.escape(question))
        assert question == "" or path in ("/livez", "/readyz") or re.search(pattern, said), path


def test_the_other_programs_read_it(settings: Settings, tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(python|r)\n(.*?)```", CLIENTS, re.DOTALL))
    with serving(settings) as base:
        script = blocks["python"].replace(BASE, f"{base}/v1/series")
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=PROCESS
        )
        assert done.returncode == 0, done.stderr
        assert re.search(r"next seven days: \d+ to \d+", done.stdout)
        if shutil.which("Rscript") is None:
            pytest.skip("the rest was read; R is not installed, its example was not run")
        script = blocks["r"].replace(BASE, f"{base}/v1/series")
        done = subprocess.run(
            ["Rscript", "-e", script], capture_output=True, text=True, timeout=PROCESS
        )
        assert done.returncode == 0, done.stderr
