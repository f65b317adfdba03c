from __future__ import annotations

import pytest

from service.secrecy import MASK, Masker, mask_url, passwords_of


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:p%40ss@host/db", f"postgresql://user:{MASK}@host/db"),
        ("postgresql://user:p@ss@host/db", f"postgresql://user:{MASK}@host/db"),
        ("redis://:word@host:6379/0", f"redis://:{MASK}@host:6379/0"),
        ("postgresql:///db?host=/run&password=word", f"postgresql:///db?{MASK}"),
        ("sqlite:////srv/crossings.sqlite", "sqlite:////srv/crossings.sqlite"),
        ("memory://", "memory://"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert mask_url(url) == shown


def test_passwords_are_known_as_written_and_as_meant() -> None:
    assert {"p%40ss", "p@ss"} <= passwords_of("postgresql://user:p%40ss@host/db")
    assert "word" in passwords_of("postgresql:///db?password=word")
    assert not {one for one in passwords_of("sqlite:///x.sqlite") if one}


def test_what_is_known_to_be_secret_is_masked() -> None:
    mask = Masker({"open sesame", "open sesame, twice", "a.b*c", ""})
    assert mask("they said open sesame, twice and aXbc, a.b*c") == (
        f"they said {MASK} and aXbc, {MASK}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "refused reader@example.org twice",
        "at /x?who=reader%40example.org",
        "from 203.0.113.7",
        "connecting to postgresql://user:example@host/db",
        "key crossings_ab12cd34ef_example-SECRET_9 came",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    said = Masker()(text)
    assert MASK in said
    assert not any(word in said for word in ("example", "203.0"))


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/v1/status",
        "version 1.13.2 of 2025-12-31",
        "Listening at: http://0.0.0.0:8000 (41)",
        "refit done: people-20251231-0123456789",
        "CROSSINGS_SMTP_PASSWORD is not set",
    ],
)
def test_the_rest_stays_as_it_is(text: str) -> None:
    assert Masker({"", "abc"})(text) == text
