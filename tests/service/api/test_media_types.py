import pytest
from flask import Flask

from service.api.media_types import CSV, HTML, JSON, PROBLEM, preferred_type


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("text/*", CSV),
        ("text/csv; charset=utf-8", CSV),
        ("text/csv; charset=utf-8; header=present", CSV),
        ("text/csv; charset=iso-8859-1", None),
        ("application/json; profile=other", None),
        ("text/csv; charset=iso-8859-1, application/json;q=0.1", JSON),
        ("text/csv;q=0.2, text/csv; charset=utf-8;q=0.9, application/json;q=0.5", CSV),
        ("text/*;q=0, */*", JSON),
        ("*/*;q=0", None),
        ("text/*;q=0.9, text/csv;q=0.1, */*;q=0.5", JSON),
        ("text/csv, */*", CSV),
        ("image/png", None),
        ("", JSON),
        ("text/csv;q=2", JSON),
    ],
)
def test_media_ranges_follow_rfc_9110(accept, expected):
    with Flask("any").test_request_context(headers={"Accept": accept}):
        assert preferred_type(JSON, CSV) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("text/html,application/xhtml+xml,*/*;q=0.8", HTML), ("*/*", PROBLEM)],
)
def test_browsers_prefer_pages(accept, expected):
    with Flask("any").test_request_context(headers={"Accept": accept}):
        assert preferred_type(PROBLEM, HTML) == expected
