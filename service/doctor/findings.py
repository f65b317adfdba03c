"""What a check finds."""

from __future__ import annotations

__all__ = ["FAIL", "OK", "WARN", "Finding"]

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """One line of what the doctor says.

    Attributes
    ----------
    check : str
        What was looked at.
    state : str
        ``ok``; ``warn``: the service works, and something wants looking at; ``fail``.
    said : str
        What was found.
    remedy : str
        What to do; empty when there is nothing to do.
    """

    check: str
    state: str
    said: str
    remedy: str = ""
