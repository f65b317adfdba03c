"""A served page, and a real browser that reports errors."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, Response
from werkzeug.serving import make_server

from forecast.paths import Paths
from service.app import create_app
from service.core import run_store
from service.core.context import Context, open_context
from service.core.settings import Settings
from service.issues import refit as module
from service.issues.refit import refit
from tests.service import skies
from tests.service.support import NOW, ROOT, ROUTE, Hand, publish, random_paths, utc

ARTEFACTS = ROOT / "tests" / "artefacts" / "page"
EARLIER = dt.date(2025, 12, 25)
"""Day of an earlier issue."""

Visit = Callable[..., Page]


@dataclass
class Site:
    """The page, served on loopback."""

    url: str
    clock: Hand
    context: Context
    client: FlaskClient
    earlier: str = ""


@pytest.fixture(scope="module")
def site(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page with two issues of people and one of boats, fresh at `NOW`."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(published / "crossings.sqlite", folder)
    context = open_context(Settings(var_dir=folder, fitted_dir=published / "fitted"))
    earlier = publish(
        context.database,
        {"climatology": random_paths(str(EARLIER), 60)},
        run_id=1,
        issued_at=utc(2025, 12, 25, 15),
    )
    with _served(context, Hand(NOW)) as served:
        served.earlier = earlier.issue_id
        yield served


@pytest.fixture
def bare(empty: Context) -> Iterator[Site]:
    """The page of an empty database."""
    with _served(empty, Hand(NOW)) as served:
        yield served


@pytest.fixture
def alarmed(context: Context) -> Iterator[Site]:
    """The page of a service whose last full week left its interval and whose last refit failed."""
    published = {"climatology": Paths(np.datetime64("2025-12-20"), np.ones((200, 60), np.int64))}
    publish(context.database, published, run_id=1, issued_at=utc(2025, 12, 20, 15))
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "refit", "one that fails", NOW, ROUTE.name)
        assert claimed is not None
        run_store.finish(connection, claimed, "failed", "no model stands", {}, NOW)
    with _served(context, Hand(NOW)) as served:
        yield served


@pytest.fixture
def windy(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The page of a forecast with weather."""
    hand = Hand(utc(2026, 1, 1, 14))
    monkeypatch.setattr(module, "utc_now", hand)
    context = skies.reading(filled)
    skies.tell(
        context.database, utc(2026, 1, 1, 5), [1.5, 0.9, 0.4, 0.35, 1.2, 2.6, 1.9], members=3
    )
    refit(context)
    with _served(context, hand) as served:
        yield served


@pytest.fixture
def two_routes(context: Context) -> Iterator[Site]:
    """The page of a service with two routes; the second has no forecast."""
    settings = context.settings.model_copy(update={"routes": "channel,italy"})
    with _served(open_context(settings), Hand(NOW)) as served:
        yield served


@pytest.fixture
def mailed(mailing: Context) -> Iterator[Site]:
    """The page of a service that sends email."""
    with _served(mailing, Hand(NOW)) as served:
        yield served


class _served:
    def __init__(self, context: Context, clock: Hand) -> None:
        app = create_app(context, clock)
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.site = Site(url, clock, context, app.test_client())

    def __enter__(self) -> Site:
        self.thread.start()
        return self.site

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.site.context.database.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Open a path in a new window; browser errors fail the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_(
        path: str = "/",
        *,
        width: int = 1200,
        dark: bool = False,
        script: bool = True,
        base: str = "",
        expected: int = 200,
        outage: bool = False,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900 if width > 600 else 780},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            locale="en-GB",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()

        def is_bad(message: Any) -> bool:
            """Whether a message is unexpected; the browser reports failed requests itself."""
            planned = outage or expected >= 400
            return message.type in ("error", "warning") and not (
                planned and "Failed to load resource" in message.text
            )

        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if is_bad(m) else None)
        page.on("request", lambda r: complaints.append(r.url) if _is_strange(r.url) else None)
        answer = page.goto((base or site.url) + path)
        assert isinstance(answer, Response)
        assert answer.status == expected
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints


def _is_strange(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Save a screenshot of the whole page among the artefacts."""

    def picture(page: Page, name: str) -> None:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    return picture
