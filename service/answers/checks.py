"""Validation of numeric parameters."""

from __future__ import annotations

__all__ = [
    "MOST_ISSUES",
    "MOST_STAY_DAYS",
    "MOST_THRESHOLD",
    "SHARES",
    "check_number",
    "check_whole",
]

from service.answers.errors import BadQuestion

MOST_THRESHOLD = 1_000_000  # largest count in a query or of a subscriber
MOST_STAY_DAYS = 400
SHARES = (0.5, 0.999)  # bounds of the probability that the places are enough
MOST_ISSUES = 500  # per page


def check_whole(name: str, value: int, least: int, most: int) -> None:
    """Raise `BadQuestion` unless `value` is from `least` to `most`."""
    if not least <= value <= most:
        raise BadQuestion(name, f"a whole number from {least:,} to {most:,}", value)


def check_number(name: str, value: float, least: float, most: float) -> None:
    """Raise `BadQuestion` unless `value` lies from `least` to `most`; NaN does not."""
    if not least <= value <= most:
        raise BadQuestion(name, f"a number from {least} to {most}", value)
