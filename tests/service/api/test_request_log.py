from __future__ import annotations

import dataclasses
import logging

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import Context
from service.core.logs import request_id
from tests.service.support import Hand

STATUS = "/v1/status"


def with_settings(context: Context, clock: Hand, **settings: object) -> FlaskClient:
    changed = context.settings.model_copy(update=settings)
    return create_app(dataclasses.replace(context, settings=changed), clock).test_client()


def test_each_answer_has_an_id_of_its_own(client: FlaskClient) -> None:
    ids = {client.get(path).headers["X-Request-Id"] for path in (STATUS, STATUS, "/no", "/livez")}
    assert len(ids) == 4
    assert all(len(one) == 16 for one in ids)


@pytest.mark.parametrize("given", ["a", "7f9c-1.2_3=", "A" * 64])
def test_a_sane_id_is_kept(client: FlaskClient, given: str) -> None:
    assert client.get(STATUS, headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "-a", "A" * 65, "a b", "é", '"x"', "a;b", "<b>", "a@b.org"])
def test_another_is_replaced(client: FlaskClient, given: str) -> None:
    found = client.get(STATUS, headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert found != given and found.isalnum()


def test_what_is_logged_on_the_way_has_the_id(
    context: Context, clock: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(request_id.get())

    client = with_settings(context, clock, anonymous_reading="no")
    log = logging.getLogger("service.api.auth")
    handler = Note()
    log.addHandler(handler)
    try:
        client.get(STATUS, headers={"Authorization": "Bearer x", "X-Request-Id": "mine"})
    finally:
        log.removeHandler(handler)
    assert seen == ["mine"]
    assert request_id.get() == "", "the thread goes on to another"


def test_requests_that_fail_are_logged_and_others_where_it_is_wanted(
    context: Context, empty: Context, clock: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.api.request_log")
    with_settings(context, clock).get(f"{STATUS}?x=1")
    assert not caplog.records
    create_app(empty, clock).test_client().get("/v1/series/people/forecast")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.fields["status"] == 503  # type: ignore[attr-defined]
    caplog.clear()
    everything = with_settings(context, clock, log_requests="all")
    everything.get("/subscribe/confirm/secret-token-of-someone")
    (record,) = caplog.records
    assert record.fields["route"] == "/subscribe/confirm/<token>"  # type: ignore[attr-defined]
    assert "secret-token" not in record.getMessage()
    assert record.fields["milliseconds"] > 0  # type: ignore[attr-defined]


def test_a_defect_is_logged_with_the_route_and_the_id(
    context: Context, clock: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(context, clock)

    @app.get("/broken/<token>")
    def broken(token: str) -> str:
        raise RuntimeError("a defect")

    answer = app.test_client().get("/broken/hush-hush")
    assert answer.status_code == 500
    assert "X-Request-Id" in answer.headers
    assert "/broken/<token>" in caplog.text
    assert "hush-hush" not in caplog.text
