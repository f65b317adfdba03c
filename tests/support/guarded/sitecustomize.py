"""Loaded by every Python that the tests start: refuses and logs connections beyond loopback.

Tests fail if the log is not empty, so that code which catches the error cannot hide it.
"""

import ipaddress
import os
import sys

_LOG = os.environ.get("LOOPBACK_GUARD")
_EVENTS = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")


def _is_here(host):
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(event, arguments):
    if event not in _EVENTS:
        return
    target = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments
    # Addresses of other socket families are not host and port.
    if not isinstance(target, tuple) or not target or _is_here(target[0]):
        return
    attempt = f"{event} to {target[0]!r}"
    # Read now: an xdist worker is first guarded as a child, and then gets its own file.
    with open(os.environ.get("LOOPBACK_GUARD", _LOG), "a") as file:
        file.write(f"{attempt} by {' '.join(sys.orig_argv)[:300]}\n")
    raise PermissionError(f"tests do not leave loopback: {attempt}")


if _LOG:
    sys.addaudithook(_refuse)
