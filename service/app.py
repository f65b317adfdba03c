"""The web application."""

__all__ = ["create_app"]

import datetime as dt
from collections.abc import Callable
from importlib import metadata

from apiflask import APIFlask
from flask_compress import Compress
from werkzeug.middleware.proxy_fix import ProxyFix

from service.answers.issue_loader import IssueLoader
from service.api import grafana, health, issues, jobs, metrics, reference, series
from service.api.auth import register_auth
from service.api.errors import register_errors
from service.api.limits import Limits
from service.api.media_types import NDJSON, RECORDS
from service.api.metrics import register_metrics
from service.api.middleware import register_middleware
from service.api.openapi import complete_document
from service.api.questions import register_answers
from service.api.request_log import register_request_log
from service.core.clock import utc_now
from service.core.context import Context
from service.mail.subscription_pages import subscriptions
from service.page import downloads, pages

_DESCRIPTION = """
Probability forecasts of daily arrivals. Every range, total and probability comes from one set of
joint sample paths, stored as an issue that never changes. New keys may appear in answers; existing
ones stay.
"""

_COMPRESSED = [
    "application/json",
    NDJSON,
    RECORDS,
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
]


def create_app(context: Context, clock: Callable[[], dt.datetime] = utc_now) -> APIFlask:
    """Build the application over the database of `context`; it never starts jobs."""
    settings = context.settings
    app = APIFlask(
        __name__,
        title=context.route.forecast_title,
        version=metadata.version("channel-crossings-forecast"),
        spec_path="/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.config.update(
        VALIDATION_ERROR_STATUS_CODE=400,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        DESCRIPTION=_DESCRIPTION.strip(),
        LICENSE={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        CONTACT={"name": settings.contact or app.title, "url": f"{settings.address}/about"},
        SERVERS=[{"url": "/", "description": "This service"}],  # relative: behind any proxy
        COMPRESS_MIMETYPES=_COMPRESSED,
        COMPRESS_STREAMS=False,  # streaming leaves the file of a 304 open
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.globals["zone"] = context.route.zone
    app.extensions["loader"] = IssueLoader(context, clock)
    register_answers(app)
    proxies = settings.trusted_proxies
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies, proxies, proxies)  # type: ignore[method-assign]
    register_request_log(app, settings)
    if settings.tracing == "otlp":
        from service.api.spans import instrument  # imported here: the extra `otel` may be missing

        instrument(app)
    register_metrics(app, app.extensions["loader"])
    register_errors(app)
    register_middleware(app, settings)
    register_auth(app, Limits(settings))
    for room in (series, issues, jobs, health, metrics, reference, grafana, pages, downloads):
        app.register_blueprint(room.blueprint)
    app.register_blueprint(subscriptions)
    app.spec_processor(complete_document)
    Compress(app)
    return app
