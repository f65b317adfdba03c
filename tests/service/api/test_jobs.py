from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from service.api import key_store
from service.core import request_store
from service.core.context import Context
from service.core.job_runner import JobError, Outcome, perform
from service.scheduler import request_worker
from tests.service.support import NOW


@pytest.fixture
def operate(context: Context) -> dict[str, str]:
    with context.database.writing() as connection:
        key = key_store.create(connection, "desk", "operate", NOW)
    return {"Authorization": f"Bearer {key}"}


def test_a_request_is_left_claimed_and_its_state_told(
    client: FlaskClient,
    context: Context,
    operate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = client.post("/v1/jobs/ingest", headers=operate)
    assert (left.status_code, left.json["outcome"]) == (202, "waiting")
    assert left.json["asked_by"] == "desk"
    again = client.post("/v1/jobs/ingest", headers=operate)
    assert again.json["request_id"] == left.json["request_id"], "the one that waits"
    place = left.headers["Location"]
    seen = []

    def work(context: Context, period: str) -> Outcome:
        seen.append(client.get(place, headers=operate).json["outcome"])
        return Outcome("done", "all well")

    monkeypatch.setitem(request_worker._WORK, "ingest", work)
    request_worker.take(context, request_store.JOBS)
    state = client.get(place, headers=operate).json
    assert seen == ["running"]
    assert (state["outcome"], state["reason"]) == ("done", "all well")
    assert state["finished_at"] is not None
    request_worker.take(context, request_store.JOBS)  # nothing waits
    assert seen == ["running"]


def test_a_failure_is_in_its_row(
    client: FlaskClient,
    context: Context,
    operate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(context: Context, period: str) -> Outcome:
        raise JobError("no figures")

    monkeypatch.setitem(request_worker._WORK, "refit", work)
    place = client.post("/v1/jobs/refit", headers=operate).headers["Location"]
    request_worker.take(context, request_store.JOBS)
    state = client.get(place, headers=operate).json
    assert (state["outcome"], state["reason"]) == ("failed", "no figures")


def test_a_request_ends_as_its_run_did_though_nobody_lived_to_say_so(
    client: FlaskClient,
    context: Context,
    operate: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(context: Context, period: str) -> Outcome:
        return perform(context, "refit", lambda _: Outcome("done", "published"), period)

    asked = client.post("/v1/jobs/refit", headers=operate)
    work(context, request_store.period(asked.json["request_id"]))
    monkeypatch.setitem(request_worker._WORK, "refit", work)
    request_worker.take(context, request_store.JOBS)
    state = client.get(asked.headers["Location"], headers=operate).json
    assert (state["outcome"], state["reason"]) == ("done", "published")


def test_every_job_that_can_be_asked_for_can_be_done() -> None:
    assert set(request_worker._WORK) == set(request_store.JOBS)


def test_work_wants_a_key_that_may_operate(client: FlaskClient, context: Context) -> None:
    with context.database.writing() as connection:
        key = key_store.create(connection, "reader", "read", NOW)
    reading = {"Authorization": f"Bearer {key}"}
    for method, path in (("POST", "/v1/jobs/refit"), ("GET", "/v1/jobs/requests/1")):
        assert client.open(path, method=method).status_code == 401
        assert client.open(path, method=method, headers=reading).status_code == 403
    with context.database.reading() as connection:
        assert request_store.find(connection, 1) is None


@pytest.mark.parametrize("path", ["/v1/jobs/requests/99", "/v1/jobs/requests/99999999999999999999"])
def test_what_was_not_left_is_not_found(
    client: FlaskClient, operate: dict[str, str], path: str
) -> None:
    assert client.get(path, headers=operate).status_code == 404
    answer = client.post("/v1/jobs/shutdown", headers=operate)
    assert (answer.status_code, "refit" in answer.json["detail"]) == (404, True)
