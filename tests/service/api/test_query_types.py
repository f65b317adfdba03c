from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pydantic import TypeAdapter, ValidationError

from service.answers.issue_loader import IssueLoader
from service.api import query_types
from service.core.context import Context
from service.core.database import connect
from service.core.settings import Settings

VALID = [
    ("Day", "2024-10-18", dt.date(2024, 10, 18)),
    ("DayOf", "2024-10-18T23:30:00Z", dt.date(2024, 10, 19)),
    ("Horizon", "28", 28),
    ("Levels", "50,80", (50, 80)),
    ("Moment", "2024-10-18T14:00:00 01:00", dt.datetime(2024, 10, 18, 13, tzinfo=dt.UTC)),
    ("Periods", "next_7_days,this_week", ("next_7_days", "this_week")),
    ("Share", "0.6711324476733448", 0.6711324476733448),
    ("Weeks", "26w", 26),
]
INVALID = [
    *(("Day", "20241018"), ("DayOf", "0001-01-01T00:00:00Z"), ("Horizon", "28.0")),
    *(("Day", 1767225600), ("Moment", 1767225600), ("Moment", dt.date(2024, 10, 18))),
    *(("Levels", "50;80"), ("Moment", "2024-10-18T14:00:00"), ("Share", "1e-1"), ("Weeks", "26")),
]


@pytest.fixture(autouse=True)
def _request() -> Iterator[None]:
    """A request context: days depend on the route. The database is not used."""
    app = Flask(__name__)
    app.extensions["loader"] = IssueLoader(Context(Settings(), connect("sqlite:///:memory:")))
    with app.test_request_context("/"):
        yield


@pytest.mark.parametrize(("kind", "text", "value"), VALID)
def test_valid_text_is_parsed(kind: str, text: str, value: Any) -> None:
    assert TypeAdapter(getattr(query_types, kind)).validate_python(text) == value


@pytest.mark.parametrize(("kind", "text"), INVALID)
def test_invalid_text_is_rejected(kind: str, text: object) -> None:
    with pytest.raises(ValidationError, match="expected"):
        TypeAdapter(getattr(query_types, kind)).validate_python(text)


@pytest.mark.parametrize("kind", ["Horizon", "Limit", "StayDays", "Threshold"])
def test_number_schemas_have_bounds(kind: str) -> None:
    schema = TypeAdapter(getattr(query_types, kind)).json_schema()
    assert schema["type"] == "integer" and schema["minimum"] <= 1 < schema["maximum"]
