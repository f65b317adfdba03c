"""What an invalid value should have been, in the words of all other errors."""

__all__ = ["explain_invalid"]

import re
from typing import Any

_SHOULD = re.compile(r"(?:Input|String|List|Tuple|Dictionary) should (?:be |have )?")
_DETAIL = re.compile(r"(?:, (?:unable|got|input) | after validation, ).*")
_WORDS = {
    "greater than or equal to ": "at least ",
    "less than or equal to ": "at most ",
    "greater than ": "more than ",
    "a valid dictionary": "named values",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "match pattern ": "text of the form ",
}
_MISSING, _UNKNOWN = "Field required", "Extra inputs are not permitted"


def explain_invalid(message: str, value: Any, is_secret: bool = False) -> str:
    """Return ``expected …, found …`` for `message`, of pydantic or of a validator of ours.

    A message that already says what was found is kept. For an ellipsis as `value` it is left out.
    """
    message = message.removeprefix("Value error, ")
    if message == _MISSING:
        return "expected a value, found none"
    if message == _UNKNOWN:
        return "expected only known names, found another"
    if "instance of" in message:  # it names our class
        message = "expected named values"
    if begin := _SHOULD.match(message):
        message = "expected " + _DETAIL.sub("", message[begin.end() :])
        for theirs, ours in _WORDS.items():
            message = message.replace(f"expected {theirs}", f"expected {ours}")
    if value is ... or ", found" in message:
        return message
    if is_secret:
        return f"{message}, found a value that is not shown"
    shown = value[:40] if isinstance(value, str) else value
    return f"{message}, found {'none' if value is None else f'{shown!r:.60}'}"
