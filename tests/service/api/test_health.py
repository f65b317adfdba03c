from __future__ import annotations

from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import Context
from tests.service.support import Hand, utc


def test_alive_and_ready(shared: FlaskClient) -> None:
    assert shared.get("/livez").json == {"status": "alive"}
    assert shared.get("/readyz").json == {"status": "ready"}


def test_a_stale_forecast_is_ready_all_the_same(client: FlaskClient, clock: Hand) -> None:
    clock.now = utc(2026, 11, 21)
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/status").json["status"] == "stale"


def test_before_the_first_issue_it_lives_and_is_not_ready(empty: Context, clock: Hand) -> None:
    client = create_app(empty, clock).test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503
    body = client.get("/v1/status").json
    assert (body["status"], body["reasons"][0]["name"]) == ("degraded", "no_issue")
    assert client.get("/v1/series").json["rows"][0]["latest_issue"] is None


def test_a_database_without_tables_is_not_ready(empty: Context, clock: Hand) -> None:
    import sqlalchemy as sa

    with empty.database.writing() as connection:
        connection.execute(sa.text("DROP TABLE issue_notes"))
        connection.execute(sa.text("DROP TABLE issue_paths"))
        connection.execute(sa.text("DROP TABLE issues"))
    client = create_app(empty, clock).test_client()
    assert client.get("/readyz").status_code == 503
