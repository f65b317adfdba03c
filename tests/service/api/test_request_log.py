import logging
import re

from service.app import create_app
from service.core.logs import request_id

STATUS = "/v1/status"


def test_valid_request_id_is_kept_and_another_is_replaced(shared):
    def id_of(sent):
        return shared.get(STATUS, headers={"X-Request-Id": sent}).headers["X-Request-Id"]

    for sent in ("7f9c-1.2_3=", "A" * 64):
        assert id_of(sent) == sent
    for sent in ("", "-a", "A" * 65, "a b", "é", "a@b.org"):
        assert re.fullmatch("[0-9a-f]{16}", id_of(sent)), sent


def test_log_records_have_the_request_id(client_with, monkeypatch):
    logged_ids = []
    handler = logging.Handler()
    handler.emit = lambda _: logged_ids.append(request_id.get())
    monkeypatch.setattr(logging.getLogger("service.api.auth"), "handlers", [handler])
    client = client_with(anonymous_reading="no")
    client.get(STATUS, headers={"Authorization": "Bearer x", "X-Request-Id": "mine"})
    assert logged_ids == ["mine"]
    assert request_id.get() == "", "reset after the request"


def test_failed_requests_are_logged_and_others_on_demand(client_with, empty, clock, caplog):
    caplog.set_level(logging.INFO, "service.api.request_log")
    client_with().get(f"{STATUS}?x=1")
    assert not caplog.records
    create_app(empty, clock).test_client().get("/v1/series/people/forecast")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.fields["status"] == 503
    caplog.clear()
    client_with(log_requests="all").get("/subscribe/confirm/secret-token-of-someone")
    (record,) = caplog.records
    assert record.fields["route"] == "/subscribe/confirm/<token>"
    assert "secret-token" not in record.getMessage()
    assert record.fields["milliseconds"] > 0
