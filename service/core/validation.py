"""What an invalid value should have been, in the words of all other errors."""

__all__ = ["explain_invalid"]

import re
from typing import Any

_SHOULD = re.compile(r"(?:Input|String|List|Tuple|Dictionary) should (?:be |have )?")
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
    "in a valid time format": "a time such as 14:00",
    "a valid date or datetime": "a date such as 2024-10-18",
    "match pattern ": "text of the form ",
}
_MISSING, _UNKNOWN = "Field required", "Extra inputs are not permitted"


def explain_invalid(message: str, value: Any) -> str:
    """Return ``expected …, found …`` for `message`, of pydantic or of a validator of ours.

    A message that already says what was found is kept. For an ellipsis as `value` it is left out.
    """
    message = message.removeprefix("Value error, ")
    if message == _MISSING:
        return "expected a value, found none"
    if message == _UNKNOWN:
        return "expected only known names, found an unknown one"
    if "instance of" in message:  # it names our class
        message = "expected named values"
    if "Unable to parse input string as an integer" in message:  # too many digits
        message = "expected a whole number"
    if begin := _SHOULD.match(message):
        message = message[begin.end() :]
        more = ", " if message.startswith(("a valid ", "in a valid ")) else " after validation"
        message = f"expected {message.partition(more)[0]}"
        for theirs, ours in _WORDS.items():
            message = message.replace(f"expected {theirs}", f"expected {ours}")
    if value is ... or ", found" in message:
        return message
    shown = value[:40] if isinstance(value, str) else value
    return f"{message}, found {'none' if value is None else f'{shown!r:.60}'}"
