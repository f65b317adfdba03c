from __future__ import annotations

from flask.testing import FlaskClient


def test_livez_and_readyz(shared: FlaskClient) -> None:
    assert shared.get("/livez").json == {"status": "alive"}
    assert shared.get("/readyz").json == {"status": "ready"}
