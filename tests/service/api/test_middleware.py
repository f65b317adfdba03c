import pytest

from service.app import create_app
from service.core.context import open_context
from tests.service.mailbox import mail_settings, publish_sample
from tests.service.support import free_port

PATHS = ["/", "/docs", "/v1/status", "/v1/series/people/forecast", "/livez?x=1", "/v1/nothing"]
ORIGIN = "https://planning.example"
V1 = "/v1/series/people"


@pytest.mark.parametrize("path", PATHS)
def test_responses_have_security_headers(shared, path):
    headers = shared.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    (policy,) = headers.getlist("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ") and "frame-ancestors 'none'" in policy
    assert "Access-Control-Allow-Origin" not in headers and "Set-Cookie" not in headers


def test_cors_allows_the_configured_origins(client_with):
    client = client_with(cors_origins=f"{ORIGIN}, https://b.example")
    response = client.get("/v1/status", headers={"Origin": ORIGIN})
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    headers = client.get(f"{V1}/forecast?format=csv", headers={"Origin": ORIGIN}).headers
    exposed = set(headers["Access-Control-Expose-Headers"].split(", "))
    assert {name for name in headers.keys() if name.startswith("X-Crossings-")} <= exposed
    request = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    preflight = client.options("/v1/status", headers=request)
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null"):
        response = client.get("/v1/status", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.fixture
def any_client(tmp_path, clock):
    """The service with mail."""
    opened = open_context(mail_settings(tmp_path, free_port()))
    publish_sample(opened)
    yield create_app(opened, clock).test_client()
    opened.database.close()


def test_control_characters_in_urls_are_rejected(any_client):
    for text in ("%00", "a%00b", "%0A", "%7F", "%C2%85"):
        for path in (
            *(f"{V1}/forecast?issue={text}", f"{V1}/forecast?nothing={text}"),
            *(f"{V1}/forecast?{text}=1", f"{V1}/issues/{text}", f"/v1/series/{text}/forecast"),
            *(f"/?series={text}", f"/record?window={text}", f"/plan/plan.csv?share={text}"),
            *(f"/u/{text}", f"/static/{text}", f"/nothing/{text}", f"/livez?{text}"),
        ):
            response = any_client.get(path)
            assert (response.status_code, "control character" in response.text) == (400, True), path
        for path in (f"/u/{text}", f"/subscribe/confirm/{text}", f"/v1/jobs/{text}"):
            assert any_client.post(path).status_code == 400, path


def test_control_characters_in_bodies_are_rejected(any_client):
    days = {"from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z"}
    for text in ("\x00", "a\x00b", "\n", "\x7f", "\ud800"):
        for body in (
            *({"issue": text}, {"model": text}, {text: 1}, {"levels": [[text]]}),
            {"weather": {text: "calm"}},
        ):
            assert any_client.post(f"{V1}/scenarios", json=body).status_code == 400, body
        query = {"range": days, "targets": [{"target": text}]}
        assert any_client.post("/grafana/query", json=query).status_code == 400
        if text.isascii():
            for form in ({"address": f"a{text}@example.org"}, {"threshold": text}, {text: "1"}):
                assert any_client.post("/subscribe", data=form).status_code == 400, form
