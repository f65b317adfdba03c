from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from openapi_spec_validator.validation import OpenAPIV31SpecValidator

from service.api import key_store
from service.app import create_app
from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import NOW, Hand

ANSWERS = [
    "/v1/series",
    *(
        f"/v1/series/people/{question}"
        for question in (
            *("observations?from=2025-12-01", "revisions", "forecast?levels=50,90,99"),
            *("totals", "totals?from=2026-01-01&to=2026-02-01", "exceedance", "capacity"),
            *("quiet", "explanation", "track-record", "briefing", "panel", "issues"),
            *("gauges/chance", "gauges/age", "issues/ISSUE", "year-so-far", "comparison"),
        )
    ),
    *(f"/v1/series/boats/{question}" for question in ("totals", "quiet", "briefing")),
    "/v1/series/preventions/revisions",
    *("/v1/status", "/livez", "/readyz"),
]
# Posted, or of two issues: shown with their answers in the tests of their own modules.
ELSEWHERE = {
    "/v1/series/{series_id}/changes",
    "/v1/series/{series_id}/scenarios",
    "/v1/jobs/{job}",
    "/v1/jobs/requests/{request_id}",
}
PROBLEMS = ("400", "401", "403", "404", "405", "406", "409", "413", "415", "429", "500", "503")


@pytest.fixture(scope="module")
def app(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("schemas")
    shutil.copy(published / "after-refit.sqlite", folder / "crossings.sqlite")
    context = open_context(Settings(var_dir=folder, contact="The team on duty"))
    yield create_app(context, Hand(NOW))
    context.database.close()


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, by_method in document["paths"].items():
        for operation in by_method.values():
            yield path, operation


def closed(part: Any) -> Any:
    """The same schema, without the room for keys that are not named."""
    if isinstance(part, dict):
        return {
            key: False if key == "additionalProperties" and value is True else closed(value)
            for key, value in part.items()
        }
    return [closed(one) for one in part] if isinstance(part, list) else part


def check(answer: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    jsonschema.validate(
        answer,
        schema | {"components": {"schemas": closed(document["components"]["schemas"])}},
        cls=jsonschema.Draft202012Validator,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


def good(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(operation["responses"].values()))["content"]
    return found


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_the_document_says_where_and_whose_it_is(document: dict[str, Any]) -> None:
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["info"]["contact"] == {
        "name": "The team on duty",
        "url": "http://127.0.0.1:8000/about",
    }
    assert [server["url"] for server in document["servers"]] == ["/"]


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
    for path, operation in operations(document):
        assert operation["summary"], path
        assert operation["tags"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], path


def test_operations_have_the_nouns_of_their_paths(document: dict[str, Any]) -> None:
    named = {path: operation["operationId"] for path, operation in operations(document)}
    assert len(set(named.values())) == len(named)
    assert named["/v1/series"] == "series"
    assert named["/v1/series/{series_id}/track-record"] == "series_track_record"
    assert named["/v1/series/{series_id}/gauges/age"] == "series_gauges_age"
    assert named["/v1/series/{series_id}/issues"] == "series_issues"
    assert named["/v1/series/{series_id}/issues/{issue_id}"] == "series_issue"
    assert named["/v1/jobs/requests/{request_id}"] == "jobs_request"


def test_schemas_are_named_once(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in schemas.items()]
    assert titles == list(schemas)


def test_a_series_is_one_of_those_declared(document: dict[str, Any]) -> None:
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


def test_errors_are_said_to_be_problems(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]
    for path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                found = shared[answer["$ref"].rpartition("/")[2]]
                assert set(found["content"]) == {"application/problem+json"}, (path, status)
                problem = found["content"]["application/problem+json"]
                assert problem["examples"]["answer"]["value"]["status"] == int(status)


@pytest.mark.parametrize("path", ANSWERS)
def test_every_key_of_an_answer_is_in_the_document(
    client: FlaskClient, document: dict[str, Any], path: str
) -> None:
    newest = client.get("/v1/series/people/issues").json["rows"][0]["issue_id"]
    answer = client.get(path.replace("ISSUE", newest))
    assert answer.status_code == 200, answer.text
    place = re.sub(r"/(people|boats|preventions)/", "/{series_id}/", path.partition("?")[0])
    operation = document["paths"][place.replace("ISSUE", "{issue_id}")]["get"]
    check(answer.json, good(operation)["application/json"]["schema"], document)


def test_every_path_has_its_answer_tested(document: dict[str, Any]) -> None:
    asked = {
        re.sub(r"/(people|boats|preventions)/", "/{series_id}/", path.partition("?")[0])
        for path in ANSWERS
    }
    found = {path.replace("ISSUE", "{issue_id}") for path in asked} | ELSEWHERE
    assert found == set(document["paths"])


def test_every_answer_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        for kind, content in good(operation).items():
            assert content["examples"]["answer"]["value"] is not None, (path, kind)
            check(content["examples"]["answer"]["value"], content["schema"], document)
    problem = document["components"]["schemas"]["ProblemDetails"]
    for answer in document["components"]["responses"].values():
        for content in answer.get("content", {}).values():
            check(content["examples"]["answer"]["value"], problem, document)


def test_the_examples_of_problems_are_answers_of_the_service(
    app: Flask, document: dict[str, Any]
) -> None:
    shown = [
        content["examples"]["answer"]["value"]
        for answer in document["components"]["responses"].values()
        for content in answer.get("content", {}).values()
    ]
    examples = {str(problem["status"]): problem for problem in shown}
    assert set(examples) == set(PROBLEMS)
    people, client = "/v1/series/people", app.test_client()
    with app.extensions["loader"].context.database.writing() as connection:
        key = key_store.create(connection, "reader", "read", NOW)
    newest = client.get(f"{people}/issues").json["rows"][0]["issue_id"]
    scenario = f"{people}/scenarios"
    answers = [
        client.get(f"{people}/forecast?horizon=500"),
        client.get(f"{people}/forecast", headers={"Authorization": "Bearer x"}),
        client.post("/v1/jobs/refit", headers={"Authorization": f"Bearer {key}"}),
        client.get(f"{people}/forecast?model=none"),
        client.delete(f"{people}/forecast"),
        client.get(f"{people}/forecast", headers={"Accept": "image/png"}),
        client.post(scenario, json={"weather": {"2026-01-05": "calm"}}),
        client.post(scenario, data=b"x" * 70_000, content_type="application/json"),
        client.post(scenario, data=b"<a/>", content_type="text/xml"),
    ]
    for answer in answers:
        text = json.dumps(examples[str(answer.status_code)])
        # The issue is another one.
        assert answer.json == json.loads(re.sub("people-[0-9a-f]+-[0-9a-f]+", newest, text))
    assert [str(answer.status_code) for answer in answers] == list(PROBLEMS[:9])


def test_no_parameter_is_missing_from_the_document(document: dict[str, Any]) -> None:
    def named(question: str) -> set[str]:
        parameters = document["paths"][f"/v1/series/{{series_id}}/{question}"]["get"]["parameters"]
        return {p["name"] for p in parameters if p["in"] == "query"}

    issue = {"issue", "as_of", "model", "format"}
    assert named("forecast") == {"from", "horizon", "levels"} | issue
    assert named("totals") == {"periods", "from", "to", "levels"} | issue
    assert named("observations") == {"from", "to", "as_of", "format"}
    assert named("briefing") == {"as_of"}
