import pytest
from flask import Flask

from service.api.media_types import CSV, HTML, JSON, PROBLEM, preferred_type

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        ("*/*", (JSON, CSV), JSON),
        ("text/*", (JSON, CSV), CSV),
        ("text/csv; charset=utf-8", (JSON, CSV), CSV),
        ("text/csv; charset=utf-8; header=present", (JSON, CSV), CSV),
        ("text/csv; charset=iso-8859-1", (JSON, CSV), None),
        ("application/json; profile=other", (JSON, CSV), None),
        ("text/csv; charset=iso-8859-1, application/json;q=0.1", (JSON, CSV), JSON),
        ("text/csv;q=0.2, text/csv; charset=utf-8;q=0.9, application/json;q=0.5", (JSON, CSV), CSV),
        ("text/*;q=0, */*", (JSON, CSV), JSON),
        ("*/*;q=0", (JSON, CSV), None),
        ("text/*;q=0.9, text/csv;q=0.1, */*;q=0.5", (JSON, CSV), JSON),
        ("text/csv, */*", (JSON, CSV), CSV),
        ("image/png", (JSON, CSV), None),
        ("", (JSON, CSV), JSON),
        ("text/csv;q=2", (JSON, CSV), JSON),
        (BROWSER, (PROBLEM, HTML), HTML),
        ("*/*", (PROBLEM, HTML), PROBLEM),
    ],
)
def test_media_ranges_follow_rfc_9110(accept, offers, expected):
    with Flask("any").test_request_context(headers={"Accept": accept}):
        assert preferred_type(*offers) == expected
