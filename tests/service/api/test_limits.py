from __future__ import annotations

import dataclasses

import pytest
from flask.testing import FlaskClient

from service.api.counts import Counts
from service.app import create_app
from service.context import Context
from service.store import keys
from tests.service.support import NOW, Hand

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
        key = keys.create(connection, "one", "read", NOW)
    mine = {"Authorization": f"Bearer {key}"}
    guess = {"Authorization": f"Bearer crossings_0123456789_{'a' * 43}"}
    assert [few.get(FORECAST, headers=guess).status_code for _ in range(4)] == [401] * 3 + [429]
    assert [few.get(FORECAST, headers=mine).status_code for _ in range(3)] == [200, 200, 429]


def test_a_network_of_addresses_is_one_reader(few: FlaskClient) -> None:
    found = [
        few.get("/v1/nothing", environ_base={"REMOTE_ADDR": f"2001:db8::{n}"}).status_code
        for n in range(4)
    ]
    assert found[-1] == 429


def test_counts_forget_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("service.api.counts.time.time", lambda: now[0])
    counts = Counts()
    assert [counts.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert (counts.get("a"), counts.get_expiry("a")) == (3, 1060.0)
    now[0] = 1061.0
    assert counts.get("a") == 0
    assert counts.incr("a", 60) == 1
    for n in range(5000):
        counts.incr(f"stranger {n}", 1)
    now[0] = 2000.0
    for _ in range(5000):
        counts.incr("b", 60)
    assert counts.reset() < 10
