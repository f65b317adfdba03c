"""The document is true, whatever is asked: by schemathesis, and by hand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from service.api import key_store
from service.app import create_app
from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import NOW, Hand

V1 = "/v1/series/people"
load_all_checks()
# What is right in form may still be no question: a window longer than the horizon, say.
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]
OPERATIONS = [
    *(("get", f"/v1/series{path}") for path in ("", "/{series_id}/observations")),
    ("get", "/v1/series/{series_id}/revisions"),
    *(
        ("get", f"/v1/series/{{series_id}}/{question}")
        for question in (
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
def closed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The document of a service that wants a key, and a key that may do everything."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "crossings.sqlite").write_bytes((published / "crossings.sqlite").read_bytes())
    context = open_context(
        Settings(var_dir=folder, host="0.0.0.0", rate_per_key="", rate_per_address="")
    )
    with context.database.writing() as connection:
        key = key_store.create(connection, "all", "operate", NOW)
    yield schemathesis.openapi.from_wsgi("/openapi.json", create_app(context, Hand(NOW))), key
    context.database.close()


# What no document can describe: it depends on the issue, or on two parameters at once.
UNDESCRIBED = (
    *("dates such as", "one for all days or"),
    *("the last that can be answered", "the last day that can be answered", "each once"),
    *("window: expected a whole number from 1 to", "expected the `next` of a previous page"),
    *("not both", "expected something that is assumed", "expected a day", "a date such as"),
    *("expected 2024-10-18 or 2024-10-18T14:00:00Z", "none with format=hubverse"),
    "as_of: expected today, ",
    "at most two decimals",  # a multiple of 0.01 is none in binary numbers
)


def test_every_operation_is_listed(shared: FlaskClient) -> None:
    paths = shared.get("/openapi.json").json["paths"]
    assert set(OPERATIONS) == {(m, path) for path, found in paths.items() for m in found}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_question_is_answered_otherwise_than_documented(
    closed: tuple[Any, str], method: str, path: str
) -> None:
    document, key = closed
    operation = document[path][method]
    modes = [operation.as_strategy(mode) for mode in GenerationMode]

    @settings(
        parent=settings.get_profile("short"),
        max_examples=14,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(st.one_of(modes))
        series = case.path_parameters.get("series_id")
        is_valid = case.meta.generation.mode.is_positive
        if series is not None and is_valid and data.draw(st.booleans()):
            case.path_parameters["series_id"] = "people"
        if any(value in (None, [], {}) for value in (case.query or {}).values()):
            return  # nothing that a query string can hold: it would be asked without the parameter
        # Asked through WSGI, schemathesis says that it takes gzip and does not unpack it.
        headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        answer = case.call_and_validate(headers=headers, checks=CHECKED)
        if is_valid and answer.status_code == 400:
            assert any(reason in answer.json()["detail"] for reason in UNDESCRIBED), answer.text

    ask()


BAD = [
    *("exceedance?threshold=1e18", "exceedance?threshold=NaN", "exceedance?threshold=-1"),
    *("exceedance?threshold=9223372036854775808", "exceedance?window=29", "exceedance?window=0"),
    *("forecast?horizon=0", "forecast?horizon=401", "forecast?horizon=1e2", "forecast?horizon=२८"),
    *("forecast?levels=" + ",".join(["50"] * 10_000), "forecast?levels=50,50", "forecast?levels="),
    *("totals?from=2026-02-01&to=2026-01-01", "totals?from=9999-12-31&to=9999-12-31"),
    *("totals?from=0001-01-01&to=0001-01-02", "observations?from=2026-02-01&to=2026-01-01"),
    *("forecast?as_of=0001-01-01T00:00:00%2B14:00", "panel?from=9999-12-31&to=0001-01-01"),
    *("capacity?stay_days=401", "capacity?share=1", "capacity?share=nan", "capacity?share=inf"),
    *("issues?limit=0", "issues?limit=501", "issues?after=%00", "forecast?format[]=csv"),
    *("forecast?horizon=7&horizon=8", "forecast?%27;DROP TABLE issues--=1", "quiet?horizon=%00"),
]


@pytest.mark.parametrize("question", BAD, ids=lambda text: text[:40])
def test_a_bad_question_is_a_clear_400_and_the_next_is_served(
    shared: FlaskClient, question: str
) -> None:
    answer = shared.get(f"{V1}/{question}")
    assert answer.status_code == 400, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json["errors"][0]["name"]
    assert len(answer.data) < 2000
    assert shared.get(f"{V1}/forecast?horizon=1").status_code == 200


INJECTIONS = ["' OR '1'='1", '"; DROP TABLE issues; --', "people' UNION SELECT 1--", "%27", "\\"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_is_only_text(shared: FlaskClient, text: str) -> None:
    for name in ("issue", "model", "as_of", "levels", "horizon", "format"):
        answer = shared.get(f"{V1}/forecast", query_string={name: text})
        assert answer.status_code in (400, 404), (name, answer.text)
    for path in (f"/v1/series/{text}/forecast", f"{V1}/issues/{text}"):
        assert shared.get(path).status_code == 404
    assert len(shared.get(f"{V1}/issues").json["rows"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/series/../../etc/passwd", "//v1/status", "/v1//status", "/static/../settings.py"),
        *("/static/%2e%2e/app.py", "/docs/static/..%2fdocs.py"),
        *("/v1/series/people/forecast/", "/%ff%fe", "/v1/series/" + "a" * 3000 + "/forecast"),
    ],
)
def test_tricks_with_paths_find_nothing(shared: FlaskClient, path: str) -> None:
    answer = shared.get(path)
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


def test_large_and_odd_bodies_are_refused(shared: FlaskClient) -> None:
    path = f"{V1}/scenarios"
    large = shared.post(path, data=b"x" * 10_000_000, content_type="application/json")
    assert large.status_code == 413
    for body in (b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 30_000, b'{"levels": [1e999]}'):
        answer = shared.post(path, data=body, content_type="application/json")
        assert answer.status_code == 400, (body[:20], answer.text)
        assert answer.content_type == "application/problem+json"
    assert shared.post(path, data=b"<a/>", content_type="text/xml").status_code == 415
    assert shared.get(f"{V1}/forecast", headers={"Accept": "image/png"}).status_code == 406


def test_nothing_bad_is_an_unexpected_error(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for question in BAD:
            client.get(f"{V1}/{question}")
    assert not caplog.records


def test_the_document_names_what_each_path_may_say(shared: FlaskClient) -> None:
    document: dict[str, Any] = shared.get("/openapi.json").json
    asked = document["paths"]["/v1/jobs/{job}"]["post"]
    assert {"202", "401", "403", "404", "429"} <= set(asked["responses"])
    assert asked["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/livez"]["get"]
    forecast = document["paths"]["/v1/series/{series_id}/forecast"]["get"]
    assert set(forecast["responses"]["200"]["content"]) == {
        *("application/json", "text/csv", "application/x-ndjson"),
        "application/vnd.crossings.records+json",
    }
    assert {"304", "406", "503"} <= set(forecast["responses"])
