import contextlib
import datetime as dt

import httpx
import pytest
import sqlalchemy as sa

from service.api import key_store
from service.core import tables
from service.core.context import open_context
from service.core.secrets import MASK, Masker, mask_url, passwords_of, strip_folders
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.mailbox import ALWAYS_DUE, PASSWORD, mail_settings, publish_sample
from tests.service.support import NOW, run_server
from tests.support.waiting import BOUND


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://user:p%40ss@host/db", f"postgresql://user:{MASK}@host/db"),
        ("postgresql://user:p@ss@host/db", f"postgresql://user:{MASK}@host/db"),
        ("postgresql:///db?host=/run&password=word", f"postgresql:///db?{MASK}"),
        ("sqlite:////srv/crossings.sqlite", "sqlite:////srv/crossings.sqlite"),
        ("", ""),
        ("postgresql://user:w?rd/#@host/db", f"postgresql://user:{MASK}@"),
        ("postgresql://user:w/r#d@host/db?a=b@c", f"postgresql://user:{MASK}@host/db?{MASK}"),
        ("redis://cache:6379/0?password=w@rd", f"redis://cache:{MASK}@"),
        ("postgresql://user@[::1]/db", "postgresql://user@[::1]/db"),
        *((f"{start}user:word@host", f"{start}user:{MASK}@host") for start in ("", "//")),
    ],
)
def test_mask_url_hides_password(url, masked):
    assert mask_url(url) == masked


def test_passwords_of_url_include_encoded_and_decoded_form():
    assert {"p%40ss", "p@ss"} <= passwords_of("postgresql://user:p%40ss@host/db")
    assert "word" in passwords_of("postgresql:///db?password=word")
    assert "pa[ss" in passwords_of("redis://:pa[ss@cache:6379/0")
    assert not any(passwords_of("sqlite:///x.sqlite"))


def test_known_secrets_are_masked_longest_first():
    mask = Masker({"open sesame", "open sesame, twice", "a.b*c", ""})
    assert mask("they said open sesame, twice and aXbc, a.b*c") == (
        f"they said {MASK} and aXbc, {MASK}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "refused <x.reader+tag@mail.example.org>, who=%40reader%40example.org",
        f"refused {'example.' * 20}reader@example.org",
        "key crossings_ab12cd34ef_example-SECRET_9 came",
        "from 2001:db8::203.0.113.7",
        "of smtp://reader%40example.org:example@mail",
        *("refused 203.0.113.7.", "at %3A203.0.113.7", "at %20203.0.113.7", "at %2520203.0.113.7"),
        *("ip203.0.113.7", "at 203.0.113.7... again", "example%2540example.org"),
        *("example'o@example.org", "e\u0301example@mu\u0308example.org", "a@m%C3%BCexample.org"),
        "from 2001%3Adb8%3A%3A1",
    ],
)
def test_text_that_looks_secret_is_masked(text):
    masked = Masker()(text)
    assert MASK in masked
    assert not any(word in masked for word in ("example", "203.0", "db8"))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("from 2001:db8::1, twice", f"from {MASK}, twice"),
        ("from 2001:db8:0:0:0:0:0:1.", f"from {MASK}."),
        ("from [2001:DB8::1]:443", f"from [{MASK}]:443"),
        ("client:2001:db8::1 2001:db8::/64", f"client:{MASK} {MASK}/64"),
        ("refused 203.0.113.7:443.", f"refused {MASK}:443."),
        ("by 'reader@example.org', \"reader@example.org\".", f"by '{MASK}', \"{MASK}\"."),
        ("postgresql://user:w@rd@db.example.org/x", f"postgresql://user:{MASK}@db.example.org/x"),
        ("postgresql://user@db.example.org:5432/x", "postgresql://user@db.example.org:5432/x"),
        ("redis://:word@[2001:db8::1]:6379/0", f"redis://:{MASK}@[{MASK}]:6379/0"),
        ("(postgresql://user:open sesame@db/x)", f"(postgresql://user:{MASK}@db/x)"),
    ],
)
def test_only_the_secret_part_is_masked(text, masked):
    assert Masker({"open sesame"})(text) == masked


@pytest.mark.parametrize(
    "unit",
    [
        *("a", ".", "%40", "1.", "://a:", "://a:b", "crossings_a-", "a@", "'", "a'", "%25", "%3A"),
        *(":", "1:", "a:az", "1.1.1.1", "@%C3"),
    ],
)
def test_masking_takes_linear_time(unit):
    """Quadratic time would be many minutes for a text of this size."""
    text = f"%{unit * (200_000 // len(unit))}"
    assert "reader" not in Masker({"open sesame"})(f"{text} reader@example.org")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/v1/status",
        "version 1.13.2 of 2025-12-31",
        "Listening at: http://0.0.0.0:8000 (41)",
        "refit done: people-20251231-0123456789",
        "at 2025-12-31T12:34:56.789+00:00, http://[::1]:8000, [::]:8000",
        "dead:beef std::dead 00:1a:2b:3c:4d:5e 10:30:15:20, at %3A127.0.0.1.",
        '"a, b" and @property of %4 or 40',
    ],
)
def test_text_without_secrets_is_unchanged(text):
    assert Masker({"", "abc"})(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/me/my figures.csv, row 3", "my figures.csv, row 3"),
        ("[Errno 28] No space left: '/srv/x/models/.a-1'", "[Errno 28] No space left: '.a-1'"),
        ("https://www.gov.uk/api/content/x: expected JSON", None),
        ("http://127.0.0.1:9/a/b.ods, SB_01: 1/2", None),
    ],
)
def test_strip_folders_shortens_paths_but_not_urls(text, expected):
    assert strip_folders(text) == (expected or text)


CANARIES = {
    "smtp_password": PASSWORD,
    "weather_key": "canary-weather-key",
    "database": "canary-database-password",
    "address": "canary.reader@reader.example.org",
    "unknown": "crossings_0123456789_canary-unknown-key-of-forty-three-chars-abcd",
}
COMMANDS = ("config", "status", "doctor", "keys list", "ingest", "weather", "digest", "warn")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_secret_appears_in_responses_logs_or_command_output(
    database_url, tmp_path, sites, mailbox, ca_file, crossings
):
    """Send canary secrets through every path; then look for them in all output."""
    mailbox.rcpt = lambda to: f"550 {to} is unknown here, {PASSWORD}"
    settings = mail_settings(
        tmp_path,
        mailbox.port,
        ca_file,
        database_url=database_url.replace("postgres:@", f"postgres:{CANARIES['database']}@"),
        weather="openmeteo",
        weather_url=f"{sites.url}/{{service}}",
        weather_key=CANARIES["weather_key"],
        govuk_url=sites.url,
        govuk_assets_url=sites.url,
        source="declared",
        fetch_attempts=2,
        fetch_seconds=BOUND,
        log_level="DEBUG",
        log_requests="all",
        **ALWAYS_DUE,
    )
    assert CANARIES["database"] in settings.database
    context = open_context(settings)
    with contextlib.closing(context.database):
        publish_sample(context, dt.datetime.now(dt.UTC).date() - dt.timedelta(days=3))
        with context.database.writing() as connection:
            key = key_store.create_key(connection, "canary", "operate", NOW)
            subscriber_store.add_subscriber(
                connection, CANARIES["address"], Preferences(0, warn_level=1, route="channel"), NOW
            )
            token = connection.scalar(sa.select(tables.subscribers.c.token))
    assert token
    canaries = CANARIES | {"key": key[21:], "token": token}
    variables = settings.model_dump(exclude_defaults=True)
    variables |= {"smtp_password": PASSWORD, "weather_key": CANARIES["weather_key"]}
    with (tmp_path / "log").open("wb") as log, run_server(settings, stderr=log, **variables) as url:
        outputs = _query_server(url, canaries | {"whole key": key})
    outputs["log"] = (tmp_path / "log").read_bytes()
    assert outputs["log"].count(b"\n") > len(outputs)
    for name in COMMANDS:
        process = crossings(*name.split(), **variables)
        outputs[name] = (process.stdout + process.stderr).encode()
    assert mailbox.logins and not mailbox.taken, "every email was refused"
    assert b"code 550" in outputs["digest"] and b"code 550" in outputs["warn"]
    assert b"customer-" in outputs["weather"], "the key was sent"
    for where, content in outputs.items():
        assert content, where
        for name, secret in canaries.items():
            assert secret.encode() not in content, (where, name)


def _query_server(address, canaries):
    """Send each canary to a server; return its responses."""
    with httpx.Client(base_url=address, timeout=BOUND) as client:
        form = {"address": canaries["address"], "threshold": "300"}
        responses = {"subscribe": client.post("/subscribe", data=form)}
        for name, secret in canaries.items():
            bearer = {"Authorization": f"Bearer {secret}"}
            responses |= {
                f"{name} as key": client.get("/v1/status", headers=bearer),
                f"{name} as link": client.post(f"/subscribe/confirm/{secret}"),
                f"{name} as job": client.post(f"/v1/jobs/{name}", headers=bearer, json={}),
                f"{name} in a query": client.get(f"/v1/status?key={secret}"),
            }
        for name in ("smtp_password", "weather_key", "database", "whole key"):
            headers = {"X-Request-Id": canaries[name]}
            responses[f"{name} as id"] = client.get("/v1/no", headers=headers)
        responses["metrics"] = client.get("/metrics")
    outputs = {}
    for where, response in responses.items():
        headers = dict(response.headers)
        if where.endswith("as id"):  # the client's own request id is echoed
            headers.pop("x-request-id")
        content = response.content + repr(headers).encode()
        if where.endswith("as link"):  # and so is the requested path
            content = content.replace(response.request.url.path.encode(), b"")
        outputs[where] = content
    return outputs
