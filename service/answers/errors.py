"""Errors that the answers raise, and the checks of numbers that raise them."""

__all__ = [
    "MOST_ISSUES",
    "MOST_STAY_DAYS",
    "MOST_THRESHOLD",
    "SHARES",
    "BadQuestion",
    "NoAnswer",
    "NotFound",
    "NotPossible",
    "NotReady",
    "check_number",
    "check_whole",
]

import datetime as dt

MOST_THRESHOLD = 1_000_000  # largest count in a query or of a subscriber
MOST_STAY_DAYS = 400
SHARES = (0.5, 0.999)  # bounds of the probability that the places are enough
MOST_ISSUES = 500  # per page


class NoAnswer(Exception):
    """Base class; the message says what is allowed."""


class BadQuestion(NoAnswer):
    """The parameter `name` is not allowed."""

    def __init__(self, name: str, expected: str, value: object = None) -> None:
        """`expected` is a complete sentence if no `value` is given."""
        self.name = name
        if isinstance(value, dt.datetime):
            value = value.isoformat().replace("+00:00", "Z")
        fault = expected if value is None else f"expected {expected}, found {value}"
        super().__init__(f"{name}: {fault}")


class NotFound(NoAnswer):
    """A series, an issue or a model that does not exist."""


class NotPossible(NoAnswer):
    """A valid question that this issue cannot answer."""


class NotReady(NoAnswer):
    """Nothing is published yet, because the first refit has not finished."""

    def __init__(self, fault: str = "nothing is published yet: the first refit has not finished"):
        super().__init__(fault)


def check_whole(name: str, value: int, least: int, most: int) -> None:
    """Raise `BadQuestion` unless `value` is from `least` to `most`."""
    if not least <= value <= most:
        raise BadQuestion(name, f"a whole number from {least:,} to {most:,}", value)


def check_number(name: str, value: float, least: float, most: float) -> None:
    """Raise `BadQuestion` unless `value` lies from `least` to `most`; NaN does not."""
    if not least <= value <= most:
        raise BadQuestion(name, f"a number from {least} to {most}", value)
