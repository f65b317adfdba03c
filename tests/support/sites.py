"""A local server that acts as GOV.UK and Open-Meteo, and fails on request."""

import contextlib
import datetime as dt
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.support.loopback import Loopback, QuietHandler

PUBLICATION = (
    "/government/publications/migrants-detected-crossing-the-english-channel-in-small-boats"
)
PAGE = f"{PUBLICATION}/migrants-detected-crossing-the-english-channel-in-small-boats-last-7-days"
ODS = "application/vnd.oasis.opendocument.spreadsheet"


@dataclass
class SiteResponse:
    """A response; `behave` takes over after the headers are sent."""

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    behave: Callable[[BaseHTTPRequestHandler, threading.Event], None] | None = None
    length: int | None = None


def stalled(handler, stop):
    """Send the beginning, then nothing."""
    handler.wfile.write(b"<html>")
    handler.wfile.flush()
    stop.wait()


def endless(handler, stop):
    """Send for ever."""
    block = b"x" * 1_000_000
    with contextlib.suppress(OSError):
        while not stop.is_set():
            handler.wfile.write(block)


@dataclass(frozen=True)
class Request:
    """A received request."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


class Sites:
    """The server: `replies` by path; a list is used in order, and its last reply repeats."""

    def __init__(self):
        self.replies = {}
        self.requests = []
        self._stop = threading.Event()
        sites = self

        class Handler(QuietHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                headers = {key.lower(): value for key, value in self.headers.items()}
                request = Request(parts.path, parse_qs(parts.query), headers)
                sites.requests.append(request)
                sites._answer(self, request)

        self._server = Loopback(Handler)
        self.host = self._server.host
        self.url = f"http://{self.host}"
        self._server.begin()

    def close(self):
        self._stop.set()
        self._server.end()

    def times(self, path):
        return sum(request.path == path for request in self.requests)

    def _answer(self, handler, request):
        reply = self.replies.get(request.path, SiteResponse(b"<h1>Page not found</h1>", status=404))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        answer = reply if isinstance(reply, SiteResponse) else reply(request)
        with contextlib.suppress(OSError):
            handler.send_response(answer.status)
            if answer.kind:
                handler.send_header("Content-Type", answer.kind)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            length = answer.length
            if length is None and answer.behave is None:
                length = len(answer.body)
            if length is not None:
                handler.send_header("Content-Length", str(length))
            handler.end_headers()
            handler.wfile.write(answer.body)
            if answer.behave:
                handler.wfile.flush()
                answer.behave(handler, self._stop)
        handler.close_connection = True


@contextlib.contextmanager
def run_sites():
    sites = Sites()
    try:
        yield sites
    finally:
        sites.close()


def with_etag(answer, etag):
    """Answer 304 to requests with this ETag."""

    def reply(request):
        if request.headers.get("if-none-match") == etag:
            return SiteResponse(status=304, kind="", headers={"ETag": etag})
        return SiteResponse(answer.body, answer.kind, headers={"ETag": etag})

    return reply


def act_as_govuk(sites, workbook, page):
    """Act as GOV.UK with one workbook and one page; return the path of the workbook."""
    path = "/media/6953c8a1c7e2b0a1f2d3e4f5/31_December_2025_Small_boats_-_time_series.ods"
    series = {"title": "Small boat arrivals: time series", "url": f"{sites.url}{path}"}
    last_days = {"title": "Small boat arrivals: last 7 days", "url": PAGE}
    item = {"details": {"attachments": [last_days, series]}}
    html = (
        f'<a class="govuk-link" href="{sites.url}{path}">Time series</a><a href="{PAGE}">Last</a>'
    )
    sites.replies |= {
        f"/api/content{PUBLICATION}": SiteResponse(json.dumps(item).encode(), "application/json"),
        PUBLICATION: SiteResponse(html.encode()),
        path: SiteResponse(workbook, ODS),
        PAGE: SiteResponse(page),
    }
    return path


def hourly_weather(request, first, days, members=0):
    """An Open-Meteo answer: about 1 at every hour, slightly different by point and member."""
    variables = request.query["hourly"][0].split(",")
    points = len(request.query["latitude"][0].split(","))
    began = dt.datetime.combine(first, dt.time())
    times = [(began + dt.timedelta(hours=at)).strftime("%Y-%m-%dT%H:%M") for at in range(24 * days)]
    answers = []
    for point in range(points):
        series = {"time": list(times)}
        units = {"time": "iso8601"}
        for variable in variables:
            unit = {"wave_height": "m", "wind_direction_10m": "°"}.get(variable, "m/s")
            for member in range(members + 1):
                key = variable if member == 0 else f"{variable}_member{member:02d}"
                units[key] = unit
                series[key] = [
                    round(1.0 + point + member / 100 + (at % 24) / 10, 3)
                    for at in range(len(times))
                ]
        answers.append({"utc_offset_seconds": 0, "hourly_units": units, "hourly": series})
    return json.dumps(answers if points > 1 else answers[0]).encode()


def act_as_openmeteo(sites, today):
    """Act as the three services of Open-Meteo under ``/{service}``."""

    def reply(members=0):
        def make(request):
            if "start_date" in request.query:
                first = dt.date.fromisoformat(request.query["start_date"][0])
                last = dt.date.fromisoformat(request.query["end_date"][0])
                days = (last - first).days + 1
            else:
                past = int(request.query.get("past_days", ["0"])[0])
                first = today - dt.timedelta(days=past)
                days = past + int(request.query["forecast_days"][0])
            return SiteResponse(
                hourly_weather(request, first, days, members=members), "application/json"
            )

        return make

    sites.replies["/marine-api/v1/marine"] = reply()
    sites.replies["/archive-api/v1/archive"] = reply()
    sites.replies["/ensemble-api/v1/ensemble"] = reply(members=3)
