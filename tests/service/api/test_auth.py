import datetime as dt
import logging
import threading
from base64 import b64encode

import pytest
import sqlalchemy as sa

from service.api import auth as module
from service.api import key_store
from service.api.auth import OPEN, OPERATE
from service.app import create_app
from service.core import sqlite
from service.core.context import open_context
from service.core.database import connect
from service.core.settings import Settings
from tests.service.api.conftest import bearer, create_key
from tests.service.support import NOW, collect_sql
from tests.support.waiting import BOUND, wait_until

FORECAST = "/v1/series/people/forecast"


@pytest.fixture
def closed(client_with):
    """A service that listens on all addresses."""
    return client_with(host="0.0.0.0")


def test_every_route_needs_a_key_unless_listed_as_open(closed):
    assert len(OPEN) <= 15
    rules = list(closed.application.url_map.iter_rules())
    assert {rule.endpoint for rule in rules} >= OPEN | OPERATE, "only endpoints that exist"
    for rule in rules:
        view = {"view": "now"} if "view" in rule.arguments else {}
        path = rule.build(dict.fromkeys(rule.arguments, "1") | view)[1]
        for method in rule.methods - {"OPTIONS"}:
            with closed.open(path, method=method) as response:
                status = response.status_code
            if rule.endpoint in OPEN:
                assert status != 401, rule
            else:
                assert status == 401, (rule, method, status)


def test_key_grants_access_and_401_names_the_scheme(closed, context):
    key = create_key(context)
    response = closed.get(FORECAST, headers=bearer(key))
    assert response.status_code == 200
    assert response.headers["Cache-Control"].startswith("private"), "not for shared caches"
    response = closed.get(FORECAST)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="crossings"'
    assert response.json["title"] == "Unauthorized"
    page = closed.get("/", headers={"Accept": "text/html"})
    assert page.headers["WWW-Authenticate"].startswith("Basic ")
    basic = "Basic " + b64encode(f"anyone:{key}".encode()).decode()
    assert closed.get("/", headers={"Authorization": basic}).status_code == 200
    response = closed.post(f"{FORECAST[:-8]}scenarios", json={}, headers={"Authorization": basic})
    assert response.status_code == 401, "basic authentication is for reading"


def test_invalid_authorization_header_is_rejected(closed):
    for header in (
        *("Bearer", "Bearer nonsense", "Basic !!!", "Digest x", "Bearer \udce9"),
        *("crossings_0123456789_" + "a" * 43, "Bearer crossings_0123456789_" + "a" * 43),
    ):
        response = closed.get(FORECAST, headers={"Authorization": header})
        assert response.status_code == 401, header
        assert response.content_type == "application/problem+json"


def test_revoked_or_expired_key_is_rejected_and_never_logged(
    closed, client_with, context, clock, caplog
):
    ends = NOW + dt.timedelta(hours=1)
    lasting, short = create_key(context), create_key(context, "operate", ends)
    for key in (lasting, short):
        assert closed.get(FORECAST, headers=bearer(key)).status_code == 200
    with context.database.writing() as connection:
        assert key_store.revoke_key(connection, "read None", NOW)
        assert lasting[-43:] not in str(connection.exec_driver_sql("SELECT * FROM keys").all())
    clock.now = ends
    with caplog.at_level(logging.DEBUG):
        for key, state in ((lasting, "revoked"), (short, "expired")):
            response = closed.get(FORECAST, headers=bearer(key))
            assert (response.status_code, state in response.json["detail"]) == (401, True)
            assert key[10:20] in caplog.text
            assert key[-43:] not in caplog.text
            assert key not in response.text
    # Even from this machine, where no key is needed.
    local = client_with()
    assert local.get(FORECAST, headers=bearer(lasting)).status_code == 401
    assert local.get(FORECAST).status_code == 200


def test_anonymous_reading_is_local_and_without_a_proxy(client_with):
    local = client_with()
    assert local.get(FORECAST).status_code == 200
    assert local.get(FORECAST, environ_base={"REMOTE_ADDR": "10.0.0.1"}).status_code == 401
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert local.get(FORECAST, headers={name: "127.0.0.1"}).status_code == 401, name
    assert client_with(trusted_proxies=1).get(FORECAST).status_code == 401
    assert client_with(public_url="https://x.example").get(FORECAST).status_code == 401
    assert client_with(anonymous_reading="no").get(FORECAST).status_code == 401
    far = client_with(host="0.0.0.0", anonymous_reading="yes")
    assert far.get(FORECAST).status_code == 200
    assert far.post("/v1/jobs/refit").status_code == 401, "jobs always need a key"


def test_last_use_is_not_written_for_each_request(closed, context):
    key = create_key(context)
    with collect_sql(context) as statements:
        for _ in range(5):
            assert closed.get(FORECAST, headers=bearer(key)).status_code == 200
    assert sum(text.startswith("UPDATE keys") for text in statements) == 1
    with context.database.reading() as connection:
        (stored,) = key_store.list_keys(connection)
    assert stored.last_used_at == NOW


def test_reading_does_not_wait_for_a_writer(database_url, tmp_path, clock, monkeypatch, caplog):
    """Another connection holds the row of the key until the response arrives.

    The busy timeout is longer than the test may take.
    """
    caplog.set_level(logging.DEBUG, module.__name__)
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", int(1000 * 10 * BOUND))
    settings = Settings(var_dir=tmp_path, database_url=database_url, anonymous_reading="no")
    context = open_context(settings)
    key = create_key(context)
    client = create_app(context, clock).test_client()
    writer = connect(database_url)
    statuses = []

    def read_status():
        statuses.append(client.get("/v1/status", headers=bearer(key)).status_code)

    with writer.writing() as connection:
        connection.execute(sa.text("UPDATE keys SET name = 'other'"))
        reader = threading.Thread(target=read_status, daemon=True)
        reader.start()
        wait_until(lambda: statuses, "the response arrives during the other transaction")
    reader.join()
    assert statuses == [200]
    (skipped,) = [r for r in caplog.records if "the use of key" in r.message]
    assert skipped.levelno == logging.DEBUG, "it is not a fault"
    read_status()
    with context.database.reading() as connection:
        (stored,) = key_store.list_keys(connection)
    assert stored.last_used_at == NOW, "the next use is recorded"
    writer.close()
    context.database.close()


def test_recent_keys_are_accepted_while_the_database_is_missing(closed, context, clock):
    ends = NOW + dt.timedelta(minutes=1)
    lasting, short = create_key(context), create_key(context, expires_at=ends)
    new = create_key(context, "operate")

    def status_of(key):
        return closed.get("/metrics", headers=bearer(key)).status_code

    assert [status_of(key) for key in (lasting, short)] == [200, 200]
    folder = context.settings.var_dir
    context.database.close()
    folder.rename(folder.with_name("moved"))
    assert "crossings_store_up 0.0" in closed.get("/metrics", headers=bearer(lasting)).text
    clock.now = ends
    assert [status_of(key) for key in (lasting, short, new, f"{new}x")] == [200, 401, 503, 503]
    assert closed.get("/livez", headers=bearer(new)).status_code == 200, "it is not looked up"
    folder.with_name("moved").rename(folder)
    with context.database.writing() as connection:
        assert key_store.revoke_key(connection, "read None", NOW)
    assert [status_of(key) for key in (lasting, new)] == [401, 200], "looked up again"
