from __future__ import annotations

import base64
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from service.clock import utc_now
from service.sources.base import NotReached, Rejected, Unfit
from service.sources.webhook import Webhook, sign
from tests.service.support import ROOT
from tests.support.hooks import STALL, Hook, hooked

SECRET = "a secret of some length"
BODY = b'{"type": "test"}'


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as opened:
        yield opened


PATH = "/taken/by/SECRETPATH?token=SECRETTOKEN"


def webhook(hook: Hook) -> Webhook:
    return Webhook(
        hook.url + PATH, SECRET, attempt_seconds=0.3, first_pause_seconds=0.01, all_seconds=3.0
    )


def post(one: Webhook) -> None:
    one.post("message_1", utc_now(), BODY)


def example() -> Any:
    """The function that docs/operations.md gives to whoever takes the messages."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_ours"]


def test_what_is_posted_is_verified_by_the_documented_example(hook: Hook) -> None:
    post(webhook(hook))
    (came,) = hook.posted
    assert (came.path, came.body) == (PATH, BODY)
    assert came.headers["content-type"] == "application/json"
    assert came.headers["user-agent"].startswith("channel-crossings-forecast/")
    is_ours = example()
    assert is_ours(SECRET, came.headers, came.body)
    assert not is_ours("another secret of length", came.headers, came.body)
    assert not is_ours(SECRET, came.headers, came.body + b" ")
    assert not is_ours(SECRET, came.headers | {"webhook-id": "message_2"}, came.body)
    old = came.headers | {"webhook-timestamp": str(int(time.time()) - 301)}
    assert not is_ours(SECRET, old, came.body)
    signed_then = sign(SECRET, "message_1", int(old["webhook-timestamp"]), BODY)
    assert not is_ours(SECRET, old | {"webhook-signature": signed_then}, came.body), "too old"


def test_the_signature_is_that_of_the_standard() -> None:
    """Numbers of the reference implementation's own tests."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    plain = base64.b64decode(secret.removeprefix("whsec_"))
    assert sign("whsec_" + base64.b64encode(plain).decode(), "i", 1, b"") == sign(
        secret, "i", 1, b""
    )
    with pytest.raises(ValueError, match="expected base64 after whsec_"):
        sign("whsec_not base64", "i", 1, b"")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again_with_the_same_id(hook: Hook, status: int) -> None:
    hook.statuses = [status, STALL, 200]
    post(webhook(hook))
    assert [came.headers["webhook-id"] for came in hook.posted] == ["message_1"] * 3


def test_a_lasting_fault_is_given_up_and_its_secrets_are_not_told(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.statuses = [500]
    with pytest.raises(Rejected) as caught:
        post(webhook(hook))
    assert len(hook.posted) == 3
    said = f"{hook.url}: expected a status 2xx, found 500 Internal Server Error"
    assert str(caught.value) == said
    assert "attempt 1 failed" in caplog.text
    assert "SECRET" not in caplog.text + repr(webhook(hook))
    assert SECRET not in caplog.text + repr(webhook(hook))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_a_refusal_is_not_tried_again_at_once(hook: Hook, status: int) -> None:
    hook.statuses = [status]
    with pytest.raises(Rejected, match=f"found {status} "):
        post(webhook(hook))
    assert len(hook.posted) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(hook: Hook, status: int) -> None:
    hook.statuses = [status, 200]
    with pytest.raises(Unfit, match=f"expected a status 2xx, and no redirect, found {status}"):
        post(webhook(hook))
    assert [came.path for came in hook.posted] == [PATH]


def test_one_that_stalls_is_left_in_time(hook: Hook) -> None:
    hook.statuses = [STALL]
    began = time.monotonic()
    with pytest.raises(NotReached, match=r"no answer in time, up to 3 attempts$"):
        post(webhook(hook))
    assert time.monotonic() - began < 2.5


def test_one_that_is_not_there(hook: Hook) -> None:
    gone = webhook(hook)
    hook.close()
    with pytest.raises(NotReached, match="refused"):
        post(gone)


def test_certificates_are_checked(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with hooked(tls) as hook:
        with pytest.raises(NotReached, match="certificate is not trusted"):
            post(webhook(hook))
        assert hook.posted == []
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        post(webhook(hook))
        assert len(hook.posted) == 1
    wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example.org").configure_cert(wrong)
    with hooked(wrong) as hook, pytest.raises(NotReached, match="certificate is not trusted"):
        post(webhook(hook))
