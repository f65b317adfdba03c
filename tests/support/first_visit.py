"""Measures a first visit to a page: bytes transferred, and requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser

from tests.support.waiting import BOUND

MOST_BYTES = 200_000
PATHS = ("/", "/plan", "/record", "/about")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@dataclass(frozen=True)
class VisitCost:
    """Cost of one visit with an empty cache.

    Attributes
    ----------
    wire_bytes : int
        Headers and bodies of all responses, as sent.
    """

    wire_bytes: int
    requests: list[str]

    def strangers(self, url: str) -> list[str]:
        """Requests to other servers."""
        own = urlsplit(url).netloc
        return [one for one in self.requests if urlsplit(one).netloc not in (own, "")]


def measure(browser: Browser, url: str) -> VisitCost:
    """Visit `url` with an empty cache."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(1000 * BOUND)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    requests: list[str] = []

    def finished(event: dict[str, Any]) -> None:
        sizes.append(int(event["encodedDataLength"]))

    session.on("Network.loadingFinished", finished)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url, wait_until="load")
    context.close()
    return VisitCost(sum(sizes), requests)
