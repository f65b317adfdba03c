"""HTTP with the machine's proxies and certificates, within limits."""

__all__ = ["Bound", "TooLarge", "client"]

import os
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import httpx

from service.data.source import Unreachable

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Bound:
    """Remaining bytes and time of one attempt, over all its connections and redirects.

    `remaining_bytes` counts headers, bodies and proxy responses.
    """

    def __init__(self, n_bytes: int, seconds: float) -> None:
        self.remaining_bytes = n_bytes
        self._seconds = seconds
        self._deadline = monotonic() + seconds

    def remaining_seconds(self) -> float:
        """Return the time until the deadline; raises `httpx.ReadTimeout` after it."""
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise httpx.ReadTimeout(f"no complete answer after {self._seconds:g} s")
        return remaining

    def trace(self, event: str, details: dict[str, Any]) -> None:
        """Apply the limits to each new connection; for the request extension "trace".

        httpx limits the time of single reads, and not the number of headers: only the connection
        itself sees everything that arrives.
        """
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = details["return_value"]
            stream.read = partial(self._read, stream.read)

    def _read(self, read: Callable[..., bytes], max_bytes: int, timeout: float) -> bytes:
        content = read(max_bytes, min(self.remaining_seconds(), timeout))
        self.remaining_bytes -= len(content)
        if self.remaining_bytes < 0:
            raise TooLarge
        return content


class TooLarge(Exception):
    """More bytes than the limit allows."""


def client(**options: Any) -> httpx.Client:
    """Return a client that uses the machine's proxies and certificates.

    Raises `Unreachable` with the names of the environment variables that may be invalid, without
    their values, which may hold a password.
    """
    try:
        return httpx.Client(trust_env=True, **options)
    except OSError as error:
        where = _variables_set(_CERTIFICATES) or "certifi"
        reason = error.strerror or str(error)
        raise Unreachable(where, "files that can be used (PEM)", reason) from error
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        expected = "proxies such as http://proxy.example.org:3128, and hosts separated by commas"
        raise Unreachable(_variables_set(_PROXIES), expected, "something else") from error


def _variables_set(variables: tuple[str, ...]) -> str:
    """Return those of the variables that are set, in capitals or in lower case."""
    both = (name for one in variables for name in (one, one.lower()))
    return ", ".join(name for name in both if name in os.environ)
