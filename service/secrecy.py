"""What must not be seen: read from files, masked where settings are shown and in the log."""

from __future__ import annotations

__all__ = ["MASK", "Masker", "mask_url", "passwords_of", "read_line"]

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "********"
_SHORTEST = 4  # anything shorter would mask parts of common words
_KEY = re.compile(r"\b(crossings_[A-Za-z0-9]+_)[A-Za-z0-9_-]+")
_PASSWORD = re.compile(r"(://[^:/@\s'\"]*:)[^/\s'\"]*@")
_MAIL = re.compile(r"[\w.!#$%&*+=?^`{|}~-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_INTERNET = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")


def read_line(file: Path) -> str:
    """The one line of a file that holds a secret.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is empty, has more than one line, or is no text.
    """
    try:
        lines = file.read_text("utf-8").strip("\r\n").splitlines()
    except UnicodeDecodeError:
        raise ValueError("found bytes that are no UTF-8") from None
    if len(lines) != 1 or not lines[0].strip():
        raise ValueError(f"found {len(lines) or 'no'} lines" if len(lines) != 1 else "found blanks")
    return lines[0]


def mask_url(url: str) -> str:
    """The URL without its password and without its query, either of which may be secret."""
    bare, _, query = url.partition("?")
    return re.sub(r"(://[^:/@]*):.*@", rf"\1:{MASK}@", bare) + (f"?{MASK}" if query else "")


def passwords_of(url: str) -> set[str]:
    """What of a URL is secret, as it is written and as it is meant."""
    try:
        parts = urlsplit(url)
        found = {parts.password or "", unquote(parts.password or "")}
    except ValueError:
        return {url}
    return found | {value for name, value in parse_qsl(parts.query) if "pass" in name.lower()}


class Masker:
    """Masks what is known to be secret, and what looks like it: keys, passwords, addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, long))) if long else None

    def __call__(self, text: str) -> str:
        """`text` with every secret masked."""
        if self._known:
            text = self._known.sub(MASK, text)
        text = _PASSWORD.sub(rf"\1{MASK}@", text)
        text = _KEY.sub(rf"\1{MASK}", text)
        return _INTERNET.sub(MASK, _MAIL.sub(MASK, text))
