"""Requests generated from the OpenAPI document by schemathesis, and malicious ones."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from service.api import key_store
from service.app import create_app
from tests.service.support import NOW, ManualClock

V1 = "/v1/series/people"
load_all_checks()
# A well-formed request may still be invalid: a window longer than the horizon, for example.
RESPONSE_CHECKS = [
    check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"
]
OPERATIONS = [
    *(("get", f"/v1/series{path}") for path in ("", "/{series_id}/observations")),
    ("get", "/v1/series/{series_id}/revisions"),
    *(
        ("get", f"/v1/series/{{series_id}}/{name}")
        for name in (
            *("forecast", "totals", "exceedance", "capacity", "quiet", "briefing", "panel"),
            *("issues", "issues/{issue_id}", "gauges/chance", "gauges/age", "track-record"),
            *("explanation", "changes", "year-so-far", "comparison"),
        )
    ),
    ("post", "/v1/series/{series_id}/scenarios"),
    ("post", "/v1/jobs/{job}"),
    ("get", "/v1/jobs/requests/{request_id}"),
    *(("get", path) for path in ("/v1/status", "/livez", "/readyz")),
]


@pytest.fixture(scope="module")
def closed_service(
    open_copy,
):
    """The schemathesis schema of a service that needs a key, and an `operate` key."""
    context = open_copy(host="0.0.0.0", rate_per_key="", rate_per_address="")
    with context.database.writing() as connection:
        key = key_store.create_key(connection, "all", "operate", NOW)
    return schemathesis.openapi.from_wsgi(
        "/openapi.json", create_app(context, ManualClock(NOW))
    ), key


# Details of 400s that OpenAPI cannot describe: they depend on the issue or on two parameters.
UNDOCUMENTED = (
    *("dates such as", "one for all days or"),
    *("the last that can be answered", "the last day that can be answered", "each once"),
    *("window: expected at most the horizon", "expected the `next` of a previous page"),
    *("not both", "expected something that is assumed", "expected a day", "a date such as"),
    *("expected 2024-10-18 or 2024-10-18T14:00:00Z", "none with format=hubverse"),
    "as_of: expected today, ",
)


def test_every_operation_is_tested(shared):
    paths = shared.get("/openapi.json").json["paths"]
    assert set(OPERATIONS) == {(method, path) for path in paths for method in paths[path]}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_generated_requests_get_documented_responses(closed_service, method, path):
    document, key = closed_service
    operation = document[path][method]
    modes = [operation.as_strategy(mode) for mode in GenerationMode]

    @settings(
        parent=settings.get_profile("short"),
        max_examples=14,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check_generated_request(data):
        case = data.draw(st.one_of(modes))
        series = case.path_parameters.get("series_id")
        is_valid = case.meta.generation.mode.is_positive
        if series is not None and is_valid and data.draw(st.booleans()):
            case.path_parameters["series_id"] = "people"
        if any(value in (None, [], {}) for value in (case.query or {}).values()):
            return  # a query string cannot hold it: the parameter would be left out
        # Through WSGI, schemathesis accepts gzip and does not decompress it.
        headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        response = case.call_and_validate(headers=headers, checks=RESPONSE_CHECKS)
        if is_valid and response.status_code == 400:
            assert any(reason in response.json()["detail"] for reason in UNDOCUMENTED), (
                response.text
            )

    check_generated_request()


BAD = [
    *("exceedance?threshold=1e18", "exceedance?threshold=NaN", "exceedance?threshold=-1"),
    *("exceedance?threshold=9223372036854775808", "exceedance?window=29", "exceedance?window=0"),
    *("forecast?horizon=२८", "forecast?levels=" + ",".join(["50"] * 10_000)),
    *("totals?from=9999-12-31&to=9999-12-31", "totals?from=0001-01-01&to=0001-01-02"),
    *("forecast?as_of=0001-01-01T00:00:00%2B14:00", "panel?from=9999-12-31&to=0001-01-01"),
    *("capacity?stay_days=401", "capacity?share=1", "capacity?share=nan", "capacity?share=inf"),
    *("issues?limit=0", "issues?limit=501", "issues?after=%00", "forecast?format[]=csv"),
    *("forecast?%27;DROP TABLE issues--=1", "quiet?horizon=%00"),
]


@pytest.mark.parametrize("query", BAD, ids=lambda text: text[:40])
def test_bad_request_is_a_400_and_the_next_is_served(shared, query, caplog):
    response = shared.get(f"{V1}/{query}")
    assert response.status_code == 400, response.text
    assert response.content_type == "application/problem+json"
    assert response.json["errors"][0]["name"]
    assert len(response.data) < 2000
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert shared.get(f"{V1}/forecast?horizon=1").status_code == 200


INJECTIONS = ["' OR '1'='1", '"; DROP TABLE issues; --', "people' UNION SELECT 1--", "%27", "\\"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_injection_is_treated_as_text(shared, text):
    for name in ("issue", "model", "as_of", "levels", "horizon", "format"):
        response = shared.get(f"{V1}/forecast", query_string={name: text})
        assert response.status_code in (400, 404), (name, response.text)
    for path in (f"/v1/series/{text}/forecast", f"{V1}/issues/{text}"):
        assert shared.get(path).status_code == 404
    assert len(shared.get(f"{V1}/issues").json["rows"]) == 1


def test_document_lists_responses_and_security(shared):
    document: dict[str, Any] = shared.get("/openapi.json").json
    operation = document["paths"]["/v1/jobs/{job}"]["post"]
    assert {"202", "401", "403", "404", "429"} <= set(operation["responses"])
    assert operation["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/livez"]["get"]
    forecast = document["paths"]["/v1/series/{series_id}/forecast"]["get"]
    assert set(forecast["responses"]["200"]["content"]) == {
        *("application/json", "text/csv", "application/x-ndjson"),
        "application/vnd.crossings.records+json",
    }
    assert {"304", "406", "503"} <= set(forecast["responses"])
    for name, kind in (("forecast", "ForecastSeriesId"), ("revisions", "SeriesId")):
        operation = document["paths"][f"/v1/series/{{series_id}}/{name}"]["get"]
        assert {"$ref": f"#/components/schemas/{kind}"} in [
            parameter["schema"] for parameter in operation["parameters"]
        ]
