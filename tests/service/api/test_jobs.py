import pytest

from service.core import run_store
from service.core.database import Unavailable
from service.core.job_runner import Outcome, run_job
from service.scheduler import scheduler
from tests.service.api.conftest import bearer, create_key


@pytest.fixture
def operate(context):
    return bearer(create_key(context, "operate"))


@pytest.fixture
def run_requests(context, monkeypatch):
    """A function that runs the waiting requests with the given work."""

    def run(work):
        for job in run_store.REQUESTABLE:
            monkeypatch.setitem(scheduler._WORK, job, work)
        scheduler.run_next_request(context, run_store.REQUESTABLE)

    return run


def test_job_request_is_claimed_and_its_status_returned(client, operate, run_requests):
    requested = client.post("/v1/jobs/ingest", headers=operate)
    assert (requested.status_code, requested.json["outcome"]) == (202, "waiting")
    assert requested.json["asked_by"] == "operate None", "the name of the key"
    assert "no-store" in requested.headers["Cache-Control"]
    repeated = client.post("/v1/jobs/ingest", headers=operate)
    assert repeated.json["request_id"] == requested.json["request_id"], "the waiting one"
    location = requested.headers["Location"]
    outcomes = []

    def fail_once(_):
        outcomes.append(client.get(location, headers=operate).json["outcome"])
        if len(outcomes) == 1:
            raise Unavailable("database: gone")
        return Outcome("done", "all well")

    def work(context, period):
        return run_job(context, "ingest", fail_once, period)

    with pytest.raises(Unavailable):
        run_requests(work)
    assert client.get(location, headers=operate).json == requested.json, "it is run again"
    run_requests(work)
    status = client.get(location, headers=operate).json
    assert (status["outcome"], status["reason"]) == ("done", "all well")
    assert None not in (status["claimed_at"], status["finished_at"])
    run_requests(work)
    assert outcomes == ["running", "running"], "each request is done once"


def test_every_requestable_job_has_a_worker():
    assert set(scheduler._WORK) == set(run_store.REQUESTABLE)


def test_jobs_need_an_operate_key(client, context):
    reading = bearer(create_key(context))
    for method, path in (("POST", "/v1/jobs/refit"), ("GET", "/v1/jobs/requests/1")):
        assert client.open(path, method=method).status_code == 401
        assert client.open(path, method=method, headers=reading).status_code == 403
    with context.database.reading() as connection:
        assert run_store.get_request(connection, 1) is None


@pytest.mark.parametrize("path", ["/v1/jobs/requests/99", "/v1/jobs/requests/99999999999999999999"])
def test_unknown_request_and_job_are_404(client, operate, path):
    assert client.get(path, headers=operate).status_code == 404
    response = client.post("/v1/jobs/shutdown", headers=operate)
    assert (response.status_code, "refit" in response.json["detail"]) == (404, True)
    response = client.post("/v1/jobs/refit?route=nowhere", headers=operate)
    assert (response.status_code, "channel" in response.json["detail"]) == (404, True)
