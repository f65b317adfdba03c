from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation import OpenAPIV31SpecValidator

from service.app import create_app
from tests.service.support import NOW, ManualClock

MORE = {"totals": ["?from=2026-01-01&to=2026-02-01"], "forecast": ["?levels=50,90,99"]}


@pytest.fixture(scope="module")
def app(open_copy):
    return create_app(open_copy(contact="The team on duty"), ManualClock(NOW))


@pytest.fixture(scope="module")
def client(app):
    return app.test_client()


@pytest.fixture(scope="module")
def document(client):
    spec: dict[str, Any] = client.get("/openapi.json").json
    return spec


def operations(document):
    for path, by_method in document["paths"].items():
        for operation in by_method.values():
            yield path, operation


def forbid_other_keys(part):
    """The same schema, where `additionalProperties` is false instead of true."""
    if isinstance(part, dict):
        return {
            key: False
            if key == "additionalProperties" and value is True
            else forbid_other_keys(value)
            for key, value in part.items()
        }
    return [forbid_other_keys(one) for one in part] if isinstance(part, list) else part


def validate_response(response, schema, document):
    jsonschema.validate(
        response,
        schema | {"components": {"schemas": forbid_other_keys(document["components"]["schemas"])}},
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


def success_content(operation):
    content: dict[str, Any] = next(iter(operation["responses"].values()))["content"]
    return content


def test_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_document_names_licence_contact_and_server(document):
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["info"]["contact"] == {
        "name": "The team on duty",
        "url": "http://127.0.0.1:8000/about",
    }
    assert [server["url"] for server in document["servers"]] == ["/"]


def test_paths_are_the_routes_of_the_app(app, document):
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule))
        for rule in app.url_map.iter_rules()
        # Pages and metrics are not part of the API.
        if rule.endpoint not in ("openapi.spec", "metrics.metrics")
        if rule.endpoint.partition(".")[0]
        not in ("page", "downloads", "docs", "grafana", "subscriptions")
    }
    assert routes == set(document["paths"])


def test_paths_and_parameters_are_described(document):
    for path, operation in operations(document):
        assert operation["summary"], path
        assert operation["tags"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], path


def test_operation_ids_follow_their_paths(document):
    ids = {path: operation["operationId"] for path, operation in operations(document)}
    assert len(set(ids.values())) == len(ids)
    assert ids["/v1/series"] == "series"
    assert ids["/v1/series/{series_id}/gauges/age"] == "series_gauges_age"
    assert ids["/v1/series/{series_id}/issues/{issue_id}"] == "series_issue"
    assert ids["/v1/jobs/requests/{request_id}"] == "jobs_request"


def test_schema_titles_are_their_names(document):
    schemas = document["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in schemas.items()]
    assert titles == list(schemas)


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


def test_errors_are_problem_details(document):
    components = document["components"]["responses"]
    for path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                content = components[response["$ref"].rpartition("/")[2]]["content"]
                assert set(content) == {"application/problem+json"}, (path, status)
                problem = content["application/problem+json"]
                assert problem["examples"]["answer"]["value"]["status"] == int(status)


def test_responses_match_their_schemas(client, document):
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
            validate_response(response.json, content["application/json"]["schema"], document)


def test_examples_match_their_schemas(document):
    for path, operation in operations(document):
        for kind, content in success_content(operation).items():
            assert content["examples"]["answer"]["value"] is not None, (path, kind)
            validate_response(content["examples"]["answer"]["value"], content["schema"], document)
    problem = document["components"]["schemas"]["ProblemDetails"]
    for response in document["components"]["responses"].values():
        for content in response.get("content", {}).values():
            validate_response(content["examples"]["answer"]["value"], problem, document)
