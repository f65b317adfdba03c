"""What a first visit to the page costs: bytes over the wire, requests, time until it is usable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser

MOST_BYTES = 200_000
MOST_MILLISECONDS = 1000
PATHS = ("/", "/plan", "/record", "/about")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@dataclass(frozen=True)
class Cost:
    """Of one visit with an empty cache.

    Attributes
    ----------
    wire_bytes : int
        Heads and bodies of all answers, as sent.
    interactive_ms : float
        From the start of the navigation until every script has run.
    """

    wire_bytes: int
    requests: list[str]
    interactive_ms: float

    def strangers(self, url: str) -> list[str]:
        """Requests that went elsewhere than to the page's own server."""
        own = urlsplit(url).netloc
        return [one for one in self.requests if urlsplit(one).netloc not in (own, "")]


def measure(browser: Browser, url: str) -> Cost:
    """Visit `url` as somebody who was never here."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    requests: list[str] = []

    def finished(event: dict[str, Any]) -> None:
        sizes.append(int(event["encodedDataLength"]))

    session.on("Network.loadingFinished", finished)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url, wait_until="load")
    ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    context.close()
    return Cost(sum(sizes), requests, ready)
