"""HTTP with the machine's proxies and certificates, within limits; errors in plain words."""

__all__ = ["Bound", "TooLarge", "client", "describe_error"]

import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from service.data.source import Unreachable

_PROXY = "proxies such as http://proxy.example.org:3128, and hosts separated by commas"


class Bound:
    """Remaining bytes and time of one attempt, over all its connections and redirects.

    `remaining_bytes` counts headers, bodies and proxy responses.
    """

    def __init__(self, n_bytes: int, seconds: float, clock: Callable[[], float]) -> None:
        self.remaining_bytes = n_bytes
        self._seconds, self._clock = seconds, clock
        self._deadline = clock() + seconds

    def remaining_seconds(self) -> float:
        """Return the time until the deadline; raises `httpx.ReadTimeout` after it."""
        remaining = self._deadline - self._clock()
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

    def _read(
        self, read: Callable[..., bytes], max_bytes: int, timeout: float | None = None
    ) -> bytes:
        remaining = self.remaining_seconds()
        try:
            content = read(max_bytes, min(remaining, timeout if timeout is not None else remaining))
        except Exception:
            self.remaining_seconds()  # after the deadline, that is the reason
            raise
        self.remaining_bytes -= len(content)
        if self.remaining_bytes < 0:
            raise TooLarge
        return content


class TooLarge(Exception):
    """More bytes than the limit allows."""


def client(**options: Any) -> httpx.Client:
    """Return a client that uses the machine's proxies and certificates.

    Raises `Unreachable` with the names of the environment variables that may be invalid.
    """
    try:
        return httpx.Client(trust_env=True, **options)
    except OSError as error:
        where = _variables_set("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE") or "certifi"
        reason = error.strerror or str(error)
        raise Unreachable(where, "files that can be used (PEM)", reason) from error
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        where = _variables_set("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
        # Without the value, which may hold a password.
        raise Unreachable(where, _PROXY, "something else") from error


def describe_error(error: Exception, url: str = "") -> str:
    """Describe an error on the way to `url` in words that a person can act on."""
    text = str(error).strip()
    if _is_caused_by(error, socket.gaierror):
        reason = "the name of the host could not be resolved"
    elif "CERTIFICATE_VERIFY_FAILED" in text:
        cause = text.rpartition(": ")[2].partition(" (_ssl")[0]
        named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ]
        hint = (
            f"{named[0]} is {os.environ[named[0]]}" if named else "SSL_CERT_FILE may name another"
        )
        reason = f"the certificate is not trusted ({cause}); {hint}"
    elif isinstance(error, httpx.ConnectTimeout):
        reason = "no connection in time"
    elif isinstance(error, httpx.ProxyError):
        reason = f"the proxy answered {text}"
    elif isinstance(error, httpx.TimeoutException) and not text.startswith("no complete"):
        reason = "no answer in time"
    else:
        reason = text.partition("] ")[2] if text.startswith("[Errno") else text
    reason = reason or type(error).__name__
    proxy = _proxy_of(url) if isinstance(error, httpx.TransportError) else None
    return f"{reason}, through the proxy that {proxy} names" if proxy else reason


def _proxy_of(url: str) -> str | None:
    """Return the variable whose proxy is used for `url`."""
    try:
        parts = urlsplit(url)
        is_bypassed = not parts.hostname or proxy_bypass(parts.hostname)
    except ValueError:
        return None
    named = [scheme for scheme in (parts.scheme, "all") if scheme in getproxies()]
    return _variables_set(f"{named[0]}_proxy".upper()) if named and not is_bypassed else None


def _variables_set(*variables: str) -> str:
    """Return those of the variables that are set, in capitals or, for proxies, in lower case."""
    both = (name for one in variables for name in (one, one.lower()))
    return ", ".join(name for name in both if name in os.environ)


def _is_caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
