"""The API document; requests generated from it by schemathesis get the answers it describes."""

import json
import re

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from openapi_spec_validator.validation import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from werkzeug.http import HTTP_STATUS_CODES

from service.app import create_app
from tests.service.api.conftest import create_key
from tests.service.support import NOW, ManualClock

load_all_checks()
# A well-formed request may still be invalid: a window longer than the horizon, for example.
RESPONSE_CHECKS = [
    check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"
]
# Details of 400s that OpenAPI cannot describe: they depend on the issue or on two parameters.
UNDOCUMENTED = (
    *("dates such as", "one for all days or"),
    *("the last that can be answered", "the last day that can be answered", "each once"),
    *("window: expected at most the horizon", "expected the `next` of a previous page"),
    *("not both", "expected something that is assumed", "expected a day", "a date such as"),
    *("expected 2024-10-18 or 2024-10-18T14:00:00Z", "none with format=hubverse"),
    "as_of: expected today, ",
)
MORE = {"totals": ["?from=2026-01-01&to=2026-02-01"], "forecast": ["?levels=50,90,99"]}


@pytest.fixture(scope="module")
def client(open_copy):
    """A client with an `operate` key of a service that needs one."""
    published = {"public_url": "https://crossings.example", "contact": "The team on duty"}
    context = open_copy(rate_per_key="", rate_per_address="", **published)
    client = create_app(context, ManualClock(NOW)).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {create_key(context, 'operate')}"
    return client


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json


def operations(document):
    for path, by_method in document["paths"].items():
        for operation in by_method.values():
            yield path, operation


@pytest.fixture(scope="module")
def validate_response(document):
    """A function that validates a response against a schema, and allows no other keys."""
    kind = jsonschema.Draft202012Validator
    text = json.dumps(document["components"])
    components = json.loads(
        text.replace('"additionalProperties": true', '"additionalProperties": false')
    )

    def check(response, schema):
        schema = schema | {"components": components}
        jsonschema.validate(response, schema, kind, format_checker=kind.FORMAT_CHECKER)

    return check


def success_content(operation):
    return next(iter(operation["responses"].values()))["content"]


def test_generated_requests_get_documented_responses(client):
    schema = schemathesis.openapi.from_wsgi("/openapi.json", client.application)
    # Through WSGI, schemathesis accepts gzip and does not decompress it.
    headers = {
        "Authorization": client.environ_base["HTTP_AUTHORIZATION"],
        "Accept-Encoding": "identity",
    }

    @settings(
        parent=settings.get_profile("short"),
        max_examples=14,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check_operation(operation, data):
        case = data.draw(st.one_of([operation.as_strategy(mode) for mode in GenerationMode]))
        series = case.path_parameters.get("series_id")
        is_valid = case.meta.generation.mode.is_positive
        if series is not None and is_valid and data.draw(st.booleans()):
            case.path_parameters["series_id"] = "people"
        if any(value in (None, [], {}) for value in (case.query or {}).values()):
            return  # a query string cannot hold it: the parameter would be left out
        response = case.call_and_validate(headers=headers, checks=RESPONSE_CHECKS)
        if is_valid and response.status_code == 400:
            detail = response.json()["detail"]
            assert any(reason in detail for reason in UNDOCUMENTED), response.text

    for operation in schema.get_all_operations():
        check_operation(operation.ok())


def test_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    contact = {"name": "The team on duty", "url": "https://crossings.example/about"}
    assert document["info"]["contact"] == contact
    assert [server["url"] for server in document["servers"]] == ["/"]


def test_paths_are_the_routes_of_the_app(client, document):
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule))
        for rule in client.application.url_map.iter_rules()
        # Pages and metrics are not part of the API.
        if rule.endpoint not in ("openapi.spec", "metrics.metrics")
        if rule.endpoint.partition(".")[0]
        not in ("page", "downloads", "docs", "grafana", "subscriptions")
    }
    assert routes == set(document["paths"])


def test_operations_and_parameters_are_described(document):
    ids = {path: operation["operationId"] for path, operation in operations(document)}
    assert len(set(ids.values())) == len(ids)
    assert ids["/v1/series"] == "series"
    assert ids["/v1/series/{series_id}/gauges/age"] == "series_gauges_age"
    assert ids["/v1/series/{series_id}/issues/{issue_id}"] == "series_issue"
    assert ids["/v1/jobs/requests/{request_id}"] == "jobs_request"
    for path, operation in operations(document):
        assert operation["summary"] and operation["tags"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], path


def test_schema_titles_are_their_names(document):
    schemas = document["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in schemas.items()]
    assert titles == list(schemas)
    parts = [part for schema in schemas.values() for part in schema.get("properties", {}).values()]
    assert parts and not [part for part in parts if "title" in part], "it would repeat the name"


def test_series_parameters_list_the_declared_series(document):
    schemas = document["components"]["schemas"]
    assert schemas["SeriesId"]["enum"] == ["people", "boats", "preventions"]
    assert schemas["ForecastSeriesId"]["enum"] == ["people", "boats"]
    stored = set()
    for path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["name"] == "series_id":
                assert "`boats`: Boats arriving" in parameter["description"]
                if parameter["schema"]["$ref"].endswith("/SeriesId"):
                    stored.add(path.rpartition("/")[2])
    assert stored == {"observations", "revisions"}


def test_document_lists_responses_and_security(document):
    operation = document["paths"]["/v1/jobs/{job}"]["post"]
    assert {"202", "401", "403", "404", "429"} <= set(operation["responses"])
    assert operation["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/livez"]["get"]
    forecast = document["paths"]["/v1/series/{series_id}/forecast"]["get"]
    assert set(forecast["responses"]["200"]["content"]) == {
        *("application/json", "text/csv", "application/x-ndjson"),
        "application/vnd.crossings.records+json",
    }
    assert {"304", "406", "409", "503"} <= set(forecast["responses"])
    figures = document["paths"]["/v1/series/{series_id}/observations"]["get"]
    assert "409" not in figures["responses"]


def test_responses_match_their_schemas(client, document, validate_response):
    newest = client.get("/v1/series/people/issues").json["rows"][0]["issue_id"]
    names = {"series_id": "people", "issue_id": newest}
    asked = [path for path, one in operations(document) if "200" in one["responses"]]
    # Posted, or about two issues: tested in the modules of their own.
    elsewhere = {"requests/{request_id}", "scenarios", "changes"}
    for path in asked:
        end = path.rpartition("{series_id}/")[2].removeprefix("/v1/jobs/")
        for query in ("", *MORE.get(end, ())) if end not in elsewhere else ():
            response = client.get(path.format_map(names) + query)
            assert response.status_code == 200, response.text
            content = success_content(document["paths"][path]["get"])
            validate_response(response.json, content["application/json"]["schema"])


def test_examples_match_their_schemas(document, validate_response):
    for path, operation in operations(document):
        for kind, content in success_content(operation).items():
            assert content["examples"]["answer"]["value"] is not None, (path, kind)
            validate_response(content["examples"]["answer"]["value"], content["schema"])
    problem = document["components"]["schemas"]["ProblemDetails"]
    for name, response in document["components"]["responses"].items():
        for kind, content in response.get("content", {}).items():
            assert kind == "application/problem+json"
            example = content["examples"]["answer"]["value"]
            validate_response(example, problem)
            assert name == HTTP_STATUS_CODES[example["status"]].replace(" ", "")
