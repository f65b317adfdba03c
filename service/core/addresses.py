"""Email addresses that are accepted, and the network that an internet address belongs to."""

__all__ = ["AddressError", "clean_address", "domain_of", "network_of", "parse_sender"]

import ipaddress
import re
from functools import lru_cache

_LONGEST, _LONGEST_LOCAL = 254, 64  # RFC 5321, section 4.5.3.1
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+[a-z][a-z0-9-]*[a-z0-9]")
# A bare host counts as a domain here. Quotes around the name, which is in ASCII, are notation.
_FROM = rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*"
_SENDER = re.compile(rf'"?([ !#-;=?-~]*?)"? ?<({_FROM})>|({_FROM})', re.IGNORECASE)


class AddressError(ValueError):
    """A text that is not accepted as an email address; the message does not repeat it."""


def clean_address(text: str) -> str:
    """Return the address in `text` in lower case, so that one mailbox is one subscriber.

    Quoted local parts, comments, bare hosts and non-ASCII characters raise `AddressError`, so an
    address can never start another header or command.
    """
    address = text.strip(" ").lower()
    local = address.partition("@")[0]
    if len(address) > _LONGEST or len(local) > _LONGEST_LOCAL or not _ADDRESS.fullmatch(address):
        raise AddressError("expected one plain email address, such as name@example.org")
    return address


def parse_sender(text: str) -> tuple[str, str]:
    """Return the name and address in ``Some Name <name@example.org>`` or in a bare address.

    Everything before the brackets is the name, even with an "@" or a comma. Anything else raises
    `AddressError`.
    """
    parts = _SENDER.fullmatch(text)
    if parts is None:
        raise AddressError("expected name@example.org or Some Name <name@example.org>, in ASCII")
    name, address, bare = parts.groups()
    return (name or "").strip(), address or bare


def domain_of(address: str) -> str:
    """Return the part after the ``@`` of an address, which may include a display name."""
    return address.rpartition("@")[2].rstrip(">")


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what counts as one reader: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "no address"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
