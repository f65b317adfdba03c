"""Whose fault a refusal is: the reader's address, or ours, when the server refuses everybody."""

from __future__ import annotations

__all__ = ["Refusals"]

from dataclasses import replace

from service.core import addresses
from service.mail.delivery_store import Due
from service.mail.smtp import Sent

_MOST = 5
_DOMAINS = 3
Result = tuple[Due, Sent]


class Refusals:
    """Holds refusals back until one mail of the run is taken: then each is its reader's.

    As long as none is, several refusals say that the server will not have the mail, or ours at
    all, and nobody's address is bad: none of them may count towards a suspension. Refusals at the
    recipient count so only when they are of several domains, since one domain may be gone.
    """

    def __init__(self) -> None:
        self._held: list[Result] = []
        self._is_taking = False

    def settle(self, one: Due, sent: Sent) -> list[Result]:
        """What may be recorded now that this is known."""
        if self._is_taking:
            return [(one, sent)]
        if sent.state == "bounced":
            self._held.append((one, sent))
            return []
        self._is_taking = sent.state == "sent"
        return [*(self._release() if self._is_taking else []), (one, sent)]

    @property
    def is_systematic(self) -> bool:
        """Whether to stop: so many were refused, and none was taken."""
        return len(self._held) >= _MOST and self._is_ours()

    def end(self) -> tuple[list[Result], str]:
        """What is to be recorded at the end of a run, and what the server refuses, if it does.

        Mails that were refused for no fault of their readers are to be tried again.
        """
        held = self._release()
        if not held or not self._is_ours(held):
            return held, ""
        code = held[-1][1].code
        what = f"the SMTP server refuses the mail itself, of {len(held)} readers ({code})"
        return [(one, replace(sent, state="later")) for one, sent in held], what

    def _is_ours(self, held: list[Result] | None = None) -> bool:
        held = self._held if held is None else held
        if all(sent.of_content for _, sent in held):
            return True
        domains = {addresses.domain(one.address) for one, _ in held}
        return len(held) >= _MOST and len(domains) >= _DOMAINS

    def _release(self) -> list[Result]:
        held, self._held = self._held, []
        return held
