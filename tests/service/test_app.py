import gzip
import re

import pytest

FORECAST = "/v1/series/people/forecast"


def test_compressed_responses_have_their_own_etag(client):
    plain = client.get(FORECAST)
    compressed = client.get(FORECAST, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(compressed.data) == plain.data
    assert compressed.headers["ETag"] != plain.headers["ETag"]
    assert {"Accept", "Accept-Encoding"} <= {*compressed.headers["Vary"].split(", ")}
    for encoding, cached, status in (
        ("gzip", compressed, 304),
        ("gzip", plain, 304),
        ("identity", plain, 304),
        ("identity", compressed, 200),
    ):
        headers = {"Accept-Encoding": encoding, "If-None-Match": cached.headers["ETag"]}
        assert client.get(FORECAST, headers=headers).status_code == status


PATHS_WITH_ETAG = [
    FORECAST,
    f"{FORECAST}?format=csv",
    "/v1/status",
    "/",
    "/plan/plan.csv",
    "/static/page.css",
]


@pytest.mark.parametrize("encoding", ["identity", "br"])
@pytest.mark.parametrize("path", PATHS_WITH_ETAG)
def test_head_and_304_have_the_headers_of_get(client, path, encoding):
    def headers(response):
        response.close()  # closes the static file
        return {k: v for k, v in response.headers.items() if k not in ("Date", "X-Request-Id")}

    request_headers = {"Accept-Encoding": encoding}
    expected = headers(client.get(path, headers=request_headers))
    assert headers(client.head(path, headers=request_headers)) == expected
    request_headers["If-None-Match"] = expected["ETag"]
    for method in ("GET", "HEAD"):
        response = client.open(path, method=method, headers=request_headers)
        assert response.status_code == 304
        of_content = {"Content-Type", "Content-Length", "Content-Encoding", "Last-Modified"}
        assert headers(response) == {k: v for k, v in expected.items() if k not in of_content}


def test_no_path_redirects(client):
    """Behind a proxy, a redirect would name the internal host."""
    rules = client.application.url_map.iter_rules()
    paths = {re.sub("<.*?>", "1", rule.rule).rstrip("/") for rule in rules} - {""}
    for path in sorted(path + end for path in paths for end in ("", "/", "//")):
        for method in ("GET", "POST"):
            with client.open(path, method=method) as response:
                assert not 300 <= response.status_code < 400, (method, path)
