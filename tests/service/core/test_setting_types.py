from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from service.core import setting_types

GOOD = {
    "DatabaseUrl": ["", "sqlite:///x", "sqlite:////x/:memory:", "postgresql://h/d?sslmode=require"],
    "Host": ["", "::", "127.0.0.1", "2001:db8::1", "mail.example.org", "db_1", "localhost."],
    "HttpAddress": ["http://a", "https://{service}.a.org", "http://[::1]:8000/x/", "HTTPS://a/~b"],
    "OptionalHttpAddress": ["", "https://a.org"],
    "Origins": ["", "https://a.org", "https://a.org:8443, http://b.org"],
    "Sender": ["", "a@b.org", "A, B <a@b.org>"],
    "Folder": ["/", "/nonexistent"],
    "File": [__file__],
}
BAD = {
    "DatabaseUrl": [
        "sqlite://",
        "sqlite:///",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///x?mode=ro",
    ],
    "Host": ["a b", "a/b", "a:1", "[::1]", "-a", "a..b", "é"],
    "HttpAddress": ["", "a", "//a", "ftp://a", "http://", "http://u@a", "http://a?b", "http://{x}"],
    "OptionalHttpAddress": ["javascript:alert(1)", "http://a/<b>", "http://a:0", 'http://a/"'],
    "Origins": ["*", "null", "https://a.org/", "https://a.org,ftp://b.org"],
    "Sender": ["a", "A <a>", "A <a@b.org>, B <b@c.org>"],
    "Folder": [__file__],
    "File": ["/", "/nonexistent"],
}


def cases(values: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(kind, value) for kind, listed in values.items() for value in listed]


def test_every_kind_is_tried() -> None:
    assert set(GOOD) == set(BAD) == set(setting_types.__all__)


@pytest.mark.parametrize(("kind", "value"), cases(GOOD))
def test_what_is_of_its_kind_is_taken_as_it_is(kind: str, value: str) -> None:
    taken = TypeAdapter(getattr(setting_types, kind)).validate_python(value)
    assert taken == (Path(value) if kind in ("File", "Folder") else value)


@pytest.mark.parametrize(("kind", "value"), cases(BAD))
def test_what_is_not_says_what_is_expected(kind: str, value: str) -> None:
    with pytest.raises(ValidationError, match="expected "):
        TypeAdapter(getattr(setting_types, kind)).validate_python(value)
