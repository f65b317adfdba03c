"""Fetches documents: retries temporary failures and rejects anything unexpected."""

from __future__ import annotations

__all__ = ["Fetcher", "Response"]

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from service.core.clock import utc_now
from service.data.source import SourceError, Unreachable, Validators, gunzip

_PASSING = frozenset({429, 500, 502, 503, 504})
_PROJECT = "channel-crossings-forecast"
_HEADS_BYTES = 200_000  # for status lines, headers and redirects
_REASON_BYTES = 2_000
_CONNECT_SECONDS = 5.0
_MOST_REDIRECTS = 5
_LONGEST_VALIDATOR = 100
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class _TemporaryError(Unreachable):
    """An error answer that may pass."""

    status: int
    wait_seconds: float | None


@dataclass(frozen=True)
class Response:
    """A response; `content` is empty if the site answered "not modified"."""

    url: str
    content: bytes
    validators: Validators
    is_unchanged: bool = False


@dataclass(frozen=True)
class Fetcher:
    """HTTP client with limits and retries.

    - `contact`: Contact address of the operator, sent to every site; may be empty.
    - `sites`: Addresses at whose hosts, by the same scheme, documents and redirects may be; empty:
      only the requested one.
    - `read_seconds`, `attempt_seconds`: Time limits of one read, and of one attempt with redirects.
    - `longest_wait_seconds`: Longest Retry-After to accept; give up if it is longer.
    - `passing`: Status codes to retry.
    """

    contact: str = ""
    sites: tuple[str, ...] = ()
    attempts: int = 4
    read_seconds: float = 15.0
    attempt_seconds: float = 60.0
    first_pause_seconds: float = 1.0
    longest_wait_seconds: float = 120.0
    passing: frozenset[int] = _PASSING

    @property
    def user_agent(self) -> str:
        """Project, version and contact."""
        more = f" (+{self.contact})" if self.contact else ""
        return f"{_PROJECT}/{version(_PROJECT)}{more}"

    def get(
        self,
        url: str,
        kinds: tuple[str, ...],
        largest_bytes: int,
        params: Mapping[str, str] | None = None,
        validators: Validators = (None, None),
    ) -> Response:
        """Fetch `url` with the query `params`, which is never shown; raises `SourceError`.

        - `kinds`: Accepted media types.
        - `largest_bytes`: Limit of the body, compressed and uncompressed.
        - `validators`: Those of the last answer, so that the site can answer "not modified".
        """
        headers = {"User-Agent": self.user_agent, "Accept": ", ".join(kinds)}
        headers["Accept-Encoding"] = "gzip"
        conditions = zip(("If-None-Match", "If-Modified-Since"), validators, strict=True)
        headers |= {name: value for name, value in conditions if value}
        where = _without_secrets(url)
        try:
            for attempt in stamina.retry_context(
                on=self._pause_after,
                attempts=self.attempts,
                timeout=self.attempts * (self.attempt_seconds + 30) + self.longest_wait_seconds,
                wait_initial=self.first_pause_seconds,
                wait_max=30.0,
                wait_jitter=self.first_pause_seconds,
            ):
                with attempt, _client(headers) as session:
                    request = session.build_request("GET", url, params=params)
                    return self._attempt(session, request, kinds, largest_bytes)
        except SourceError:
            raise
        except httpx.HTTPError as error:
            # Without the beginning "[Errno 111]".
            described = str(error).rpartition("] ")[2] or type(error).__name__
            reason = f"{described}, after up to {self.attempts} attempts"
            raise Unreachable(where, "an answer", reason) from error
        except (httpx.InvalidURL, ValueError) as error:  # a host or URL that cannot be encoded
            raise SourceError(where, "a valid address", str(error)) from error
        raise AssertionError("unreachable: the loop returns or raises")

    def _attempt(
        self, session: httpx.Client, request: httpx.Request, kinds: Sequence[str], largest: int
    ) -> Response:
        """Make one request and follow redirects without reading their bodies."""
        bound = _Bound(str(request.url), largest, self.attempt_seconds)
        allowed = {_site(httpx.URL(site)) for site in self.sites} or {_site(request.url)}
        for _ in range(_MOST_REDIRECTS + 1):
            where, site = _without_secrets(str(request.url)), _site(request.url)
            if site not in allowed:
                raise SourceError(where, f"one of the sites {', '.join(sorted(allowed))}", site)
            read_seconds = min(self.read_seconds, bound.remaining_seconds())
            timeout = httpx.Timeout(read_seconds, connect=min(_CONNECT_SECONDS, read_seconds))
            request.extensions = {"trace": bound.trace, "timeout": timeout.as_dict()}
            answer = session.send(request, stream=True)
            with contextlib.closing(answer):
                if answer.next_request is None:
                    return _response(answer, kinds, largest)
            request = answer.next_request
        raise SourceError(where, "an answer", f"more than {_MOST_REDIRECTS} redirects")

    def _pause_after(self, error: Exception) -> bool | float:
        """Return whether to retry, or after how many seconds."""
        if isinstance(error, _TemporaryError) and error.status in self.passing:
            if error.wait_seconds is None:
                return True
            return error.wait_seconds if error.wait_seconds <= self.longest_wait_seconds else False
        is_final = isinstance(error, httpx.UnsupportedProtocol)
        return isinstance(error, httpx.TransportError) and not is_final


class _Bound:
    """Remaining bytes and time of one attempt, over all its connections and redirects."""

    def __init__(self, url: str, largest_bytes: int, seconds: float) -> None:
        self._remaining_bytes = largest_bytes + _HEADS_BYTES
        self._too_large = _too_large(_without_secrets(url), largest_bytes)
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

        Only the connection sees all that arrives: httpx has no limit for headers or for the whole.
        """
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = details["return_value"]
            stream.read = partial(self._read, stream.read)

    def _read(self, read: Callable[..., bytes], max_bytes: int, timeout: float) -> bytes:
        content = read(max_bytes, min(self.remaining_seconds(), timeout))
        self._remaining_bytes -= len(content)
        if self._remaining_bytes < 0:
            raise self._too_large
        return content


def _client(headers: Mapping[str, str]) -> httpx.Client:
    """Return a client that uses the machine's proxies and certificates.

    Raises `Unreachable` with the names of the variables that may be invalid, but without their
    values, which may hold a password.
    """
    try:
        return httpx.Client(headers=headers)
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


stamina.instrumentation.set_on_retry_hooks([])  # the caller reports the final result


def _response(answer: httpx.Response, kinds: Sequence[str], largest_bytes: int) -> Response:
    where = _without_secrets(str(answer.url))
    validators = _validator(answer, "etag"), _validator(answer, "last-modified")
    if answer.status_code == 304:
        return Response(where, b"", validators, is_unchanged=True)
    if answer.status_code != 200:
        raise _error_answer(answer, where)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        expected = f"content of type {' or '.join(kinds)}"
        raise SourceError(where, expected, kind[:80] or "no type")
    return Response(where, _body(answer, largest_bytes, where), validators)


def _error_answer(answer: httpx.Response, where: str) -> SourceError:
    """Return the error with the reason that a JSON answer of Open-Meteo gives, if any."""
    reason = f"{answer.status_code} {answer.reason_phrase[:80]}"
    with contextlib.suppress(Exception):  # the status is enough
        stated = json.loads(_body(answer, _REASON_BYTES, where))["reason"]
        reason += f" ({str(stated)[:200]})"
    wait = _retry_after(answer.headers.get("retry-after", ""))
    if wait is not None:
        reason += f", which asks to wait {wait:.0f} s"
    if answer.status_code not in _PASSING:
        return SourceError(where, "200 OK", reason)
    error = _TemporaryError(where, "200 OK", reason)
    error.status, error.wait_seconds = answer.status_code, wait
    return error


def _body(answer: httpx.Response, largest_bytes: int, where: str) -> bytes:
    """Return the body, decompressed here because httpx does not limit the output size."""
    content = bytearray()
    for part in answer.iter_raw():
        content += part
        if len(content) > largest_bytes:
            raise _too_large(where, largest_bytes)
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity" or not content:
        return bytes(content)
    if encoding != "gzip":
        expected = "a body compressed with gzip or uncompressed"
        raise SourceError(where, expected, repr(encoding[:80]))
    return gunzip(bytes(content), where, largest_bytes)


def _too_large(where: str, largest_bytes: int) -> SourceError:
    return SourceError(where, f"at most {largest_bytes:,} bytes", "more")


def _validator(answer: httpx.Response, name: str) -> str | None:
    """Return a header to send with the next request, if valid."""
    value = answer.headers.get(name, "")
    is_sendable = value.isascii() and value.isprintable() and len(value) <= _LONGEST_VALIDATOR
    return value if value and is_sendable else None


def _retry_after(text: str) -> float | None:
    """Parse a Retry-After header into seconds, from a number or a date."""
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        if text.isdigit():
            return min(float(text), 1e9)
        return max(0.0, (parsedate_to_datetime(text[:80]) - utc_now()).total_seconds())
    return None


def _site(url: httpx.URL) -> str:
    """Return scheme, host and port, in the one spelling of httpx."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"


def _without_secrets(url: str) -> str:
    """Return the URL without user, query and fragment, which may hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:  # not a URL, so there is no query to hide
        return repr(url[:80])
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
