from __future__ import annotations

import gzip

import pytest
from flask import Flask, Response, make_response, request

from service.api.compression import compress

LONG = "arrivals " * 500


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.after_request(compress)

    @app.get("/<kind>")
    def send(kind: str) -> Response:
        answer = make_response("short" if kind == "short" else LONG)
        answer.mimetype = "application/octet-stream" if kind == "bytes" else "text/html"
        if kind == "cookie":
            answer.set_cookie("token", "secret")
        answer.set_etag("tag", weak=kind == "weak")
        answer.make_conditional(request)
        return answer

    return app


def test_compressed_bytes_have_a_tag_of_their_own(app: Flask) -> None:
    client = app.test_client()
    packed = client.get("/long", headers={"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(packed.data).decode() == LONG
    assert int(packed.headers["Content-Length"]) == len(packed.data)
    assert packed.headers["ETag"] == '"tag-gzip"'
    assert client.get("/long").headers["ETag"] == '"tag"'
    for coding, tag, status in [
        ("gzip", '"tag-gzip"', 304),
        ("gzip", '"other"', 200),
        ("", '"tag"', 304),
        ("", '"tag-gzip"', 200),
    ]:
        headers = {"Accept-Encoding": coding, "If-None-Match": tag}
        assert client.get("/long", headers=headers).status_code == status


@pytest.mark.parametrize("kind", ["short", "bytes", "cookie"])
def test_what_is_short_binary_or_private_stays_as_it_is(app: Flask, kind: str) -> None:
    answer = app.test_client().get(f"/{kind}", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("coding", ["", "br", "gzip;q=0", "identity"])
def test_who_does_not_take_gzip_gets_none(app: Flask, coding: str) -> None:
    answer = app.test_client().get("/long", headers={"Accept-Encoding": coding})
    assert answer.get_data(as_text=True) == LONG
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_weak_tag_stays_weak(app: Flask) -> None:
    answer = app.test_client().get("/weak", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["ETag"] == 'W/"tag"'
