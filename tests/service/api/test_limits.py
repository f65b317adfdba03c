import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec

import pytest
from limits import parse
from limits.storage import memory

from service.api.limits import Limits
from service.core.settings import Settings, SettingsError
from tests.service.api.conftest import bearer, create_key
from tests.service.support import collect_sql, free_port
from tests.support.waiting import wait_until

FORECAST = "/v1/series/people/forecast"


@pytest.fixture
def limited(client_with):
    return client_with(rate_per_key="2/hour", rate_per_address="3/hour")


def test_429_has_retry_after_and_the_next_request_is_answered(client_with, monkeypatch):
    now = 1_700_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    client = client_with(rate_per_address="2/minute")
    assert [client.get(FORECAST).status_code for _ in range(3)] == [200, 200, 429]
    now += 0.5
    response = client.get(FORECAST)
    assert response.content_type == "application/problem+json"
    other = client.get(FORECAST, environ_base={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 200
    assert client.get("/livez").status_code == 200
    assert 0 < int(response.headers["Retry-After"]) <= 60
    now += int(response.headers["Retry-After"])
    assert client.get(FORECAST).status_code == 200


def test_requests_are_counted_per_key_and_per_address(limited, context):
    used_key, new_key = create_key(context), create_key(context, "operate")
    wrong_keys = [f"crossings_{number:010x}_{'a' * 43}" for number in range(5)]

    def status_of(key, address="127.0.0.1"):
        environ = {"REMOTE_ADDR": address}
        return limited.get(FORECAST, headers=bearer(key), environ_base=environ).status_code

    assert status_of(used_key) == 200
    # The first request with a key counts as a guess, too.
    with collect_sql(context) as statements:
        assert [status_of(key) for key in wrong_keys] == [401, 401, 429, 429, 429]
    lookups = [text for text in statements if "FROM keys" in text]
    assert len(lookups) == 2, "keys beyond the limit are not tried"
    assert limited.get(FORECAST).status_code == 200, "guesses are counted apart"
    assert [status_of(used_key) for _ in range(2)] == [200, 429]
    assert status_of(new_key) == 429, "valid new keys are not tried either"
    assert status_of(new_key, "127.0.0.2") == 200


def test_ipv6_addresses_are_counted_by_network(limited):
    statuses = [
        limited.get("/v1/nothing", environ_base={"REMOTE_ADDR": f"2001:db8::{n}"}).status_code
        for n in range(4)
    ]
    assert statuses[-1] == 429


def test_expired_counts_are_dropped_without_threads(context, monkeypatch):
    settings = context.settings.model_copy(update={"rate_per_address": "3/second"})
    counts, limit = Limits(settings), parse("3/second")
    now = time.time()
    monkeypatch.setattr(memory.time, "time", lambda: now)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and thread.interval < 1:
            thread.join()  # the storage starts one
    monkeypatch.setattr(threading, "Timer", None)  # starting another would fail
    for number in range(20):
        counts._count(limit, "address", f"192.0.2.{number}")
    assert len(counts._memory.expirations) == 20
    monkeypatch.setattr(memory.time, "time", lambda: now + 2)
    monkeypatch.setattr(counts, "_drop_at", 0.0)
    counts._count(limit, "address", "192.0.2.99")
    assert len(counts._memory.expirations) == len(counts._memory.storage) == 1


class Redis:
    """A Redis server on a free port."""

    def __init__(self, folder):
        self.port = free_port()
        self.folder = folder
        self.start()

    def start(self):
        options = ["--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.child = subprocess.Popen(
            ["redis-server", *map(str, options)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self.is_listening, "redis-server starts")

    def is_listening(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def stop(self):
        self.child.send_signal(signal.SIGCONT)
        self.child.kill()
        self.child.wait()


@pytest.fixture
def redis(tmp_path):
    if shutil.which("redis-server") is None or find_spec("redis") is None:
        pytest.skip("redis-server or the package redis is not installed")
    server = Redis(tmp_path)
    yield server
    server.stop()


def test_workers_share_counts_in_redis(client_with, redis, caplog):
    store = f"redis://127.0.0.1:{redis.port}/0"
    one, two = (client_with(rate_per_address="3/hour", rate_store=store) for _ in range(2))
    statuses = [web.get(FORECAST).status_code for web in (one, two, one, two, one)]
    assert statuses == [200, 200, 200, 429, 429]
    assert 0 < int(one.get(FORECAST).headers["Retry-After"]) <= 3600
    redis.child.send_signal(signal.SIGSTOP)
    # While Redis hangs, requests hardly wait, and each worker counts for itself.
    assert [one.get(FORECAST).status_code for _ in range(4)] == [200, 200, 200, 429]
    redis.stop()
    assert two.get(FORECAST).status_code == 200
    assert caplog.text.count("each worker counts requests separately") == 2
    redis.start()
    wait_until(lambda: one.get(FORECAST).status_code == 200, "Redis counts again")


def test_rate_store_without_its_package_is_rejected(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match=r"^CROSSINGS_RATE_STORE: expected memory://, or a "):
        Limits(Settings(rate_store="redis://127.0.0.1:1/0"))
