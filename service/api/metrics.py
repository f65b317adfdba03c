"""``/metrics``: how the service does, in the text format of Prometheus.

What is counted here is the requests; all else is read from the store when it is asked for, so
that it is the same whichever process answers, and whatever was restarted.
"""

from __future__ import annotations

__all__ = ["blueprint", "register_metrics"]

import datetime as dt
import os
import time
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from apiflask import APIBlueprint
from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import Vitals, Watch
from service.api import queries
from service.api.request_log import route
from service.core.database import Unavailable

blueprint = APIBlueprint("metrics", __name__, enable_openapi=False)

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATUSES = ("fresh", "stale", "degraded")
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_MEMORY_SECONDS = 5.0
_STATM = Path("/proc/self/statm")


@blueprint.get("/metrics")
@blueprint.input(queries.NoQuery, location="query")
def metrics(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Answer with every metric of all workers."""
    _forget_dead_workers()
    registry: CollectorRegistry = current_app.extensions["metrics"]
    answer = Response(generate_latest(registry), content_type=_CONTENT_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def register_metrics(app: Flask, loader: IssueLoader) -> None:
    """Count and time every request, those that are refused too; after `register_trail`."""
    own = CollectorRegistry()
    requests = Counter(
        "crossings_http_requests", "Requests answered.", ("method", "route", "status"), registry=own
    )
    seconds = Histogram(
        "crossings_http_request_duration_seconds",
        "Time from the reading of a request to its answer.",
        ("route", "status"),
        registry=own,
    )
    memory = Gauge(
        "crossings_worker_memory_bytes",
        "Resident memory of each web worker.",
        ("worker",),
        registry=own,
        multiprocess_mode="livemax",
    )
    measured = 0.0

    @cache  # to find them costs more than to count
    def counted(method: str, where: str, status: int) -> tuple[Counter, Histogram]:
        return requests.labels(method, where, status), seconds.labels(where, status)

    def end(answer: Response) -> Response:
        nonlocal measured
        now = time.perf_counter()
        # A path that is none, and a method of any name, would be as many series as anyone likes.
        method = request.method if request.method in _METHODS else "other"
        counter, histogram = counted(method, route(), answer.status_code)
        counter.inc()
        histogram.observe(now - g.trail.began)
        if now - measured > _MEMORY_SECONDS:
            measured = now
            _measure(memory)
        return answer

    app.after_request(end)
    _measure(memory)
    shown = own
    if os.environ.get(_SHARED):  # set by our server, whose workers count into files there
        shown = CollectorRegistry()
        MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
    shown.register(_Store(loader))
    app.extensions["metrics"] = shown


def _forget_dead_workers() -> None:
    """Drop what only a living worker has; its counts stay."""
    folder = os.environ.get(_SHARED)
    for path in Path(folder).glob("gauge_live*_*.db") if folder else ():
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _measure(memory: Gauge) -> None:
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):  # no Linux
        return
    memory.labels(str(os.getpid())).set(pages * os.sysconf("SC_PAGE_SIZE"))


class _Store(Collector):
    """What the store knows, read at the time of asking."""

    def __init__(self, loader: IssueLoader) -> None:
        self._watch = Watch(loader)

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("crossings_build_info", "The program.", labels=["version"])
        build.add_metric([metadata.version("channel-crossings-forecast")], 1)
        yield build
        up = GaugeMetricFamily("crossings_store_up", "Whether the database answers.")
        try:
            found = self._watch.take()
        except Unavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from _families(found)

    def describe(self) -> list[Metric]:
        """Nothing: to register it must not ask the database."""
        return []


def _families(found: Vitals) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "crossings_service_status", "1 for the status that holds.", labels=["status"]
    )
    for name in _STATUSES:
        status.add_metric([name], float(found.status == name))
    yield status
    reasons = GaugeMetricFamily(
        "crossings_service_status_reason", "1 for each reason of the status.", labels=["reason"]
    )
    for name in found.reasons:
        reasons.add_metric([name], 1)
    yield reasons
    issued = GaugeMetricFamily(
        "crossings_forecast_issued_timestamp_seconds",
        "When the newest forecast was issued.",
        labels=["series_id"],
    )
    for series_id, moment in found.issued_at.items():
        issued.add_metric([series_id], moment.timestamp())
    yield issued
    through = GaugeMetricFamily(
        "crossings_data_through_timestamp_seconds",
        "The last day of figures that the newest forecast saw, at its 00:00 UTC.",
        labels=["series_id"],
    )
    for series_id, day in found.data_through.items():
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        through.add_metric([series_id], midnight.timestamp())
    yield through
    yield from _forecasts(found)
    yield from _scores(found)
    yield from _jobs(found)


def _forecasts(found: Vitals) -> Iterator[Metric]:
    totals = GaugeMetricFamily(
        "crossings_forecast_next_7_days",
        "Total of the next seven days: the median, and the bounds of its prediction intervals.",
        labels=["series_id", "bound"],
    )
    chances = GaugeMetricFamily(
        "crossings_forecast_threshold_probability",
        "Chance that within seven days some run of so many days brings more than the threshold.",
        labels=["series_id", "days", "threshold"],
    )
    for series_id, week in found.next_week.items():
        for bound, total in week.bounds.items():
            totals.add_metric([series_id, bound], total)
        for days, threshold, chance in week.chances:
            chances.add_metric([series_id, str(days), str(threshold)], chance)
    yield totals
    yield chances


def _scores(found: Vitals) -> Iterator[Metric]:
    scored = GaugeMetricFamily(
        "crossings_forecast_scored_issues",
        "Issues of the last 26 weeks that have a score.",
        labels=["series_id"],
    )
    for series_id, number in found.scored.items():
        scored.add_metric([series_id], number)
    yield scored
    coverage = GaugeMetricFamily(
        "crossings_forecast_interval_coverage_ratio",
        "Share of what came that lay within the interval, over the last 26 weeks.",
        labels=["series_id", "measure", "level"],
    )
    for one in found.coverage:
        coverage.add_metric([one.series_id, one.measure, str(one.level)], one.ratio)
    yield coverage


def _jobs(found: Vitals) -> Iterator[Metric]:
    success = GaugeMetricFamily(
        "crossings_job_last_success_timestamp_seconds",
        "When the job was done last.",
        labels=["job"],
    )
    for job, moment in found.last_done.items():
        success.add_metric([job], moment.timestamp())
    yield success
    yield GaugeMetricFamily(
        "crossings_scheduler_running",
        "Whether a process schedules the jobs: 1 or 0.",
        value=float(found.has_scheduler),
    )
    ended = CounterMetricFamily(
        "crossings_job_runs", "Runs of the job that ended so.", labels=["job", "outcome"]
    )
    for (job, outcome), number in found.runs_ended.items():
        ended.add_metric([job, outcome], number)
    yield ended
