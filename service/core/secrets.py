"""Secrets, masked in displayed settings and in the log."""

__all__ = ["CONTROL_CHARACTERS", "MASK", "Masker", "mask_url", "passwords_of", "strip_folders"]

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

MASK = "********"
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no line of text holds; PostgreSQL refuses some of them, SQLite none."""
_SHORTEST = 4  # shorter ones would mask parts of common words
# Of a URL, even one without a scheme: up to the last @ before the query. With an @ only after a ?,
# either may belong to the password or the query, so it is all that follows.
_PASSWORD = re.compile(r"^((?:[^:]|:(?=//))*):(?!//)([^?]*@|.*@.*)", re.DOTALL)
_KEY = re.compile(r"\b(crossings_[A-Za-z0-9]+_)[A-Za-z0-9_-]+")
_USER = r"(://[^:/@\s'\"]*)(:[^/\s'\"]*)?@"  # of a URL; its host is no email address
_AT = r"(?:@|%(?:25)*40)"  # even encoded twice, as a URL within a URL is
_LOCAL = rf"(?!{_AT})[^\s\x00-\x1f\"'(),/:;<>@\[\\\]\x7f]|(?<=\w)'(?=\w)"
_LABEL = r"(?:[^\s\x00-\x2c./:-@\[-^`{-\x7f]|%[89A-Fa-f][0-9A-Fa-f])+"  # in any script
_DOMAINS = rf"(?:{_AT}{_LABEL}(?:\.+{_LABEL})*)+"
# Match each run of local-part characters once, with or without a domain: searching for the whole
# address would restart at every character of a long text. RFC 5321 limits a quoted one to 64.
_MAIL = re.compile(
    rf'{_USER}|("(?:[^"\\\n]|\\.){{0,64}}"(?={_AT})|(?:{_LOCAL})+)({_DOMAINS})?', re.DOTALL
)
_HAS_AT = re.compile(_AT)
# The digits of an escape before an address are no part of it.
_ESCAPE = "%(?:25){0,2}[0-9A-Fa-f]{2}"
_INTERNET = re.compile(
    rf"({_ESCAPE}|(?<!\d)(?<!\d\.))(?!127\.|0\.0\.0\.0)(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?!\.?\d)"
)

# Whole runs, matched once; `ipaddress` decides which are addresses.
_COLON = r"(?::|%(?:25)*3[Aa])"
_INTERNET_6 = re.compile(
    rf"({_ESCAPE}|(?<![\w.%]))([0-9A-Fa-f.]*{_COLON}(?:[0-9A-Fa-f.]|{_COLON})+)"
)

# A slash that starts a path, not one within an address or fraction; then folders and a name.
_PATH = re.compile(r"(?<![\w:/.~-])/(?:[^\s/:'\",;()]+/)+([^\s/:'\",;()]*)")


def strip_folders(text: str) -> str:
    """Reduce file paths in `text` to file names: folders belong in the log only."""
    return _PATH.sub(r"\1", text)


def mask_url(url: str) -> str:
    """Return the URL without its password and query, either of which may be secret."""
    bare, _, query = _PASSWORD.sub(rf"\1:{MASK}@", url).partition("?")
    return bare + (f"?{MASK}" if query else "")


def passwords_of(url: str) -> set[str]:
    """Return the secrets in a URL, both encoded and decoded."""
    password = _PASSWORD.search(url)
    text = password[2] if password else ""
    passwords = {text.partition("@")[0], text.rpartition("@")[0]}  # libraries differ
    query = parse_qsl(url.partition("?")[2])
    return (
        passwords
        | {unquote(one) for one in passwords}
        | {value for name, value in query if "pass" in name.lower()}
    )


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
        if _HAS_AT.search(text):
            text = _MAIL.sub(_mask_email, text)
        return _INTERNET.sub(rf"\1{MASK}", _INTERNET_6.sub(_mask_ip, text))


def _mask_email(run: re.Match[str]) -> str:
    scheme_and_user, password, local, domains = run.groups()
    if scheme_and_user is None:
        return MASK if domains else str(local)
    user = f"://{MASK}" if _HAS_AT.search(scheme_and_user) else scheme_and_user
    return f"{user}:{MASK}@" if password else f"{user}@"


def _mask_ip(run: re.Match[str]) -> str:
    """Mask the run if it is an address; a port, colon or full stop at its end is not part of it."""
    if run.string[run.end() : run.end() + 1].isalnum():
        return run[0]
    whole = re.sub(_COLON, ":", run[2])
    address = whole.rstrip(".")
    for text in (address, address.removesuffix(":"), re.sub(r":[0-9]{1,5}:?$", "", address)):
        with contextlib.suppress(ValueError):
            parsed = ipaddress.IPv6Address(text)
            is_here = parsed.is_loopback or parsed.is_unspecified
            return run[0] if is_here else run[1] + MASK + whole[len(text) :]
    return run[0]
