"""Types of settings that need more than a number or a choice."""

__all__ = [
    "AgentContact",
    "DaskScheduler",
    "DatabaseUrl",
    "DeclaredOrTimes",
    "File",
    "Folder",
    "Host",
    "HttpAddress",
    "ListId",
    "Origins",
    "PublicAddress",
    "Rate",
    "RateStore",
    "Routes",
    "Sender",
    "Time",
    "Times",
]

import ipaddress
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from service.core.addresses import AddressError, parse_sender
from service.core.secrets import CONTROL_CHARACTERS

_HOST_NAME = re.compile(r"([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)+")
# Must be safe between angle brackets in headers, in JSON and in HTML.
_IN_ADDRESSES = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_ADDRESS = "expected an address such as https://forecast.example.org"
# Once a year each of these hours is skipped or repeated: from one in Britain, from two in Rome.
_CLOCK = re.compile(r"(0[03-9]|1[0-9]|2[0-3]):[0-5][0-9]")
_SAFE = "not from 01:00 to 02:59, when clocks change"


def _database_url(value: str) -> str:
    """Refuse other databases, SQLite in memory, which loses what is written, and its options."""
    kind, _, place = value.partition("://")
    is_sqlite = kind.partition("+")[0] == "sqlite"
    is_file = place.startswith("/") and place not in ("/", "/:memory:") and "?" not in place
    if is_sqlite and not is_file:
        raise ValueError("expected the URL of a file for SQLite, such as sqlite:////srv/x.sqlite")
    if CONTROL_CHARACTERS.search(unquote(value)):
        raise ValueError("expected a URL without control characters such as %00")
    if value:
        from sqlalchemy import exc, make_url  # imported here, so that `--help` loads no library

        try:
            is_known = make_url(value).get_backend_name() in ("sqlite", "postgresql")
        except (exc.ArgumentError, ValueError):  # of the port
            is_known = False
        if not is_known:
            raise ValueError("expected a URL such as postgresql://user:password@host/crossings")
    return value


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if value and not _HOST_NAME.fullmatch(value):
            raise ValueError("expected the name or address of a host, without a port") from None
    return value


def _http_address(value: str) -> str:
    """Refuse user information, which readers would see, and anything after the path."""
    address = value.replace("{service}", "service")  # placeholder for a host name
    if not _IN_ADDRESSES.fullmatch(address):
        raise ValueError(_ADDRESS)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        _host(host)
    except ValueError:
        raise ValueError(_ADDRESS) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError(_ADDRESS)
    if "@" in parts.netloc or "?" in address or "#" in address:
        raise ValueError(f"{_ADDRESS}, without user, query or fragment")
    return value


def _public_address(value: str) -> str:
    """Refuse a path: pages, forms and links of the API start at the root of their host."""
    if value and urlsplit(_http_address(value)).path not in ("", "/"):
        raise ValueError(f"{_ADDRESS}, without a path: the service needs a host name of its own")
    return value


def _origins(value: str) -> str:
    for origin in filter(None, map(str.strip, value.split(","))):
        if urlsplit(_http_address(origin)).path:
            raise ValueError("expected origins such as https://planning.example, without a path")
    return value


def _matching(pattern: str, example: str) -> AfterValidator:
    """Accept texts that match `pattern`, of URLs those with a valid port; `example` is in words."""

    def check(value: str) -> str:
        try:
            is_valid = re.fullmatch(pattern, value) and urlsplit(value).port != 0
        except ValueError:
            is_valid = False
        if not is_valid:
            raise ValueError(f"expected {example}")
        return value

    return AfterValidator(check)


def _sender(value: str) -> str:
    if value:
        try:
            parse_sender(value)
        except AddressError as error:
            raise ValueError(str(error)) from None
    return value


def _time(value: str) -> str:
    if not _CLOCK.fullmatch(value):
        raise ValueError(f"expected a time such as 15:30, {_SAFE}")
    return value


def _times(value: str) -> str:
    if value and not all(map(_CLOCK.fullmatch, value.split(","))):
        raise ValueError(f"expected times such as 09:40,15:30, {_SAFE}")
    return value


def _declared_or_times(value: str) -> str:
    return value if value == "declared" else _times(value)


def _folder(value: Path) -> Path:
    try:
        if value.exists() and not value.is_dir():
            raise ValueError("expected a folder")
    except OSError as error:
        raise ValueError(f"expected a folder that can be read ({error.strerror})") from None
    return value


def _file(value: Path) -> Path:
    try:
        if not value.is_file():
            raise ValueError("expected a file that exists")
    except OSError as error:
        raise ValueError(f"expected a file that can be read ({error.strerror})") from None
    return value


AgentContact = Annotated[
    str, _matching(r"[\x21-\x7e]*", "ASCII without spaces, such as https://example.org/contact")
]
DaskScheduler = Annotated[
    str,
    _matching(  # Dask has no users, and would show one
        r"((tcp|tls)://[^\s/?#@]+:[0-9]+)?",
        "a scheduler such as tcp://scheduler:8786, with a port up to 65535",
    ),
]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
DeclaredOrTimes = Annotated[str, AfterValidator(_declared_or_times)]
File = Annotated[Path, AfterValidator(_file)]
Folder = Annotated[Path, AfterValidator(_folder)]
Host = Annotated[str, AfterValidator(_host)]
HttpAddress = Annotated[str, AfterValidator(_http_address)]
ListId = Annotated[
    str, _matching(r"([A-Za-z0-9-]+\.)*[A-Za-z0-9-]*", "a name such as crossings.example.org")
]
Origins = Annotated[str, AfterValidator(_origins)]
PublicAddress = Annotated[str, AfterValidator(_public_address)]
Rate = Annotated[
    str, _matching(r"([1-9][0-9]{0,8}/(second|minute|hour|day))?", "a rate such as 600/minute")
]
RateStore = Annotated[
    str,
    _matching(  # with a / in a password the port would be a part of it, which its error shows
        r"memory://|rediss?://\S+",
        "memory:// or a URL such as redis://:password@cache:6379/0, with / ? # encoded",
    ),
]
Routes = Annotated[
    str,
    _matching(
        r"([a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*)?", "routes without spaces, such as channel,italy"
    ),
]
Sender = Annotated[str, AfterValidator(_sender)]
Time = Annotated[str, AfterValidator(_time)]
Times = Annotated[str, AfterValidator(_times)]
