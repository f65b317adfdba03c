from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from service.answers.service_metrics import JOBS
from service.api import key_store
from service.app import create_app
from service.core import run_store
from service.core.context import Context
from service.core.database import connect
from service.core.locks import SCHEDULER
from service.core.settings import Settings
from service.issues.score import score
from service.scheduler.schedule import schedule
from tests.service.support import NOW, ROOT, ROUTE, Hand, publish, random_paths, serving, utc
from tests.support.waiting import BOUND, PROCESS, wait_until
from tests.test_docs import anchors

ALERTS = ROOT / "deploy" / "alerts.yaml"
FORECAST = "/v1/series/people/forecast"
Scrape = dict[tuple[str, frozenset[tuple[str, str]]], float]
_PROMTOOL = shutil.which("promtool")
# Words of the query language, beside names of metrics and labels.
_WORDS = {
    *("absent", "and", "by", "histogram_quantile", "increase", "label_replace", "on", "or", "rate"),
    *("le", "series_id", "sum", "time"),
}


def read(text: str) -> Scrape:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(client: FlaskClient) -> Scrape:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return read(answer.text)


def value(found: Scrape, name: str, **labels: str) -> float | None:
    return found.get((f"crossings_{name}", frozenset(labels.items())))


@pytest.fixture
def scored(context: Context) -> Context:
    """With an issue of the past that has been scored."""
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "refit", "long ago", utc(2025, 11, 1, 12), ROUTE.name)
        assert claimed is not None
        run_store.finish(connection, claimed, "failed", "for the test", {}, utc(2025, 11, 1, 13))
    for series_id in ("people", "boats"):
        paths = {"climatology": random_paths("2025-11-01", 30)}
        publish(context.database, paths, claimed.run_id, utc(2025, 11, 1, 12), series_id)
    score(context)
    return context


def test_what_the_store_knows_is_told(scored: Context, clock: Hand) -> None:
    client = create_app(scored, clock).test_client()
    found = scraped(client)
    issue = client.get("/v1/status").json["series"][0]
    issued = value(found, "forecast_issued_timestamp_seconds", series_id="people")
    assert f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(issued))}" == issue["issued_at"]
    through = value(found, "data_through_timestamp_seconds", series_id="boats")
    assert through == utc(2025, 12, 31).timestamp()
    assert value(found, "store_up") == 1
    assert value(found, "service_status", status="fresh") == 0
    assert value(found, "service_status", status="degraded") == 1
    assert value(found, "service_status_reason", reason="refit_failed") == 1
    assert value(found, "job_runs_total", route=ROUTE.name, job="refit", outcome="done") == 1
    assert value(found, "job_runs_total", route=ROUTE.name, job="refit", outcome="failed") == 1
    assert value(found, "scheduler_running") == 0
    with scored.database.alone(SCHEDULER):
        assert value(scraped(client), "scheduler_running") == 1
    for job in ("ingest", "refit", "score"):
        done = value(found, "job_last_success_timestamp_seconds", route=ROUTE.name, job=job)
        assert done and abs(done - time.time()) < 86_400


def test_coverage_is_that_of_the_track_record(scored: Context, clock: Hand) -> None:
    client = create_app(scored, clock).test_client()
    found = scraped(client)
    for series_id in ("people", "boats"):
        record = client.get(f"/v1/series/{series_id}/track-record").json
        assert value(found, "forecast_scored_issues", series_id=series_id) == record["issues"] == 1
        for row in record["rows"]:
            for level in ("50", "80", "95"):
                told = value(
                    found,
                    "forecast_interval_coverage_ratio",
                    series_id=series_id,
                    measure=row["measure"],
                    level=level,
                )
                assert told == row[f"coverage{level}"]


def test_the_forecast_is_that_of_the_answers(client: FlaskClient) -> None:
    found = scraped(client)
    for series_id, day, week in (("people", 500, 2000), ("boats", 10, 40)):
        path = f"/v1/series/{series_id}"
        (row,) = client.get(f"{path}/totals?periods=next_7_days").json["rows"]
        for bound in ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95"):
            shown = value(found, "forecast_next_week", series_id=series_id, bound=bound)
            assert shown == row[bound], bound
        assert row["lo95"] < row["hi95"]
        for days, threshold in ((1, day), (7, week)):
            labels = {"series_id": series_id, "days": str(days), "threshold": str(threshold)}
            shown = value(found, "forecast_threshold_probability", **labels)
            asked = f"{path}/gauges/chance?threshold={threshold}&window={days}&horizon=7"
            assert [shown] == [row["value"] for row in client.get(asked).json["rows"]]


def test_every_metric_has_the_prefix(scored: Context, clock: Hand) -> None:
    client = create_app(scored, clock).test_client()
    client.get(FORECAST)
    documented = (ROOT / "docs/alerts.md").read_text("utf-8")
    names = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}
    for name in names:
        assert name.startswith("crossings_")
        assert f"`{name.removesuffix('_created')}" in documented


def test_a_forecast_that_ends_too_soon_has_no_next_week(context: Context, clock: Hand) -> None:
    clock.now = utc(2036, 1, 1)
    names = {name for name, _ in scraped(create_app(context, clock).test_client())}
    assert "crossings_forecast_issued_timestamp_seconds" in names
    assert "crossings_forecast_next_week" not in names


def test_a_new_score_is_told_at_once(context: Context, clock: Hand) -> None:
    client = create_app(context, clock).test_client()
    assert value(scraped(client), "forecast_scored_issues", series_id="people") == 0
    paths = {"climatology": random_paths("2025-11-01", 30)}
    publish(context.database, paths, 1, utc(2025, 11, 1, 12))
    score(context)
    assert value(scraped(client), "forecast_scored_issues", series_id="people") == 1


def test_requests_are_counted_by_route_and_status(client: FlaskClient) -> None:
    for horizon in (1, 2, 0):
        client.get(f"{FORECAST}?horizon={horizon}")
    client.get("/nothing/of/the/kind")
    client.get("/nothing/else")
    client.open("/livez", method="BREW")
    found = scraped(client)
    route = "/v1/series/<series_id>/forecast"
    for status, number in (("200", 2), ("400", 1)):
        assert value(found, "http_requests_total", method="GET", route=route, status=status) == (
            number
        )
        assert (
            value(found, "http_request_duration_seconds_count", route=route, status=status)
            == number
        )
    assert value(found, "http_requests_total", method="GET", route="none", status="404") == 2
    assert [
        number
        for (name, labels), number in found.items()
        if name == "crossings_http_requests_total" and ("method", "other") in labels
    ] == [1]
    took = value(found, "http_request_duration_seconds_sum", route=route, status="200")
    assert took and 0 < took < 30


def test_those_refused_for_want_of_a_key_are_counted_too(context: Context, clock: Hand) -> None:
    settings = context.settings.model_copy(update={"anonymous_reading": "no"})
    client = create_app(dataclasses.replace(context, settings=settings), clock).test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get(FORECAST).status_code == 401
    with context.database.writing() as connection:
        key = key_store.create(connection, "prometheus", "read", NOW)
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert 'route="/metrics",status="401"} 1.0' in answer.text
    assert key not in answer.text


def test_unknown_parameters_are_refused(client: FlaskClient) -> None:
    assert client.get("/metrics?x=1").status_code == 400


def test_without_a_database_the_rest_is_told(tmp_path: Path, clock: Hand) -> None:
    url = f"postgresql+psycopg://127.0.0.1:1/{tmp_path.name}?connect_timeout=1"
    settings = Settings(var_dir=tmp_path, database_url=url)
    client = create_app(Context(settings, connect(url)), clock).test_client()
    assert client.get(FORECAST).status_code == 503
    found = scraped(client)
    assert value(found, "store_up") == 0
    assert 1 in [
        number for (name, _), number in found.items() if name == "crossings_http_requests_total"
    ]
    assert not [
        name
        for name, _ in found
        if name.startswith(("crossings_job", "crossings_forecast", "crossings_service"))
    ]


def test_every_job_is_counted_from_nought(empty: Context, clock: Hand) -> None:
    """What appears with its first failure has not increased."""
    found = scraped(create_app(empty, clock).test_client())
    all_on = {
        "source": "declared",
        "weather": "openmeteo",
        "smtp_host": "mail",
    }
    named = {item.name for item in schedule(Settings(**all_on), empty.route) if item.is_recorded}
    for text in (path.read_text("utf-8") for path in (ROOT / "service").rglob("*.py")):
        named |= set(re.findall(r'(?:perform|run_alone)\(\s*context,\s*"([a-z-]+)"', text))
    assert {"ingest", "refit", "renew", "prune"} <= named | {"ingest"} <= set(JOBS)
    for job in JOBS:
        for outcome in ("done", "failed"):
            assert value(found, "job_runs_total", route=ROUTE.name, job=job, outcome=outcome) == 0


def test_before_the_first_issue(empty: Context, clock: Hand) -> None:
    found = scraped(create_app(empty, clock).test_client())
    assert value(found, "service_status", status="degraded") == 1
    assert value(found, "service_status_reason", reason="no_issue") == 1
    assert not [name for name, _ in found if name.startswith("crossings_forecast_i")]


def fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=BOUND) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error)


def test_several_workers_tell_one_sum(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request on a connection of its own, so that the workers share them."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with serving(settings.model_copy(update={"workers": 3})) as base:

        def sums() -> tuple[float | None, set[str]]:
            found = read(fetch(f"{base}/metrics"))
            workers = {dict(labels)["worker"] for name, labels in found if "memory" in name}
            route = "/v1/series/<series_id>/forecast"
            return value(
                found, "http_requests_total", method="GET", route=route, status="200"
            ), workers

        for _ in range(60):
            fetch(f"{base}{FORECAST}?horizon=3")
        seen = [sums() for _ in range(12)]
        assert {number for number, _ in seen} == {60}, "whichever worker answers"
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        wait_until(lambda: len(sums()[1]) == 3, "three workers tell")
        workers = sums()[1]
        os.kill(int(min(workers)), signal.SIGKILL)

        def is_replaced() -> bool:
            try:
                now = sums()[1]
            except ConnectionError:  # the killed worker had taken this one
                return False
            return min(workers) not in now and len(now) == 3

        wait_until(is_replaced, "another worker takes the place of the one that was killed")
        assert sums()[0] == 60, "what a worker has counted outlives it"
    assert not list(temporary.iterdir()), "nothing stays"


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_alert_rules_have_their_form() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 8
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}, rule
        assert re.fullmatch(r"Crossings[A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"\d+[mhd]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor == rule["alert"].lower()
        assert anchor in anchors((ROOT / file).read_text("utf-8"))


def test_alert_rules_name_metrics_that_a_scrape_has(scored: Context, clock: Hand) -> None:
    client = create_app(scored, clock).test_client()
    client.get(FORECAST)
    found = scraped(client)
    there = {name for name, _ in found}
    for rule in rules():
        bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', "", rule["expr"])
        named = set(re.findall(r"[a-z_]{2,}", bare)) - _WORDS
        assert named and named <= there, rule["alert"]
        for name, inside in re.findall(r"([a-z_]+)\{([^}]*)\}", rule["expr"]):
            labels = {key for sample, pairs in found if sample == name for key, _ in pairs}
            labels |= {"exported_job"} if "job" in labels else set()
            assert set(re.findall(r"([a-z_]+)[=!]", inside)) <= labels, rule["alert"]


@pytest.mark.skipif(_PROMTOOL is None, reason="no promtool is at hand")
def test_promtool_takes_the_rules_and_they_fire(tmp_path: Path) -> None:
    cases = (ROOT / "tests/service/api/alerts_fire.yaml").read_text("utf-8")
    (tmp_path / "cases.yaml").write_text(cases.replace("RULES", str(ALERTS)))
    for arguments in (["check", "rules", str(ALERTS)], ["test", "rules", "cases.yaml"]):
        done = subprocess.run(
            [str(_PROMTOOL), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PROCESS,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(_PROMTOOL is None, reason="no promtool is at hand")
def test_promtool_takes_the_scrape(scored: Context, clock: Hand) -> None:
    client = create_app(scored, clock).test_client()
    client.get(FORECAST)
    done = subprocess.run(
        [str(_PROMTOOL), "check", "metrics"],
        input=client.get("/metrics").text,
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
