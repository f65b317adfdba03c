"""Explanations of invalid values, of what pydantic itself says of them."""

import datetime as dt
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from service.core.validation import explain_invalid


def _refuse(value):
    raise ValueError("expected another text")


class Inner(BaseModel):
    name: str


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    whole: int = Field(1, ge=1, le=9)
    number: float = Field(0.5, gt=0, lt=1)
    name: str = Field("", max_length=3, pattern="^a*$")
    choice: Literal["calm", "rough"] = "calm"
    yes: bool = True
    day: dt.date = dt.date.min
    time: dt.time = dt.time.min
    listed: Literal["a, input x", "b"] = "b"
    names: dict[str, str] = Field(default_factory=dict, max_length=1)
    counts = []
    inner: Inner = Inner(name="")
    ours: Annotated[str, AfterValidator(_refuse)] = ""


@pytest.mark.parametrize(
    ("given", "explanation"),
    [
        ({"whole": "x"}, "expected a whole number, found 'x'"),
        ({"whole": 0}, "expected at least 1, found 0"),
        ({"whole": "10"}, "expected at most 9, found '10'"),
        ({"number": 0}, "expected more than 0, found 0"),
        ({"number": 1}, "expected less than 1, found 1"),
        ({"number": None}, "expected a number, found none"),
        ({"name": 3}, "expected text, found 3"),
        ({"name": "a" * 99}, f"expected at most 3 characters, found '{40 * 'a'}'"),
        ({"name": "b"}, "expected text of the form '^a*$', found 'b'"),
        ({"choice": "x"}, "expected 'calm' or 'rough', found 'x'"),
        ({"yes": "x"}, "expected true or false, found 'x'"),
        ({"names": 3}, "expected named values, found 3"),
        ({"names": {"a": "", "b": ""}}, "expected at most 1 item, found {'a': '', 'b': ''}"),
        ({"counts": {}}, "expected a list, found {}"),
        ({"day": "2026-13-01"}, "expected a date such as 2024-10-18, found '2026-13-01'"),
        ({"time": "25:00"}, "expected a time such as 14:00, found '25:00'"),
        ({"listed": "c"}, "expected 'a, input x' or 'b', found 'c'"),
        ({"ours": "x"}, "expected another text, found 'x'"),
        ({"x": 1}, "expected only known names, found an unknown one"),
        ({"inner": {}}, "expected a value, found none"),
        ({"inner": 3}, "expected named values, found 3"),
    ],
)
def test_each_message_says_what_was_expected_and_found(given, explanation):
    with pytest.raises(ValidationError) as error:
        Model.model_validate(given)
    (detail,) = error.value.errors()
    assert explain_invalid(detail["msg"], detail["input"]) == explanation


def test_value_is_left_out_if_unknown_or_already_named():
    assert explain_invalid("Value error, expected one of two", ...) == "expected one of two"
    assert explain_invalid("Value error, expected 1, found 'x'", "y") == "expected 1, found 'x'"
