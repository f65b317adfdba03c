from __future__ import annotations

import contextlib
import dataclasses
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from limits import parse
from limits.storage import memory

from service.api import key_store
from service.api.limits import Limits
from service.app import create_app
from service.core.context import Context
from service.core.settings import Settings, SettingsError
from tests.service.support import NOW, Hand, sql_counted
from tests.support.waiting import wait_until

FORECAST = "/v1/series/people/forecast"


@pytest.fixture
def few(context: Context, clock: Hand) -> FlaskClient:
    tight = {"rate_per_key": "2/hour", "rate_per_address": "3/hour"}
    settings = context.settings.model_copy(update=tight)
    return create_app(dataclasses.replace(context, settings=settings), clock).test_client()


def test_too_many_are_told_when_to_come_again(few: FlaskClient) -> None:
    assert [few.get(FORECAST).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = few.get(FORECAST)
    assert refused.content_type == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    other = few.get(FORECAST, environ_base={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200
    assert few.get("/livez").status_code == 200


def test_a_key_is_counted_by_itself_and_guesses_by_their_address(
    few: FlaskClient, context: Context
) -> None:
    with context.database.writing() as connection:
        key = key_store.create(connection, "one", "read", NOW)
        late = key_store.create(connection, "two", "read", NOW)
    mine, unseen = ({"Authorization": f"Bearer {each}"} for each in (key, late))
    guess = {"Authorization": f"Bearer crossings_0123456789_{'a' * 43}"}
    assert few.get(FORECAST, headers=mine).status_code == 200
    # The first time that a key is seen it may be a guess, too.
    assert [few.get(FORECAST, headers=guess).status_code for _ in range(3)] == [401, 401, 429]
    assert few.get(FORECAST).status_code == 200, "whoever guesses is counted by itself"
    assert [few.get(FORECAST, headers=mine).status_code for _ in range(2)] == [200, 429]
    elsewhere = {"REMOTE_ADDR": "127.0.0.2"}
    assert few.get(FORECAST, headers=unseen).status_code == 429, "not even right ones are tried"
    assert few.get(FORECAST, headers=unseen, environ_base=elsewhere).status_code == 200


def test_guesses_beyond_the_limit_are_not_looked_up(few: FlaskClient, context: Context) -> None:
    for number in range(6):
        guess = {"Authorization": f"Bearer crossings_{number:010x}_{'a' * 43}"}
        with sql_counted(context) as statements:
            few.get(FORECAST, headers=guess)
        looked = [text for text in statements if "FROM keys" in text]
        assert len(looked) == (number < 3)


def test_a_network_of_addresses_is_one_reader(few: FlaskClient) -> None:
    found = [
        few.get("/v1/nothing", environ_base={"REMOTE_ADDR": f"2001:db8::{n}"}).status_code
        for n in range(4)
    ]
    assert found[-1] == 429


def test_expired_counts_are_dropped_without_threads(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = context.settings.model_copy(update={"rate_per_address": "3/second"})
    counts, limit = Limits(settings), parse("3/second")
    now = time.time()
    monkeypatch.setattr(memory.time, "time", lambda: now)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and thread.interval < 1:
            thread.join()  # the one with which the storage begins
    monkeypatch.setattr(threading, "Timer", None)  # whoever starts another fails
    for number in range(20):
        counts._count(limit, "address", f"192.0.2.{number}")
    assert len(counts._memory.expirations) == 20
    monkeypatch.setattr(memory.time, "time", lambda: now + 2)
    monkeypatch.setattr(counts, "_drop_at", 0.0)
    counts._count(limit, "address", "192.0.2.99")
    assert len(counts._memory.expirations) == len(counts._memory.storage) == 1


class Redis:
    """A real server on a port of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.folder = folder
        self.start()

    def start(self) -> None:
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.child = subprocess.Popen(
            ["redis-server", *map(str, own)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.answers, "redis-server starts")

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def stop(self) -> None:
        self.child.send_signal(signal.SIGCONT)
        self.child.kill()
        self.child.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None or find_spec("redis") is None:
        pytest.skip("no redis-server, or no package redis: requests are counted in memory alone")
    server = Redis(tmp_path)
    yield server
    server.stop()


def test_workers_that_share_a_redis_count_together(
    context: Context, clock: Hand, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    tight = {"rate_per_address": "3/hour", "rate_store": f"redis://127.0.0.1:{redis.port}/0"}
    own = dataclasses.replace(context, settings=context.settings.model_copy(update=tight))
    one, two = (create_app(own, clock).test_client() for _ in range(2))
    found = [web.get(FORECAST).status_code for web in (one, two, one, two, one)]
    assert found == [200, 200, 200, 429, 429]
    assert 0 < int(one.get(FORECAST).headers["Retry-After"]) <= 3600
    redis.child.send_signal(signal.SIGSTOP)
    # One that hangs holds nobody for long; each worker counts for itself meanwhile.
    assert [one.get(FORECAST).status_code for _ in range(4)] == [200, 200, 200, 429]
    redis.stop()
    assert two.get(FORECAST).status_code == 200
    assert caplog.text.count("each worker counts requests for itself") == 2
    redis.start()
    wait_until(lambda: one.get(FORECAST).status_code == 200, "it is counted in Redis again")


def test_a_store_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(SettingsError, match=r"^CROSSINGS_RATE_STORE: expected memory://, or a "):
        Limits(Settings(rate_store="redis://127.0.0.1:1/0"))
