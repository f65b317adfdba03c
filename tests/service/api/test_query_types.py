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

GOOD = [
    ("Day", "2024-10-18", dt.date(2024, 10, 18)),
    ("DayOf", "2024-10-18T23:30:00Z", dt.date(2024, 10, 19)),
    ("Horizon", "28", 28),
    ("Levels", "50,80", (50, 80)),
    ("Moment", "2024-10-18T14:00:00 01:00", dt.datetime(2024, 10, 18, 13, tzinfo=dt.UTC)),
    ("Periods", "next_7_days,this_week", ("next_7_days", "this_week")),
    ("Share", "0.6711324476733448", 0.6711324476733448),
    ("Weeks", "26w", 26),
]
BAD = [
    *(("Day", "20241018"), ("DayOf", "0001-01-01T00:00:00Z"), ("Horizon", "28.0")),
    *(("Levels", "50;80"), ("Moment", "2024-10-18T14:00:00"), ("Share", "1e-1"), ("Weeks", "26")),
]


@pytest.fixture(autouse=True)
def _request() -> Iterator[None]:
    """A request of a service whose route has its own days; its database is not asked."""
    app = Flask(__name__)
    app.extensions["loader"] = IssueLoader(Context(Settings(), connect("sqlite://")))
    with app.test_request_context("/"):
        yield


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
def test_a_text_becomes_what_it_means(kind: str, text: str, value: Any) -> None:
    assert TypeAdapter(getattr(query_types, kind)).validate_python(text) == value


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_a_text_of_another_form_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValidationError, match="expected"):
        TypeAdapter(getattr(query_types, kind)).validate_python(text)


@pytest.mark.parametrize("kind", ["Horizon", "Limit", "StayDays", "Threshold"])
def test_the_document_has_the_bounds_of_numbers(kind: str) -> None:
    schema = TypeAdapter(getattr(query_types, kind)).json_schema()
    assert schema["type"] == "integer" and schema["minimum"] <= 1 < schema["maximum"]
