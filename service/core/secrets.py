"""Secrets, masked in displayed settings and in the log."""

__all__ = ["CONTROL_CHARACTERS", "MASK", "Masker", "mask_url", "passwords_of", "strip_folders"]

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
_LOGIN = re.compile("[^:]+://[^:@]*:([^@]*)@")  # of a valid setting
_KEY = re.compile(r"\b(crossings_[A-Za-z0-9]+_)[A-Za-z0-9_-]+")
_AT = re.compile("@|%(?:25)*40")  # even encoded twice, as a URL within a URL is
# The user and password of a URL, whose host stays, or a word, which may be an email address. Each
# character is read once: searching for whole addresses would restart at every one of a long text.
_WORD = re.compile(r"""://([^:/@\s'"]*)(:[^/\s'"]*)?@|(?:[^\s"'(),/:;<>\[\\\]]|(?<=\w)'(?=\w))+""")
_IP4 = re.compile(r"(?:127\.0\.0\.1|0\.0\.0\.0)(?!\d)|((?:\d{1,3}\.){3}\d{1,3})")
_COLON = re.compile(":|%(?:25)*3[Aa]")
_IP6 = re.compile(rf"(?<!\w)[0-9A-Fa-f]*(?:(?:{_COLON.pattern})[0-9A-Fa-f]*){{2,}}(?!\w)")
_MOST_COLONS = 5  # of a time or hardware address

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
    login = _LOGIN.match(url)
    query = parse_qsl(url.partition("?")[2])
    passwords = {value for name, value in query if "pass" in name.lower()}
    passwords.add(login[1] if login else "")
    return passwords | {unquote(one) for one in passwords}


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
        if _AT.search(text):
            text = _WORD.sub(_mask_word, text)
        text = _IP4.sub(lambda found: MASK if found[1] else found[0], text)
        return _IP6.sub(_mask_ip6, text)


def _mask_word(word: re.Match[str]) -> str:
    user, password = word.groups()
    if user is None:
        return MASK if _AT.search(word[0], 1) else word[0]
    name = MASK if _AT.search(user) else user
    return f"://{name}:{MASK}@" if password else f"://{name}@"


def _mask_ip6(run: re.Match[str]) -> str:
    address = _COLON.sub(":", run[0])
    is_address = "::" in address or address.count(":") > _MOST_COLONS
    return MASK if is_address and address not in ("::", "::1") else run[0]
