"""Secrets, masked in displayed settings and in the log."""

__all__ = ["CONTROL_CHARACTERS", "MASK", "Masker", "mask_url", "passwords_of", "strip_folders"]

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "********"
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no line of text holds; PostgreSQL refuses some of them, SQLite none."""
_SHORTEST = 4  # shorter ones would mask parts of common words
_KEY = re.compile(r"\b(crossings_[A-Za-z0-9]+_)[A-Za-z0-9_-]+")
_USER = r"(://[^:/@\s'\"]*)(:[^/\s'\"]*)?@"  # of a URL; its host is no email address
# Match each run of local-part characters once, with or without a domain: searching for the whole
# address would restart at every character of a long text.
_MAIL = re.compile(
    rf"{_USER}|((?:(?!%40)[\w.!#$%&*+=?^`{{|}}~-])+)"
    r"((?:(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)+)?"
)
_INTERNET = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")

# Whole runs, matched once; `ipaddress` decides which are addresses.
_INTERNET_6 = re.compile(r"(?<![\w.])[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+")

# A slash that starts a path, not one within an address or fraction; then folders and a name.
_PATH = re.compile(r"(?<![\w:/.~-])/(?:[^\s/:'\",;()]+/)+([^\s/:'\",;()]*)")


def strip_folders(text: str) -> str:
    """Reduce file paths in `text` to file names: folders belong in the log only."""
    return _PATH.sub(r"\1", text)


def mask_url(url: str) -> str:
    """Return the URL without its password and query, either of which may be secret."""
    bare, _, query = url.partition("?")
    return re.sub(r"(://[^:/@]*):.*@", rf"\1:{MASK}@", bare) + (f"?{MASK}" if query else "")


def passwords_of(url: str) -> set[str]:
    """Return the secrets in a URL, both encoded and decoded."""
    try:
        parts = urlsplit(url)
        passwords = {parts.password or "", unquote(parts.password or "")}
    except ValueError:
        return {url}
    return passwords | {value for name, value in parse_qsl(parts.query) if "pass" in name.lower()}


class Masker:
    """Masks known secrets and what looks like one: keys, passwords, addresses."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, long))) if long else None

    def __call__(self, text: str) -> str:
        """Return `text` with every secret masked."""
        if self._pattern:
            text = self._pattern.sub(MASK, text)
        text = _KEY.sub(rf"\1{MASK}", text)
        if "@" in text or "%40" in text:
            text = _MAIL.sub(_mask_email, text)
        return _INTERNET.sub(MASK, _INTERNET_6.sub(_mask_ip, text))


def _mask_email(run: re.Match[str]) -> str:
    scheme_and_user, password, local, domains = run.groups()
    if scheme_and_user is None:
        return MASK if domains else str(local)
    user = f"://{MASK}" if "%40" in scheme_and_user else scheme_and_user
    return f"{user}:{MASK}@" if password else f"{user}@"


def _mask_ip(run: re.Match[str]) -> str:
    """Mask the run if it is an address; a trailing colon or full stop is not part of it."""
    if run.string[run.end() : run.end() + 1].isalnum():
        return run[0]
    address = run[0].rstrip(".")
    for text in (address, address.removesuffix(":")):
        with contextlib.suppress(ValueError):
            parsed = ipaddress.IPv6Address(text)
            is_here = parsed.is_loopback or parsed.is_unspecified
            return run[0] if is_here else MASK + run[0][len(text) :]
    return run[0]
