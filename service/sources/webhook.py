"""Tell another program something: signed, asked again when it does not answer, never redirected.

Signed as Standard Webhooks 1.0 has it, so that its libraries verify it.
"""

from __future__ import annotations

__all__ = ["Webhook", "sign"]

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import ssl
from dataclasses import dataclass, field
from importlib.metadata import version
from urllib.parse import urlsplit

import httpx
import stamina

from service.sources.base import FetchError, NotReached, Rejected, Unfit
from service.sources.network import client, plain

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PREFIX = "whsec_"
_PROJECT = "channel-crossings-forecast"


@dataclass(frozen=True)
class Webhook:
    """Where to tell it, and how patiently.

    Parameters
    ----------
    url : str
        It may hold a secret, so that errors and logs name its host alone.
    attempts : int
        How often, the first time included, in one call.
    attempt_seconds : float
        Bound of each wait for the other side.
    all_seconds : float
        Bound of all attempts and the pauses between them; nothing is begun after it.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    attempts: int = 3
    attempt_seconds: float = 5.0
    all_seconds: float = 15.0
    first_pause_seconds: float = 1.0

    @property
    def where(self) -> str:
        """Scheme and host."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def post(self, message_id: str, moment: dt.datetime, body: bytes) -> None:
        """Post `body`, once it is taken.

        Parameters
        ----------
        message_id : str
            The same whenever the same message is posted again.
        moment : datetime
            When it is posted; a part of what is signed.

        Raises
        ------
        FetchError
            If it is not taken: not reached, or refused.
        """
        timestamp = int(moment.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"{_PROJECT}/{version(_PROJECT)}",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self.secret, message_id, timestamp, body),
        }
        try:
            with client(
                headers=headers,
                timeout=self.attempt_seconds,
                follow_redirects=False,  # what is signed for one place goes to no other
            ) as session:
                for attempt in stamina.retry_context(
                    on=_is_passing,
                    attempts=self.attempts,
                    timeout=self.all_seconds,
                    wait_initial=self.first_pause_seconds,
                    wait_max=self.all_seconds / 2,
                    wait_jitter=self.first_pause_seconds,
                ):
                    with attempt, session.stream("POST", self.url, content=body) as answer:
                        self._check(answer)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError) as error:
            found = f"{plain(error, self.url)}, up to {self.attempts} attempts"
            raise NotReached(self.where, "an answer", found) from error

    def _check(self, answer: httpx.Response) -> None:
        said = f"{answer.status_code} {answer.reason_phrase}"
        if answer.is_redirect:
            raise Unfit(self.where, "a status 2xx, and no redirect", said)
        if not answer.is_success:
            raise Rejected(self.where, "a status 2xx", said, answer.status_code, None)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a message: ``v1,`` and the HMAC-SHA256 of id, time and body, in base64.

    Parameters
    ----------
    secret : str
        As it is, or ``whsec_`` and the bytes of the key in base64.

    References
    ----------
    Standard Webhooks 1.0, "Signature scheme".
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"expected base64 after {_PREFIX}") from None
    return secret.encode()


def _is_passing(error: Exception) -> bool:
    """Whether another attempt may help."""
    if isinstance(error, FetchError):
        return isinstance(error, Rejected) and error.status in _PASSING
    return isinstance(error, httpx.TransportError) and not isinstance(
        error, httpx.UnsupportedProtocol
    )
