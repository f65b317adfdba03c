import datetime as dt

import numpy as np
import pytest

from forecast.paths import Paths
from service.answers import alarms as module
from service.answers.alarms import WEEKS, alarms, record_alarms
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.data import observation_store
from service.issues.issue_score_store import Scored
from service.issues.score import score
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import ROUTE, ManualClock, publish, record_run, utc

FIRST = dt.date(2025, 1, 5)
"""A Sunday: the origin of the first issue."""

ONE_DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)


def make_scores(rng, n_days=400, every=1, a=1.0, b=1.0):
    """Return the scores of an issue every `every` days; the PIT is beta, by default uniform."""
    rows = []
    for start in range(0, n_days - 28, every):
        *pits, week = rng.beta(a, b, 29).tolist()
        content = {"days": {"pit": pits}, "totals": {"total_7": {"pit": week}}}
        moment = dt.datetime.combine(FIRST + start * ONE_DAY, dt.time(15), dt.UTC)
        rows.append(Scored(str(start), "pool", moment.date(), moment, True, 28, content))
    return rows


def find_alarms(rows, since_last=0):
    last = rows[-1].origin + (28 - since_last) * ONE_DAY
    rows = [row for row in rows if row.origin < last]
    return [
        test
        for of in (module._day_alarms, module._week_alarms)
        for test in of("people", rows, last)
    ]


def test_calibrated_record_rarely_raises_an_alarm_in_26_weeks():
    """At most 3 of 20 calibrated forecasters raise an alarm, when checked weekly.

    Each of three tests errs in one to three of 1,000 checks, and checks add up.
    """
    rng = np.random.default_rng(11)
    records = [make_scores(rng) for _ in range(20)]
    assert sum(any(find_alarms(rows, 7 * week) for week in range(WEEKS)) for rows in records) <= 3


@pytest.mark.parametrize(
    ("a", "b", "name", "words"),
    [
        (1.0, 1.8, "pit_mean", "lower than forecast by more than chance allows: mean PIT 0.3"),
        (1.8, 1.0, "pit_mean", "higher than forecast by more than chance allows: mean PIT 0.6"),
        (0.4, 0.4, "pit_spread", "show that the ranges are too narrow: the PIT varies 1."),
        (3.0, 3.0, "pit_spread", "show that the ranges are too wide: the PIT varies 0."),
        (0.2, 0.2, "weekly_coverage", ": 11 of 22 weekly totals of the last 26 weeks were within"),
        (0.2, 0.2, "weekly_coverage", "the 95% range; 21 were expected (p below 0.0001)"),
    ],
)
def test_miscalibrated_record_raises_the_right_alarm(a, b, name, words):
    rows = make_scores(np.random.default_rng(12), n_days=250, a=a, b=b)
    details = {one["name"]: one["detail"] for one in find_alarms(rows)}
    assert words in details[name]


def test_window_of_26_weeks_has_each_day_once_by_the_last_issue_before_it():
    rows = make_scores(np.random.default_rng(1), n_days=60, every=3)
    days = module._day_pits(rows, rows[-1].origin + 28 * ONE_DAY)
    assert [len(pit) for pit in days] == [3] * (len(rows) - 1) + [28]
    assert days[:2] == [row.content["days"]["pit"][:3] for row in rows[:2]]
    for every in (1, 7):
        rows = make_scores(np.random.default_rng(1), n_days=400, every=every)
        days = module._day_pits(rows, rows[-1].origin + 28 * ONE_DAY)
        assert sum(map(len, days)) == 182


def test_weekly_totals_are_of_calendar_weeks():
    rows = make_scores(np.random.default_rng(1), n_days=300)
    sundays = {row.content["totals"]["total_7"]["pit"] for row in rows if row.origin.weekday() == 6}
    for n in range(7):
        last = rows[-1].origin + (28 - n) * ONE_DAY
        assert set(module._week_pits(rows, last)) <= sundays, "whichever day is the last"
    last = rows[-1].origin
    assert len(module._week_pits(rows, last)) == WEEKS - 1, "the window begins within a week"


def store_figures(context, days, values, seen_at, assume_known):
    figures = [
        Figure(name, day, int(value), "test")
        for name in ("people", "boats")
        for day, value in zip(days, values, strict=True)
    ]
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, figures, seen_at, assume_known)


@pytest.fixture
def context(empty):
    """A year of figures, to Sunday 28 December 2025."""
    rng = np.random.default_rng(5)
    values = np.where(rng.random(363) < 0.5, rng.geometric(0.01, 363), 0)
    days = [FIRST + (at - 5) * ONE_DAY for at in range(363)]
    store_figures(empty, days, values, utc(2025, 12, 29, 12), assume_known=True)
    return empty


def publish_issue(context, origin, sample):
    moment = dt.datetime.combine(origin + ONE_DAY, dt.time(15), dt.UTC)
    run_id = record_run(context.database, f"of {origin}", moment)
    paths = Paths(np.datetime64(origin + ONE_DAY), sample)
    publish(context.database, {"climatology": paths}, run_id, moment)


def draw_paths(rng, p_arrival=0.5, mean=100):
    return np.where(rng.random((300, 35)) < p_arrival, rng.geometric(1 / mean, (300, 35)), 0)


def test_stored_scores_raise_alarms_once_miscalibrated(context):
    rng = np.random.default_rng(6)
    loader = IssueLoader(context, ManualClock(utc(2025, 12, 29, 12)))
    assert alarms(loader) == [], "before the first issue"
    for week in range(25):
        publish_issue(context, FIRST + week * WEEK, draw_paths(rng))
    score(context)
    assert record_alarms(loader) == []
    for week in range(25, 51):  # more than twice the figures
        publish_issue(context, FIRST + week * WEEK, draw_paths(rng, 0.9, 250))
    score(context)
    by_name = {alarm["name"]: alarm for alarm in record_alarms(loader)}
    assert {"pit_mean", "weekly_coverage"} <= set(by_name)
    mean = by_name["pit_mean"]
    assert mean["series_id"] == "people"
    assert mean["detail"].startswith(
        "people: the 182 days of the last 26 weeks were lower than forecast"
    )
    assert mean["numbers"]["mean"] < 0.5
    assert mean["numbers"]["p_mean"] < module.CHANCE
    assert mean["since"] == "2025-06-30", "182 days to 28 December"
    weeks = by_name["weekly_coverage"]["numbers"]
    assert weeks["held_80"] < weeks["n_weeks"] / 2
    assert module._format_p(0.00123) == "p = 0.0012"


def test_last_week_outside_its_range_raises_alarm(context):
    def find_alarms(*now):
        return record_alarms(IssueLoader(context, ManualClock(utc(*now))))

    publish_issue(context, dt.date(2025, 12, 22), np.full((300, 35), 1))
    assert find_alarms(2025, 12, 29, 12) == [], "the issue was made during the week"
    publish_issue(context, dt.date(2025, 12, 19), np.full((300, 35), 1))
    assert find_alarms(2025, 12, 28, 12) == [], "the week is not over"
    view = IssueLoader(context).view("people", as_of=utc(2025, 12, 21, 23, 59))
    with context.database.reading() as connection:
        arrived = int(observation_store.get_series(connection, "people").values[-7:].sum())
    week = {"from": "2025-12-22", "to": "2025-12-28", "came": arrived}
    alarm = {
        "name": "week_beyond_band",
        "series_id": "people",
        "detail": f"people: {arrived:,} arrived from 2025-12-22 to 2025-12-28, above the 99% range "
        "of the forecast, 7 to 7",
        "since": "2025-12-29",
        "numbers": week | {"lo99": 7, "hi99": 7, "issue_id": view.issue.issue_id},
    }
    assert find_alarms(2025, 12, 29, 12) == [alarm]
    # The last complete week is checked while the next is incomplete.
    days = [dt.date(2025, 12, day) for day in (29, 30)]
    store_figures(context, days, [50, 50], utc(2025, 12, 31, 12), assume_known=False)
    assert find_alarms(2026, 1, 6, 12) == [alarm]


def test_late_issues_and_figures_raise_alarms_with_numbers(context):
    publish_issue(context, dt.date(2025, 12, 28), draw_paths(np.random.default_rng(1)))
    clock = ManualClock(utc(2025, 12, 31, 3))
    assert alarms(IssueLoader(context, clock)) == []
    clock.now = utc(2025, 12, 31, 4)
    (late,) = alarms(IssueLoader(context, clock))
    assert (late["name"], late["series_id"], late["since"]) == ("issues_late", None, "2025-12-31")
    numbers = {"issued_at": "2025-12-29T15:00:00Z", "hours": 37.0, "limit_hours": 36.0}
    assert late["numbers"] == numbers
    clock.now = utc(2025, 12, 31, 5, 8)
    (late,) = alarms(IssueLoader(context, clock))
    assert late["numbers"]["hours"] == 38.1  # to a tenth
    two_routes = context.settings.model_copy(update={"routes": "channel,italy"})
    (alarm,) = alarms(IssueLoader(Context(two_routes, context.database), clock))
    assert alarm["detail"] == f"channel: {late['detail']}"
    live = Context(context.settings.model_copy(update={"source": "declared"}), context.database)
    clock.now = utc(2026, 1, 2, 12)
    by_name = {alarm["name"]: alarm for alarm in alarms(IssueLoader(live, clock))}
    assert set(by_name) == {"figures_late", "issues_late"}
    assert by_name["figures_late"]["since"] == "2026-01-01"
    assert by_name["figures_late"]["numbers"]["days"] == 5
