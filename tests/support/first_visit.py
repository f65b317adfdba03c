"""Measures a first visit to a page: bytes transferred, and requests."""

from urllib.parse import urlsplit

from tests.support.waiting import BOUND

MOST_BYTES = 200_000
PATHS = ("/", "/plan", "/record", "/about")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def measure(browser, url):
    """Visit `url` with an empty cache; return the bytes received, and requests elsewhere."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(1000 * BOUND)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes = []
    requests = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url, wait_until="load")
    context.close()
    own = urlsplit(url).netloc
    return int(sum(sizes)), [one for one in requests if urlsplit(one).netloc not in (own, "")]
