"""Types of settings that are text of a certain form."""

__all__ = [
    "AgentContact",
    "DaskScheduler",
    "DatabaseUrl",
    "Host",
    "HttpAddress",
    "Origins",
    "PublicAddress",
    "Rate",
    "RateStore",
    "Routes",
    "Sender",
    "Time",
    "Times",
    "matching",
]

import re
from typing import Annotated

from pydantic import AfterValidator

from service.core.addresses import parse_sender


def matching(pattern: str, expected: str) -> AfterValidator:
    """Accept texts that match `pattern`, or raise an error that says what was `expected`."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


def _sender(value: str) -> str:
    if value:
        parse_sender(value)
    return value


_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"  # of a host
_IP6 = r"[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,}"
_PORT = ":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))"
# A server with a user and password, in which / ? # and @ must be encoded: otherwise part of the
# password would be read as the port, which a library's error shows.
_LOGIN = rf"([^\s/?#@]*@)?({_NAME}|\[{_IP6}\])?({_PORT})?"
_ORIGIN = rf"https?://({_NAME}|\[{_IP6}\])({_PORT})?"
# Only characters that are safe between angle brackets in headers, in JSON and in HTML.
_PATH = r"(/([!$-;=@-\[\]_a-z~]|\{service\})*)?"
_EXAMPLE = "an address such as https://forecast.example.org"
# Once a year each of the other hours is skipped or repeated: from one in Britain, from two in Rome.
_TIME = "(0[03-9]|1[0-9]|2[0-3]):[0-5][0-9]"
_SAFE = "not from 01:00 to 02:59, when clocks change"

AgentContact = Annotated[
    str, matching(r"[\x21-\x7e]*", "ASCII without spaces, such as https://example.org/contact")
]
DaskScheduler = Annotated[  # Dask has no users
    str,
    matching(
        rf"((tcp|tls)://({_NAME}|\[{_IP6}\]){_PORT})?", "a scheduler such as tcp://scheduler:8786"
    ),
]
DatabaseUrl = Annotated[  # SQLite in memory would lose what is written
    str,
    matching(
        rf"(sqlite:///(?!:)[^?]+|postgresql(\+psycopg)?://{_LOGIN}([/?]\S*)?)?",
        "a URL such as postgresql://user:password@host/crossings or sqlite:////srv/x.sqlite",
    ),
]
Host = Annotated[
    str, matching(rf"{_NAME}|{_IP6}|", "the name or address of a host, without a port")
]
HttpAddress = Annotated[  # {service} stands for the name of a host
    str,
    matching(
        rf"https?://((\{{service\}}\.)?{_NAME}|\[{_IP6}\])({_PORT})?{_PATH}",
        f"{_EXAMPLE}, without user, query or fragment",
    ),
]
Origins = Annotated[
    str,
    matching(
        rf"({_ORIGIN}(, ?{_ORIGIN})*)?", "origins such as https://planning.example, without a path"
    ),
]
PublicAddress = Annotated[  # pages, forms and links of the API start at the root of their host
    str,
    matching(
        rf"({_ORIGIN}/?)?",
        f"{_EXAMPLE}, without a path: the service needs a host name of its own",
    ),
]
Rate = Annotated[
    str, matching("([1-9][0-9]{0,8}/(second|minute|hour|day))?", "a rate such as 600/minute")
]
RateStore = Annotated[
    str,
    matching(
        rf"memory://|rediss?://{_LOGIN}([/?]\S*)?",
        "memory:// or a URL such as redis://:password@cache:6379/0, with / ? # encoded",
    ),
]
Routes = Annotated[
    str,
    matching(
        "([a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*)?", "routes without spaces, such as channel,italy"
    ),
]
Sender = Annotated[str, AfterValidator(_sender)]
Time = Annotated[str, matching(_TIME, f"a time such as 15:30, {_SAFE}")]
Times = Annotated[str, matching(f"({_TIME}(,{_TIME})*)?", f"times such as 09:40,15:30, {_SAFE}")]
