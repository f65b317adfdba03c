from __future__ import annotations

import re

from flask.testing import FlaskClient


def test_the_page_shows_every_path_and_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    for path, operations in client.get("/openapi.json").json["paths"].items():
        for method in operations:
            assert f'id="{method.upper()}{path}"' in page.text
    loaded = re.findall(r'(?:src|href)="([^"#][^"]*)"', page.text)
    assert loaded
    for address in loaded:
        assert address.startswith("/"), address
        with client.get(address) as answer:
            assert answer.status_code == 200
    assert "<script" not in page.text
    again = client.get("/docs", headers={"If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304
