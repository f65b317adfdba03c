"""What a first visit to the page costs: bytes over the wire, requests, time until it is usable.

    python -m bench.page http://127.0.0.1:8000

Prints a table and ends with 1 when a page is beyond its budget. Needs Chromium.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

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

    def is_within(self, url: str) -> bool:
        """Whether the visit keeps to the budget."""
        return (
            self.wire_bytes < MOST_BYTES
            and self.interactive_ms < MOST_MILLISECONDS
            and not self.strangers(url)
        )


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


def main(base: str) -> int:
    """Measure every view; 1 when one is beyond its budget."""
    good = True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for path in PATHS:
            url = base.rstrip("/") + path
            cost = measure(browser, url)
            good &= cost.is_within(url)
            print(
                f"{path:10} {cost.wire_bytes:>8,} bytes {len(cost.requests):>3} requests "
                f"{cost.interactive_ms:>6.0f} ms {'' if cost.is_within(url) else 'beyond budget'}"
            )
        browser.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or ["http://127.0.0.1:8000"]))
