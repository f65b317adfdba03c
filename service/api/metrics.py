"""``/metrics``: metrics of the service in Prometheus text format.

Request counters live in the workers. Everything else is read from the database on request, so that
it does not depend on the worker or on restarts.
"""

from __future__ import annotations

__all__ = ["blueprint", "register_metrics"]

import datetime as dt
import os
import time
from collections.abc import Iterator, Mapping, Sequence
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
from service.answers.service_metrics import Vitals, vitals
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
    """Return every metric of all workers."""
    _forget_dead_workers()
    registry: CollectorRegistry = current_app.extensions["metrics"]
    answer = Response(generate_latest(registry), content_type=_CONTENT_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def register_metrics(app: Flask, loader: IssueLoader) -> None:
    """Count and time every request, including rejected ones; call after `register_trail`."""
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

    @cache  # labelling costs more than counting
    def counted(method: str, where: str, status: int) -> tuple[Counter, Histogram]:
        return requests.labels(method, where, status), seconds.labels(where, status)

    def end(answer: Response) -> Response:
        nonlocal measured
        now = time.perf_counter()
        # Unknown paths and arbitrary methods would create unlimited label values.
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
    if os.environ.get(_SHARED):  # set by our server: workers count into files there
        shown = CollectorRegistry()
        MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
    shown.register(_Store(loader))
    app.extensions["metrics"] = shown


def _forget_dead_workers() -> None:
    """Remove the gauges of dead workers; their counters stay."""
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
    except (OSError, ValueError, IndexError):  # not Linux
        return
    memory.labels(str(os.getpid())).set(pages * os.sysconf("SC_PAGE_SIZE"))


class _Store(Collector):
    """Metrics read from the database at each scrape."""

    def __init__(self, loader: IssueLoader) -> None:
        self._loader = loader

    def collect(self) -> Iterator[Metric]:
        version = metadata.version("channel-crossings-forecast")
        yield _gauge("build_info", "The program.", ("version",), {(version,): 1})
        try:
            read = vitals(self._loader)
        except Unavailable:
            read = None
        up = float(read is not None)
        yield _gauge("store_up", "Whether the database answers.", (), {(): up})
        if read is not None:
            yield from _families(read)

    def describe(self) -> list[Metric]:
        """Return nothing, so that registration does not query the database."""
        return []


def _gauge(
    name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(f"crossings_{name}", text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


def _families(figures: Vitals) -> Iterator[Metric]:
    series, weeks = ("series_id",), figures.next_week.items()
    midnight = {
        name: dt.datetime.combine(day, dt.time(), dt.UTC)
        for name, day in figures.data_through.items()
    }
    yield _gauge(
        "service_status",
        "1 for the status that holds.",
        ("status",),
        {(name,): float(figures.status == name) for name in _STATUSES},
    )
    yield _gauge(
        "service_status_reason",
        "1 for each reason of the status.",
        ("reason",),
        {(name,): 1 for name in figures.reasons},
    )
    yield _gauge(
        "forecast_issued_timestamp_seconds",
        "When the newest forecast was issued.",
        series,
        {(name,): moment.timestamp() for name, moment in figures.issued_at.items()},
    )
    yield _gauge(
        "data_through_timestamp_seconds",
        "The last day of figures that the newest forecast saw, at its 00:00 UTC.",
        series,
        {(name,): moment.timestamp() for name, moment in midnight.items()},
    )
    yield _gauge(
        "forecast_next_week",
        "Total of the next seven days: the median, and the bounds of its prediction intervals.",
        (*series, "bound"),
        {(name, bound): total for name, week in weeks for bound, total in week.bounds.items()},
    )
    yield _gauge(
        "forecast_threshold_probability",
        "Chance that within seven days some run of so many days brings more than the threshold.",
        (*series, "days", "threshold"),
        {
            (name, str(days), str(threshold)): chance
            for name, week in weeks
            for days, threshold, chance in week.chances
        },
    )
    yield _gauge(
        "forecast_scored_issues",
        "Issues of the last 26 weeks that have a score.",
        series,
        {(name,): number for name, number in figures.scored.items()},
    )
    yield _gauge(
        "forecast_interval_coverage_ratio",
        "Share of what came that lay within the interval, over the last 26 weeks.",
        (*series, "measure", "level"),
        {(one.series_id, one.measure, str(one.level)): one.ratio for one in figures.coverage},
    )
    yield _gauge(
        "job_last_success_timestamp_seconds",
        "When the job was done last.",
        ("route", "job"),
        {labels: moment.timestamp() for labels, moment in figures.last_done.items()},
    )
    yield _gauge(
        "scheduler_running",
        "Whether a process schedules the jobs: 1 or 0.",
        (),
        {(): float(figures.has_scheduler)},
    )
    ended = CounterMetricFamily(
        "crossings_job_runs", "Runs of the job that ended so.", labels=["route", "job", "outcome"]
    )
    for labels, number in figures.runs_ended.items():
        ended.add_metric(labels, number)
    yield ended
