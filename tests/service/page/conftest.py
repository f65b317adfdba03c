"""The pages on a real server, and a browser whose errors fail the test."""

import contextlib
import shutil
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from forecast.paths import Paths
from service.app import create_app
from service.core.context import Context, open_context
from service.core.settings import Settings
from service.issues import refit as module
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.support import (
    ISSUE_HOURS,
    NOW,
    ManualClock,
    publish,
    random_paths,
    record_run,
    utc,
)
from tests.support.waiting import BOUND


@dataclass
class Site:
    """The pages, served on a local port."""

    url: str
    clock: ManualClock
    context: Context
    client: FlaskClient
    earlier: str = ""
    """The id of an earlier issue."""

    @property
    def loader(self):
        return self.client.application.extensions["loader"]

    def client_with(self, **settings):
        """A client of the service with other settings."""
        changed = self.context.settings.model_copy(update=settings)
        return create_app(Context(changed, self.context.database), self.clock).test_client()


@pytest.fixture(scope="module")
def site(published, tmp_path_factory):
    """The published service with an earlier issue of people; fresh at `NOW`."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(published / "crossings.sqlite", folder)
    folders = {"var_dir": folder, "fitted_dir": published / "fitted"}
    context = open_context(Settings(**folders, refit_hours=ISSUE_HOURS))
    paths = {"climatology": random_paths("2025-12-25", 60)}
    earlier = publish(context.database, paths, 1, utc(2025, 12, 25, 15))
    with _serve(context) as site:
        site.earlier = earlier.issue_id
        yield site


@pytest.fixture
def serve():
    """A function that serves the pages of another context until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda *parts: stack.enter_context(_serve(*parts))


@pytest.fixture
def degraded_site(context, serve):
    """The pages of a service with a week outside its range and a failed refit."""
    paths = {"climatology": Paths(np.datetime64("2025-12-20"), np.ones((200, 60), np.int64))}
    publish(context.database, paths, 1, utc(2025, 12, 20, 15))
    record_run(context.database, "later", outcome="failed", reason="no model could be fitted")
    return serve(context)


@pytest.fixture
def weather_site(filled, monkeypatch, serve):
    """The pages of a forecast that uses the weather."""
    clock = ManualClock(utc(2026, 1, 1, 14))
    monkeypatch.setattr(module, "utc_now", clock)
    context = sample_weather.with_weather(filled)
    sample_weather.store_weather(
        context.database, utc(2026, 1, 1, 5), [1.5, 0.9, 0.4, 0.35, 1.2, 2.6, 1.9], members=3
    )
    refit(context)
    return serve(context, clock)


@pytest.fixture
def mail_site(mailer, serve):
    """The pages of a service that sends mail."""
    return serve(mailer)


@contextlib.contextmanager
def _serve(context, clock=None):
    clock = clock or ManualClock(NOW)
    app = create_app(context, clock)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield Site(url, clock, context, app.test_client())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        context.database.close()


@pytest.fixture(scope="session")
def idle_windows(browser):
    """Windows for later tests, by whether they run scripts: to open one costs more than a visit.

    Each is a page with its list of errors.
    """
    return {True: [], False: []}


@pytest.fixture
def visit(browser, site, idle_windows):
    """A function that opens a path in another window; errors in the browser fail the test."""
    opened = []

    def open_(path="/", *, width=1200, script=True, base="", expected=200, outage=False):
        idle = idle_windows[script]
        page, errors = idle.pop() if idle else _window(browser, script)
        opened.append((script, page, errors, outage or expected >= 400))
        page.set_viewport_size({"width": width, "height": 900 if width > 600 else 780})
        page.emulate_media(media="null", color_scheme="light")
        assert page.goto((base or site.url) + path).status == expected
        return page

    yield open_
    complaints = []
    for script, page, errors, is_outage in opened:
        page.unroute_all()
        page.mouse.move(0, 0)
        page.goto("about:blank")
        complaints += [e for e in errors if not (is_outage and "Failed to load resource" in e)]
        errors.clear()
        idle_windows[script].append((page, errors))
    assert not complaints


def _window(browser, script):
    page = browser.new_page(java_script_enabled=script, locale="en-GB", accept_downloads=True)
    page.set_default_timeout(1000 * BOUND)
    errors = []

    def note(message):
        if message.type in ("error", "warning"):
            errors.append(message.text)

    def note_external(request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")):
            errors.append(request.url)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", note_external)
    return page, errors
