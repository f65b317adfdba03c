"""Errors that the answers raise."""

from __future__ import annotations

__all__ = ["BadQuestion", "NoAnswer", "NotFound", "NotPossible", "NotReady"]


class NoAnswer(Exception):
    """Base class; the message says what is allowed."""


class BadQuestion(NoAnswer):
    """The parameter `name` is not allowed."""

    def __init__(self, name: str, expected: str, value: object = None) -> None:
        """`expected` is a complete sentence if no `value` is given."""
        self.name = name
        fault = expected if value is None else f"expected {expected}, found {value}"
        super().__init__(f"{name}: {fault}")


class NotFound(NoAnswer):
    """A series, an issue or a model that does not exist."""


class NotPossible(NoAnswer):
    """A valid question that this issue cannot answer."""


class NotReady(NoAnswer):
    """Nothing is published yet, because the first refit has not finished."""
