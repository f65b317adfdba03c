"""``/metrics``: metrics of the service in Prometheus text format.

Request counters live in the workers. Everything else is read from the database on request, so that
it does not depend on the worker or on restarts.
"""

__all__ = ["blueprint", "register_metrics"]

import os
import time
from collections.abc import Iterator
from importlib import metadata

from apiflask import APIBlueprint
from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import Values, service_metrics
from service.api.questions import Query
from service.api.request_log import route
from service.core.database import Unavailable

blueprint = APIBlueprint("metrics", __name__, enable_openapi=False)

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# Labels and description of each metric that is read from the database.
_DESCRIBED: dict[str, tuple[tuple[str, ...], str]] = {
    "build_info": (("version",), "The program."),
    "store_up": ((), "Whether the database answers."),
    "service_status": (("status",), "1 for the current status."),
    "service_status_reason": (("reason",), "1 for each reason for the status."),
    "forecast_issued_timestamp_seconds": (("series_id",), "Time the latest forecast was issued."),
    "data_through_timestamp_seconds": (
        ("series_id",),
        "Last day of the figures in the latest forecast, at 00:00 UTC.",
    ),
    "forecast_next_week": (
        ("series_id", "bound"),
        "Total of the next seven days: the median, and the bounds of its prediction intervals.",
    ),
    "forecast_threshold_probability": (
        ("series_id", "days", "threshold"),
        "Chance that arrivals in so many days in a row exceed the threshold within seven days.",
    ),
    "forecast_scored_issues": (("series_id",), "Number of scored issues in the last 26 weeks."),
    "forecast_interval_coverage_ratio": (
        ("series_id", "measure", "level"),
        "Share of outcomes within the interval over the last 26 weeks.",
    ),
    "job_last_success_timestamp_seconds": (
        ("route", "job"),
        "Time of the last success of the job.",
    ),
    "scheduler_running": ((), "1 if a scheduler is running, otherwise 0."),
    "job_runs": (("route", "job", "outcome"), "Number of runs of the job with this outcome."),
}


@blueprint.get("/metrics")
@blueprint.input(Query, location="query")
def metrics(query_data: Query) -> Response:  # noqa: ARG001
    """Return every metric of all workers."""
    registry: CollectorRegistry = current_app.extensions["metrics"]
    answer = Response(generate_latest(registry), content_type=_CONTENT_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def register_metrics(app: Flask, loader: IssueLoader) -> None:
    """Count and time every request, including rejected ones; call after `register_request_log`."""
    worker_registry = CollectorRegistry()
    requests = Counter(
        "crossings_http_requests",
        "Requests answered.",
        ("method", "route", "status"),
        registry=worker_registry,
    )
    seconds = Histogram(
        "crossings_http_request_duration_seconds",
        "Time from reading a request to answering it.",
        ("route", "status"),
        registry=worker_registry,
    )

    def end(answer: Response) -> Response:
        # Unknown paths and arbitrary methods would create unlimited label values.
        method = request.method if request.method in _METHODS else "other"
        rule, status = route(), str(answer.status_code)
        requests.labels(method, rule, status).inc()
        seconds.labels(rule, status).observe(time.perf_counter() - g.began)
        return answer

    app.after_request(end)
    registry = worker_registry
    if os.environ.get(_SHARED):  # set by our server: workers count into files there
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(_Store(loader))
    app.extensions["metrics"] = registry


class _Store(Collector):
    """Metrics read from the database at each scrape."""

    def __init__(self, loader: IssueLoader) -> None:
        self._loader = loader

    def collect(self) -> Iterator[Metric]:
        values: dict[str, Values] = {
            "build_info": {(metadata.version("channel-crossings-forecast"),): 1},
            "store_up": {(): 1},
        }
        try:
            values |= service_metrics(self._loader)
        except Unavailable:
            values["store_up"] = {(): 0}
        for name, of_labels in values.items():
            labels, text = _DESCRIBED[name]
            kind = CounterMetricFamily if name == "job_runs" else GaugeMetricFamily
            family = kind(f"crossings_{name}", text, labels=labels)
            for label_values, value in of_labels.items():
                family.add_metric(label_values, value)
            yield family
