"""Errors that the answers raise about inputs whose bounds depend on what is stored.

The interfaces check everything else.
"""

__all__ = ["MOST_THRESHOLD", "BadQuestion", "NoAnswer", "NotFound", "NotPossible", "NotReady"]

import datetime as dt

MOST_THRESHOLD = 1_000_000  # largest count in a query or of a subscriber


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
