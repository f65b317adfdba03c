import contextlib
import re
import shutil
import signal
from urllib.request import urlopen

import psutil
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.answers.service_metrics import JOBS
from service.app import create_app
from service.core.locks import SCHEDULER, try_lock
from service.core.settings import Settings
from service.issues.score import score
from service.scheduler.schedule import schedule
from tests.service.support import (
    ISSUED_AT,
    ROOT,
    ROUTE,
    publish,
    random_paths,
    record_run,
    run_server,
    utc,
)
from tests.support.commands import run_command
from tests.support.waiting import BOUND, wait_until
from tests.test_docs import anchors

ALERTS = ROOT / "deploy" / "alerts.yaml"
(GROUP,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
RULES = GROUP["rules"]
DOCUMENT = (ROOT / "docs" / "alerts.md").read_text("utf-8")
FORECAST = "/v1/series/people/forecast"
FORECAST_ROUTE = "/v1/series/<series_id>/forecast"
_PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(_PROMTOOL is None, reason="promtool is not installed")
# Words in PromQL expressions that are not metric names.
_WORDS = {
    *("absent", "and", "by", "histogram_quantile", "increase", "label_replace", "on", "or", "rate"),
    *("le", "series_id", "sum", "time"),
}


def parse_metrics(text):
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(client):
    response = client.get("/metrics")
    assert response.status_code == 200
    return parse_metrics(response.text)


def run_promtool(*arguments, **options):
    """Run promtool and return all it prints; fail if it reports an error."""
    done = run_command(str(_PROMTOOL), *arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def value(samples, name, **labels):
    return samples.get((f"crossings_{name}", frozenset(labels.items())))


@pytest.fixture
def scored(context):
    """The published database with a failed run and a scored past issue."""
    run_id = record_run(context.database, "past", utc(2025, 11, 1, 12), outcome="failed")
    for series_id in ("people", "boats"):
        paths = {"climatology": random_paths("2025-11-01", 30)}
        publish(context.database, paths, run_id, utc(2025, 11, 1, 12), series_id)
    score(context)
    return context


@pytest.fixture
def scored_client(scored, clock):
    return create_app(scored, clock).test_client()


def test_metrics_equal_the_api(scored, scored_client):
    with try_lock(scored.database, SCHEDULER):
        samples = scrape(scored_client)
        status = scored_client.get("/v1/status").json
    assert value(samples, "store_up") == value(samples, "scheduler_running") == 1
    assert value(scrape(scored_client), "scheduler_running") == 0
    assert value(samples, "service_status", status=status["status"]) == 1
    (reason,) = status["reasons"]
    assert value(samples, "service_status_reason", reason=reason["name"]) == 1
    labels = {"route": ROUTE.name, "job": "refit"}
    assert value(samples, "job_last_success_timestamp_seconds", **labels) == ISSUED_AT.timestamp()
    for outcome in ("done", "failed"):
        assert value(samples, "job_runs_total", **labels, outcome=outcome) == 1
    for series_id, day, week in (("people", 500, 2000), ("boats", 10, 40)):
        path = f"/v1/series/{series_id}"
        record = scored_client.get(f"{path}/track-record").json
        issues = value(samples, "forecast_scored_issues", series_id=series_id)
        assert issues == record["issues"] == 1
        for row in record["rows"]:
            for level in ("50", "80", "95"):
                labels = {"series_id": series_id, "measure": row["measure"], "level": level}
                coverage = value(samples, "forecast_interval_coverage_ratio", **labels)
                assert coverage == row[f"coverage{level}"]
        (row,) = scored_client.get(f"{path}/totals?periods=next_7_days").json["rows"]
        for bound in ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95"):
            metric = value(samples, "forecast_next_week", series_id=series_id, bound=bound)
            assert metric == row[bound], bound
        assert row["lo95"] < row["hi95"]
        for days, threshold in ((1, day), (7, week)):
            labels = {"series_id": series_id, "days": str(days), "threshold": str(threshold)}
            metric = value(samples, "forecast_threshold_probability", **labels)
            gauge = f"{path}/gauges/chance?threshold={threshold}&window={days}&horizon=7"
            assert [metric] == [row["value"] for row in scored_client.get(gauge).json["rows"]]


def test_metrics_are_prefixed_and_documented(scored_client):
    scored_client.get(FORECAST)
    text = scored_client.get("/metrics").text
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("crossings_")
        assert f"`{family.name.removesuffix('_created')}" in DOCUMENT


def test_requests_are_counted_by_route_and_status(client):
    for horizon in (1, 2, 0):
        client.get(f"{FORECAST}?horizon={horizon}")
    client.get(FORECAST, headers={"Authorization": "Bearer x"})
    client.get("/nothing/of/the/kind")
    client.get("/nothing/else")
    client.open("/livez", method="BREW")
    samples = scrape(client)
    for status, number in (("200", 2), ("400", 1), ("401", 1)):
        labels = {"route": FORECAST_ROUTE, "status": status}
        assert value(samples, "http_requests_total", method="GET", **labels) == number
        assert value(samples, "http_request_duration_seconds_count", **labels) == number
    assert value(samples, "http_requests_total", method="GET", route="none", status="404") == 2
    assert value(samples, "http_requests_total", method="other", route="none", status="405") == 1
    labels = {"route": FORECAST_ROUTE, "status": "200"}
    seconds = value(samples, "http_request_duration_seconds_sum", **labels)
    assert seconds and 0 < seconds < 30


def test_every_recorded_job_is_counted(empty):
    """From zero: `increase()` misses the first failure if the counter appears with it."""
    settings = Settings(source="declared", weather="openmeteo", smtp_host="mail")
    recorded = {item.name for item in schedule(settings, empty.route) if item.is_recorded}
    assert recorded <= set(JOBS)


def test_workers_report_one_sum_and_are_replaced(settings, tmp_path, monkeypatch):
    """Each request opens its own connection, so that both workers get some."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    others = psutil.Process().children()
    with run_server(settings.model_copy(update={"workers": 2})) as base:
        (server,) = (child for child in psutil.Process().children() if child not in others)

        def get(path):
            with contextlib.suppress(OSError), urlopen(base + path, timeout=BOUND) as response:
                return response.read().decode()
            return ""  # a killed worker had accepted it

        def count_requests():
            labels = {"method": "GET", "route": FORECAST_ROUTE, "status": "200"}
            return value(parse_metrics(get("/metrics")), "http_requests_total", **labels)

        for _ in range(20):
            get(f"{FORECAST}?horizon=3")
        assert {count_requests() for _ in range(12)} == {20}, "the same sum from every worker"
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        killed = server.children()[0]
        killed.kill()
        wait_until(lambda: len({*server.children()} - {killed}) == 2, "it is replaced")
        workers = {*server.children()}
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: not workers & {*server.children()}, "all workers are replaced")
        wait_until(lambda: count_requests() == 20, "others report the counts of those before")
    assert not list(temporary.iterdir()), "the metrics folder is removed"


def test_alert_rules_have_runbooks_and_use_existing_metrics(scored_client):
    scored_client.get(FORECAST)
    samples = scrape(scored_client)
    metrics = {name for name, _ in samples}
    assert len({rule["alert"] for rule in RULES}) == len(RULES) > 8
    for rule in RULES:
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}, rule
        assert re.fullmatch(r"Crossings[A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"\d+[mhd]", rule.get("for", "1m"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor == rule["alert"].lower()
        assert anchor in anchors((ROOT / file).read_text("utf-8"))
        bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', "", rule["expr"])
        used = set(re.findall(r"[a-z_]{2,}", bare)) - _WORDS
        assert used and used <= metrics, rule["alert"]
        for name, inside in re.findall(r"([a-z_]+)\{([^}]*)\}", rule["expr"]):
            labels = {key for sample, pairs in samples if sample == name for key, _ in pairs}
            labels |= {"exported_job"} if "job" in labels else set()
            assert set(re.findall(r"([a-z_]+)[=!]", inside)) <= labels, rule["alert"]


def test_documented_scrape_keeps_the_labels_of_the_service():
    """Otherwise `job` would be that of the scrape, and the alerts would name no job of ours."""
    config = yaml.safe_load(DOCUMENT.split("```yaml\n")[1].split("```")[0])
    (scrape,) = config["scrape_configs"]
    assert scrape["honor_labels"] is True
    assert all((ROOT / file).is_file() for file in config["rule_files"])


@needs_promtool
def test_promtool_accepts_alert_rules_and_they_fire(tmp_path):
    cases = (ROOT / "tests/service/api/alerts_fire.yaml").read_text("utf-8")
    (tmp_path / "cases.yaml").write_text(cases.replace("RULES", str(ALERTS)))
    run_promtool("check", "rules", str(ALERTS))
    run_promtool("test", "rules", "cases.yaml", cwd=tmp_path)


@needs_promtool
def test_promtool_accepts_the_scrape(scored_client):
    scored_client.get(FORECAST)
    text = scored_client.get("/metrics").text
    assert run_promtool("check", "metrics", input=text) == ""
