from __future__ import annotations

from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import Context
from tests.service.support import ManualClock


def test_livez_and_readyz(shared: FlaskClient) -> None:
    assert shared.get("/livez").json == {"status": "alive"}
    assert shared.get("/readyz").json == {"status": "ready"}


def test_service_is_live_but_not_ready_before_the_first_issue(
    empty: Context, clock: ManualClock
) -> None:
    client = create_app(empty, clock).test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
    body = client.get("/v1/status").json
    assert (body["status"], body["reasons"][0]["name"]) == ("degraded", "no_issue")
    assert client.get("/v1/series").json["rows"][0]["latest_issue"] is None
