from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from openapi_spec_validator.validation import OpenAPIV31SpecValidator

from service.app import create_app
from service.core.context import Context
from tests.service.support import Hand

ANSWERS = [
    ("/v1/series", "/v1/series"),
    ("/v1/series/people/observations?from=2025-12-01", "/v1/series/{series_id}/observations"),
    ("/v1/series/people/forecast?levels=50,99", "/v1/series/{series_id}/forecast"),
    ("/v1/series/boats/totals", "/v1/series/{series_id}/totals"),
    *(
        (f"/v1/series/people/{question}", f"/v1/series/{{series_id}}/{question}")
        for question in (
            "exceedance",
            "capacity",
            "quiet",
            "track-record",
            "explanation",
            "revisions",
        )
    ),
    ("/v1/series/people/revisions", "/v1/series/{series_id}/revisions"),
    ("/v1/series/people/briefing", "/v1/series/{series_id}/briefing"),
    ("/v1/series/people/exceedance", "/v1/series/{series_id}/exceedance"),
    ("/v1/series/people/capacity", "/v1/series/{series_id}/capacity"),
    ("/v1/series/boats/quiet", "/v1/series/{series_id}/quiet"),
    ("/v1/series/people/panel", "/v1/series/{series_id}/panel"),
    ("/v1/series/people/issues", "/v1/series/{series_id}/issues"),
    ("/v1/series/people/gauges/chance", "/v1/series/{series_id}/gauges/chance"),
    ("/v1/series/people/gauges/age", "/v1/series/{series_id}/gauges/age"),
    ("/v1/status", "/v1/status"),
    ("/livez", "/livez"),
    ("/readyz", "/readyz"),
]
# Shown with their answers in the tests of their own modules.
ELSEWHERE = {
    "/v1/series/{series_id}/changes",
    "/v1/series/{series_id}/issues/{issue_id}",
    "/v1/series/{series_id}/scenarios",
    "/v1/series/{series_id}/track-record",
    "/v1/series/{series_id}/explanation",
    "/v1/jobs/{job}",
    "/v1/jobs/requests/{request_id}",
}


@pytest.fixture
def app(context: Context, clock: Hand) -> Flask:
    return create_app(context, clock)


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json
    return found


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_routes_and_paths_agree(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule))
        for rule in app.url_map.iter_rules()
        # Pages for people, and metrics, which are text, are not part of the interface.
        if rule.endpoint not in ("openapi.spec", "metrics.metrics")
        if rule.endpoint.partition(".")[0]
        not in ("page", "downloads", "docs", "grafana", "subscriptions")
    }
    assert routes == set(document["paths"])


def test_every_path_is_described(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        (operation,) = operations.values()
        assert operation["summary"], path
        assert operation["tags"], path
        for parameter in operation.get("parameters", []):
            said = parameter.get("description") or parameter["schema"].get("description")
            assert parameter["in"] == "path" or said, (path, parameter)


def test_errors_are_said_to_be_problems(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        (operation,) = operations.values()
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert set(answer["content"]) == {"application/problem+json"}, (path, status)


@pytest.mark.parametrize(("path", "documented"), ANSWERS)
def test_every_answer_is_what_the_document_says(
    client: FlaskClient, document: dict[str, Any], path: str, documented: str
) -> None:
    answers = document["paths"][documented]["get"]["responses"]
    schema = answers["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(
        client.get(path).json,
        schema | {"components": document["components"]},
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


def test_every_path_has_its_answer_tested(document: dict[str, Any]) -> None:
    assert {documented for _, documented in ANSWERS} | ELSEWHERE == set(document["paths"])


def test_no_parameter_is_missing_from_the_document(document: dict[str, Any]) -> None:
    def named(question: str) -> set[str]:
        parameters = document["paths"][f"/v1/series/{{series_id}}/{question}"]["get"]["parameters"]
        return {p["name"] for p in parameters if p["in"] == "query"}

    issue = {"issue", "as_of", "model", "format"}
    assert named("forecast") == {"from", "horizon", "levels"} | issue
    assert named("totals") == {"periods", "from", "to", "levels"} | issue
    assert named("observations") == {"from", "to", "as_of", "format"}
    assert named("briefing") == {"as_of"}
