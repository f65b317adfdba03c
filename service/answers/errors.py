"""Questions that have no answer, and why."""

from __future__ import annotations

__all__ = ["BadQuestion", "NoAnswer", "NotFound", "NotPossible", "NotReady"]


class NoAnswer(Exception):
    """A question without an answer; the message says what is allowed.

    ::

        NoAnswer
        ├── BadQuestion   a parameter outside what can be asked
        ├── NotFound      a series, an issue or a model that is not there
        ├── NotPossible   a right question that this issue cannot answer
        └── NotReady      nothing is published yet
    """


class BadQuestion(NoAnswer):
    """A parameter outside what can be asked.

    Attributes
    ----------
    name : str
        The parameter.
    """

    def __init__(self, name: str, expected: str, value: object) -> None:
        self.name = name
        super().__init__(f"{name}: expected {expected}, found {value}")


class NotFound(NoAnswer):
    """A series, an issue or a model that is not there."""


class NotPossible(NoAnswer):
    """A right question that this issue cannot answer."""


class NotReady(NoAnswer):
    """Nothing is published yet; it will be when the first refit is done."""
