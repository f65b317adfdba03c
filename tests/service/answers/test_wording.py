import datetime as dt

import jinja2
import pytest

from service.answers.wording import (
    FILTERS,
    approximate,
    likelihoods,
    per_cent,
    range_chance,
    unit_of,
    week_name,
)
from tests.service.support import ROUTE

TODAY = dt.date(2026, 1, 9)
LAST_WEEK = {"period": "next_7_days", "from": "2025-12-30", "to": "2026-01-05"}
MONTH = {"period": "this_month", "from": "2026-01-01", "to": "2026-01-31"}
REASON = " none since 2026-07-06T12:00:00Z, of 2026-07-05, not 2026-13-05."


@pytest.mark.parametrize(
    ("p", "text"),
    [
        *((0, "under 1%"), (0.005, "under 1%"), (0.006, "1%"), (0.0149, "1%")),
        *((0.99, "99%"), (0.994, "99%"), (0.995, "over 99%"), (1, "over 99%")),
    ],
)
def test_extreme_probabilities_are_under_1_or_over_99_per_cent(p, text):
    assert per_cent(p) == text
    narrow = text.replace("under ", "<").replace("over ", ">")
    assert FILTERS["short_per_cent"](p) == narrow


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("count", [None], "–"),
        ("count", [1234.4], "1,234"),
        ("day", ["2026-01-09"], "9 January"),
        ("day_span", ["2026-01-09", dt.date(2026, 1, 11)], "9 to 11 January 2026"),
        ("day_span", ["2026-01-30", "2026-02-05"], "30 January to 5 February 2026"),
        ("day_span", ["2025-12-30", "2026-01-05"], "30 December 2025 to 5 January 2026"),
        ("long_day", [TODAY], "9 January 2026"),
        ("short_day", ["2025-12-31"], "31 Dec"),
        ("short_day", ["2025-12-31", TODAY], "31 Dec 2025"),
        ("short_day", ["2026-01-01", TODAY], "1 Jan"),
        ("weekday", ["2026-01-09"], "Fri"),
        ("status_name", ["stale"], "Out of date"),
        ("moment", ["2026-06-30T23:30:00Z"], "1 July 2026, 00:30"),
        ("moment", [dt.datetime(2026, 1, 9, 8, tzinfo=dt.UTC)], "9 January 2026, 08:00"),
        ("sentence", [REASON], "None since 6 July 2026, 13:00, of 5 July 2026, not 2026-13-05."),
        ("signed", [1234.5], "+1,234"),
        ("signed", [-1500], "−1,500"),
        ("signed", [0.2], "0"),
        ("signed", [-0.2], "0"),
        ("span", [{"lo80": 0, "hi80": 1234}, 80], "0 to 1,234"),
        ("period", [MONTH], "January 2026"),
        ("period", [MONTH | {"period": "calendar_year"}], "The year 2026"),
        ("period", [LAST_WEEK], "7 days, to 5 Jan 2026"),
        ("period", [LAST_WEEK | {"to": "2026-01-26"}], "28 days, to 26 Jan 2026"),
    ],
)
def test_filters(name, arguments, text):
    environment = jinja2.Environment()
    environment.filters.update(FILTERS)
    value, *more = arguments
    template = environment.from_string(f"{{{{ value|{name}(*more) }}}}")
    assert template.render(value=value, more=more, zone=ROUTE.zone) == text


def test_unit_of_one_is_singular():
    content = {"unit": "boats", "unit_one": "boat"}
    for one, text in ((0, "boats"), (1, "boat"), ("1", "boat"), (2, "boats"), ("1,000", "boats")):
        assert unit_of(content, one) == text


def test_week_name_has_the_local_day():
    # 23:30 UTC is the next day in British Summer Time.
    name = week_name("2026-W02", "2026-07-10T23:30:00Z", ROUTE.zone)
    assert name == "Week 2 of 2026, Saturday 11 July 2026"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((298, 0, 1_148), "300"),
        ((1_148, 0, 1_148), "1,150"),
        ((12, 7, 15), "12"),
        ((0, 0, 0), "0"),
        ((36_412, 31_087, 44_915), "36,500"),
        ((41_472, 41_472, 42_023, 41_472), "41,472"),
        ((41_473, 41_472, 42_023, 41_472), "41,480"),
        ((41_481, 41_481, 42_023, 41_477), "41,480"),
        ((41_482, 41_482, 42_023, 41_481), "41,481"),
    ],
)
def test_number_is_rounded_to_suit_its_range_but_not_below_what_is_known(numbers, text):
    assert approximate(*numbers) == text


@pytest.mark.parametrize(
    ("bounds", "more", "text"),
    [
        ((3, 1200), {}, "80% chance of between 3 and 1,200"),
        ((0, 1200), {}, "90% chance of at most 1,200"),
        ((0, 0), {}, "at least a 90% chance of 0"),
        (("0", "1,200"), {}, "90% chance of at most 1,200"),
        (("2,180", "2,840"), {"known": 2180}, "90% chance of at most 2,840"),
        ((2180, 2180), {"known": 2180}, "at least a 90% chance of 2,180"),
    ],
)
def test_range_from_0_or_a_known_total_has_nothing_below_it(bounds, more, text):
    assert range_chance(*bounds, **more) == text


def test_likelihoods_text_has_declared_limits():
    declared = ROUTE.series["people"]
    limits = {"likely_above": 0.6, "unlikely_below": 0.35}
    text = likelihoods(declared.model_copy(update=limits))
    assert "is over 60%, unlikely when it is under 35%, and possible in between" in text
