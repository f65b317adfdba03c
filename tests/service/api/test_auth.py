from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from service.answers.issue_loader import IssueLoader
from service.api import auth as module
from service.api import key_store
from service.api.auth import OPEN, OPERATE
from service.app import create_app
from service.core import sqlite
from service.core.context import Context, open_context
from service.core.database import connect
from service.core.settings import Settings
from tests.service.support import NOW, Hand, sql_counted
from tests.support.away import Away
from tests.support.waiting import BOUND, wait_until

FORECAST = "/v1/series/people/forecast"


def app_with(context: Context, clock: Hand, **settings: object) -> FlaskClient:
    changed = context.settings.model_copy(update=settings)
    return create_app(dataclasses.replace(context, settings=changed), clock).test_client()


@pytest.fixture
def closed(context: Context, clock: Hand) -> FlaskClient:
    """A service on an address that others reach."""
    return app_with(context, clock, host="0.0.0.0")


def make(context: Context, scope: str = "read", expires: dt.datetime | None = None) -> str:
    with context.database.writing() as connection:
        return key_store.create(connection, f"{scope} {expires}", scope, NOW, expires)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_route_wants_a_key_or_is_on_the_short_list(closed: FlaskClient) -> None:
    assert len(OPEN) <= 15
    rules = list(closed.application.url_map.iter_rules())
    assert {rule.endpoint for rule in rules} >= OPEN | OPERATE, "no name that nobody has"
    for rule in rules:
        view = {"view": "now"} if "view" in rule.arguments else {}
        path = rule.build(dict.fromkeys(rule.arguments, "1") | view)[1]
        for method in rule.methods - {"OPTIONS"}:
            status = closed.open(path, method=method).status_code
            if rule.endpoint in OPEN:
                assert status != 401, rule
            else:
                assert status == 401, (rule, method, status)


def test_a_key_opens_and_a_page_asks_for_it(closed: FlaskClient, context: Context) -> None:
    key = make(context)
    assert closed.get(FORECAST, headers=bearer(key)).status_code == 200
    refused = closed.get(FORECAST)
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="crossings"'
    assert refused.json["title"] == "Unauthorized"
    page = closed.get("/", headers={"Accept": "text/html"})
    assert page.headers["WWW-Authenticate"].startswith("Basic ")
    basic = "Basic " + b64encode(f"anyone:{key}".encode()).decode()
    assert closed.get("/", headers={"Authorization": basic}).status_code == 200
    asked = closed.post(f"{FORECAST[:-8]}scenarios", json={}, headers={"Authorization": basic})
    assert asked.status_code == 401, "a browser's password is for reading"


def test_what_is_read_with_a_key_is_for_no_shared_cache(
    closed: FlaskClient, context: Context
) -> None:
    answer = closed.get(FORECAST, headers=bearer(make(context)))
    assert answer.headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Bearer nonsense", "Basic !!!", "Basic e30=", "Digest x"),
        *("crossings_0123456789_" + "a" * 43, "Bearer crossings_0123456789_" + "a" * 43),
        *("Bearer ' OR 1=1 --", "Bearer \udce9", "Bearer " + "x" * 3000),
    ],
)
def test_what_is_no_key_is_refused(closed: FlaskClient, header: str) -> None:
    answer = closed.get(FORECAST, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"


def test_a_revoked_or_expired_key_is_refused_at_once_and_not_logged(
    closed: FlaskClient, context: Context, clock: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    ends = NOW + dt.timedelta(hours=1)
    lasting, short = make(context), make(context, "operate", ends)
    for key in (lasting, short):
        assert closed.get(FORECAST, headers=bearer(key)).status_code == 200
    with context.database.writing() as connection:
        assert key_store.revoke(connection, "read None", NOW)
    clock.now = ends
    with caplog.at_level(logging.DEBUG):
        for key, state in ((lasting, "revoked"), (short, "expired")):
            answer = closed.get(FORECAST, headers=bearer(key))
            assert (answer.status_code, state in answer.json["detail"]) == (401, True)
            assert key[:20] in caplog.text
            assert key[-43:] not in caplog.text
            assert key not in answer.text
    # even from this machine, where none would be needed
    near = app_with(context, clock)
    assert near.get(FORECAST, headers=bearer(lasting)).status_code == 401
    assert near.get(FORECAST).status_code == 200


def test_reading_is_open_only_near_and_without_a_proxy(context: Context, clock: Hand) -> None:
    near = app_with(context, clock)
    assert near.get(FORECAST).status_code == 200
    assert near.get(FORECAST, environ_base={"REMOTE_ADDR": "10.0.0.1"}).status_code == 401
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert near.get(FORECAST, headers={name: "127.0.0.1"}).status_code == 401, name
    assert app_with(context, clock, trusted_proxies=1).get(FORECAST).status_code == 401
    assert app_with(context, clock, public_url="https://x.example").get(FORECAST).status_code == 401
    assert app_with(context, clock, anonymous_reading="no").get(FORECAST).status_code == 401
    far = app_with(context, clock, host="0.0.0.0", anonymous_reading="yes")
    assert far.get(FORECAST).status_code == 200
    assert far.post("/v1/jobs/refit").status_code == 401, "work is never for anyone"


def test_use_is_recorded_without_a_write_for_each_request(
    closed: FlaskClient, context: Context
) -> None:
    key = make(context)
    with sql_counted(context) as statements:
        for _ in range(5):
            assert closed.get(FORECAST, headers=bearer(key)).status_code == 200
    assert sum(text.startswith("UPDATE keys") for text in statements) == 1
    with context.database.reading() as connection:
        (listed,) = key_store.listing(connection)
    assert listed.last_used_at == NOW


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_read_does_not_wait_for_who_writes(
    database_url: str,
    tmp_path: Path,
    clock: Hand,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another connection holds the row of the key, and does not let go before the answer is there.

    Who waited for it would wait for as long as the test may take.
    """
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", int(1000 * 10 * BOUND))
    settings = Settings(var_dir=tmp_path, database_url=database_url, anonymous_reading="no")
    context = open_context(settings)
    key = make(context)
    client = create_app(context, clock).test_client()
    writer = connect(database_url)
    answers: list[int] = []

    def ask() -> None:
        answers.append(client.get("/v1/status", headers=bearer(key)).status_code)

    with writer.writing() as connection:
        connection.execute(sa.text("UPDATE keys SET name = 'other'"))
        reader = threading.Thread(target=ask, daemon=True)
        reader.start()
        wait_until(lambda: answers, "the answer comes while the other writes")
    reader.join()
    assert answers == [200]
    assert "the use of key" in caplog.text
    monkeypatch.setattr(module, "_USED_SECONDS", 0.0)
    client = create_app(context, clock).test_client()
    ask()
    with context.database.reading() as connection:
        (listed,) = key_store.listing(connection)
    assert listed.last_used_at == NOW, "recorded with the next use"
    writer.close()
    context.database.close()


def test_only_a_hash_is_stored(context: Context) -> None:
    key = make(context)
    with context.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM keys").all()
    assert key[-43:] not in str(rows)
    assert "secret" not in str(key_store.Key.__dataclass_fields__)


@pytest.fixture
def away(postgresql: str) -> Iterator[Away]:
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # a socket's path must be short
        yield Away(postgresql, Path(folder))


@pytest.fixture
def far(away: Away, tmp_path: Path) -> Iterator[Context]:
    opened = open_context(Settings(var_dir=tmp_path, database_url=away.url, host="0.0.0.0"))
    with opened.database.writing() as connection:
        connection.execute(sa.text("DELETE FROM keys"))
    yield opened
    opened.database.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_key_seen_lately_is_believed_while_the_database_is_away(
    far: Context, away: Away, clock: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + sum(passed))
    web = create_app(far, clock).test_client()
    lasting, other = make(far), make(far, "operate")
    short = make(far, expires=NOW + dt.timedelta(minutes=1))
    revoked = make(far, expires=NOW + dt.timedelta(days=1))

    def ask(key: str, path: str = "/metrics") -> int:
        return web.get(path, headers=bearer(key)).status_code

    assert [ask(key) for key in (lasting, short, revoked)] == [200] * 3
    with far.database.writing() as connection:
        assert key_store.revoke(connection, f"read {NOW + dt.timedelta(days=1)}", NOW)
    assert ask(revoked) == 401, "at once while the database answers"
    passed.append(1800.0)
    assert [ask(key) for key in (short, revoked)] == [200, 401]
    away.go()
    assert "crossings_store_up 0.0" in web.get("/metrics", headers=bearer(lasting)).text
    assert ask(short) == 200
    clock.now += dt.timedelta(minutes=1)
    assert (ask(short), ask(revoked), ask(other)) == (401, 503, 503), "expired, revoked, unseen"
    assert ask(lasting[:-1] + ("a" if lasting[-1] != "a" else "b")) == 503
    assert [ask(key, "/livez") for key in (lasting, other, "nonsense")] == [200] * 3
    passed.append(1900.0)
    assert ask(lasting) == 503, "not for longer than an hour, whatever was asked meanwhile"
    away.come_back()
    assert [ask(key) for key in (lasting, short, revoked)] == [200, 401, 401]


def test_no_more_keys_are_believed_than_are_kept(
    context: Context, clock: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KEYS", 2)
    keys = module._Keys(IssueLoader(context, clock))
    with context.database.writing() as connection:
        made = [key_store.create(connection, f"{n}", "read", NOW) for n in range(3)]
    found = [keys.identify(key) for key in made]
    assert [keys.lately(key) for key in made] == [None, *found[1:]]
    assert made[2] not in str(vars(keys))


def test_a_confirmed_key_is_no_guess_while_it_is_confirmed_again(context: Context) -> None:
    with context.database.writing() as connection:
        key = key_store.create(connection, "one", "read", NOW)
    seen: list[bool] = []

    def clock() -> dt.datetime:  # asked between the look-up and its end
        seen.append(keys.lately(key) is not None)
        return NOW

    keys = module._Keys(IssueLoader(context, clock))
    keys.identify(key)
    keys.identify(key)
    assert seen == [False, True, True]  # the first use is recorded after it


def test_open_endpoints_look_no_key_up(closed: FlaskClient, context: Context) -> None:
    with sql_counted(context) as statements:
        assert closed.get("/livez", headers=bearer(make(context))).status_code == 200
        asked = [text for text in statements if text.startswith("SELECT")]
        closed.options(FORECAST, headers=bearer("nonsense"))
    assert not [text for text in asked if "keys" in text]
    assert not [text for text in statements if text.startswith("SELECT keys")]
