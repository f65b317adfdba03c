import datetime as dt
import re

import pytest

from service.core.declared_series import Route, Series, Table
from tests.service.support import ROOT, utc
from tests.service.support import ROUTE as CHANNEL

FILE = {"kind": "csv", "file": "landings.csv", "columns": {"people": "arrived"}}
URL = {**FILE, "file": "", "address": "https://data.example.org/a.csv?key=1"}


@pytest.mark.parametrize(
    ("declared", "title", "is_followed", "is_closed"),
    [
        (FILE, "landings.csv", False, False),
        (URL, "data.example.org", True, False),
        (URL | {"closed": True}, "data.example.org", False, True),
    ],
)
def test_url_is_followed_until_its_source_is_closed(declared, title, is_followed, is_closed):
    route = CHANNEL.model_copy(update={"source": Table(**declared)})
    assert route.source is not None and route.source.title == title
    assert (route.is_followed, route.is_closed) == (is_followed, is_closed)


@pytest.mark.parametrize("end", ["", "."])
def test_credit_is_sentences(end):
    change = {"attribution": f"Source: the harbour office{end}", "licence": "CC BY 4.0"}
    route = CHANNEL.model_copy(update=change)
    assert route.credit == "Source: the harbour office. Licence: CC BY 4.0."
    whole = route.model_copy(update={"attribution": f"Source: the harbour office, CC BY 4.0{end}"})
    assert whole.credit == "Source: the harbour office, CC BY 4.0."


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("Europe/London", dt.date(2025, 6, 30), utc(2025, 6, 30, 22, 59, 59)),
        ("Europe/London", dt.date(2025, 12, 31), utc(2025, 12, 31, 23, 59, 59)),
        ("Europe/London", dt.date(2025, 3, 30), utc(2025, 3, 30, 22, 59, 59)),  # 23 hours long
        ("Europe/London", dt.date(2025, 10, 26), utc(2025, 10, 26, 23, 59, 59)),  # 25 hours long
        # The hour before midnight is repeated.
        ("America/Santiago", dt.date(2026, 4, 4), utc(2026, 4, 5, 3, 59, 59)),
    ],
)
def test_day_ends_at_its_last_second_in_route_time_zone(zone, day, end):
    route = CHANNEL.model_copy(update={"time_zone": zone})
    assert route.end_of_day(day) == end
    assert route.day(end) == route.day(end.astimezone(route.zone)) == day
    assert route.day(end + dt.timedelta(seconds=1)) == day + dt.timedelta(days=1)


def test_assumed_known_time_is_14_local_next_day():
    assert CHANNEL.assumed_known_at(dt.date(2025, 12, 31)) == utc(2026, 1, 1, 14)
    assert CHANNEL.assumed_known_at(dt.date(2025, 6, 30)) == utc(2025, 7, 1, 13)
    assert CHANNEL.assumed_known_at(dt.date(2025, 3, 29)) == utc(2025, 3, 30, 13)
    assert CHANNEL.assumed_known_at(dt.date(2024, 2, 28)) == utc(2024, 2, 29, 14)


@pytest.mark.parametrize("declaration", [Route, Series, Table])
def test_keys_are_documented(declaration):
    text = (ROOT / "docs" / "data.md").read_text("utf-8")
    head = {Route: "the route", Series: "`[series.ID]`", Table: "`[source]`"}[declaration]
    table = text.partition(f"| key of {head} |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.+?) \| ", table, re.M))))
    assert declaration.model_fields.keys() - documented <= {"name", "folder", "source", "series"}
