from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from forecast.calibration_tests import pit_moments
from forecast.paths import Paths
from service.answers import alarms as module
from service.answers.alarms import WEEKS, alarms, record_alarms
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.data import observation_store
from service.issues.issue_score_store import Scored
from service.issues.score import score
from tests.service.stored import Figure, record
from tests.service.support import ROUTE, Hand, publish, record_run, utc

FIRST = dt.date(2025, 1, 5)
"""A Sunday: the origin of the first issue."""

ONE_DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
Judge = Callable[[np.random.Generator, int], np.ndarray]


def scored(
    pit_of: Judge, rng: np.random.Generator, n_days: int = 400, every: int = 1
) -> list[Scored]:
    """The record of issues every so many days, with the PIT of each day by `pit_of`.

    Days of several issues share their latent rank, as they share what came.
    """
    found = []
    for start in range(0, n_days - 28, every):
        *pits, week = pit_of(rng, 29).tolist()
        content = {"days": {"pit": pits}, "totals": {"total_7": {"pit": week}}}
        moment = dt.datetime.combine(FIRST + start * ONE_DAY, dt.time(15), dt.UTC)
        found.append(Scored(str(start), "pool", moment.date(), moment, True, 28, content))
    return found


def uniform(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.uniform(size=size)


def narrow(rng: np.random.Generator, size: int) -> np.ndarray:
    """As of bands that are about half as wide as they should be."""
    return rng.beta(0.4, 0.4, size)


def high(rng: np.random.Generator, size: int) -> np.ndarray:
    """As when less comes than was forecast."""
    return rng.beta(1.0, 1.8, size)


def raised(record: list[Scored]) -> set[str]:
    """Names of the alarms that stand on any Monday of the second half of a record."""
    held, names = module._Record("people", record), set()
    for at in range(WEEKS):
        end = held.last - at * WEEK
        moments = pit_moments(held.days(end))
        for name, p in (("pit_mean", moments.p_mean), ("pit_spread", moments.p_spread)):
            if p < module.CHANCE:
                names.add(name)
        if min(module._p_of_weeks(held, end).values()) < module.CHANCE:
            names.add("weekly_coverage")
    return names


def test_a_calibrated_record_rarely_alarms_in_half_a_year_of_looking() -> None:
    """Looked at every week, for 26 weeks: of 40 right forecasters at most 5 are suspected.

    At one look each of three tests errs in at most one or three of 1,000, but looks add up.
    """
    rng = np.random.default_rng(11)
    records = [scored(uniform, rng) for _ in range(40)]
    assert sum(bool(raised(record)) for record in records) <= 5


def test_a_miscalibrated_record_alarms_by_the_right_name() -> None:
    rng = np.random.default_rng(12)
    assert all("pit_mean" in raised(scored(high, rng)) for _ in range(10))
    found = [raised(scored(narrow, rng)) for _ in range(10)]
    assert all("pit_spread" in names for names in found)
    assert sum("weekly_coverage" in names for names in found) >= 9, "they hold too rarely"


@pytest.mark.parametrize(("a", "side"), [(0.4, "narrow"), (3.0, "wide")])
def test_ranges_that_are_too_narrow_or_too_wide_are_told_apart(a: float, side: str) -> None:
    record = module._Record(
        "people", scored(lambda rng, size: rng.beta(a, a, size), np.random.default_rng(12))
    )
    (alarm,) = [one for one in module._moments(record) if one["name"] == "pit_spread"]
    assert f"the ranges are too {side}: " in alarm["detail"]


def test_each_day_is_judged_once_by_the_last_issue_before_it() -> None:
    rows = scored(uniform, np.random.default_rng(1), n_days=60, every=3)
    record = module._Record("people", rows)
    taken = record.days(record.last)
    assert [len(pit) for pit in taken] == [3] * (len(rows) - 1) + [28]
    assert taken[1] == rows[1].content["days"]["pit"][:3]
    end = rows[0].origin + 5 * ONE_DAY
    assert record.days(end) == [
        rows[0].content["days"]["pit"][:3],
        rows[1].content["days"]["pit"][:2],
    ]


def test_the_window_is_26_weeks_to_the_day() -> None:
    rows = scored(uniform, np.random.default_rng(1), n_days=400)
    record = module._Record("people", rows)
    for end in (record.last, record.last - 50 * ONE_DAY):
        assert sum(len(pit) for pit in record.days(end)) == 182
    rows = scored(uniform, np.random.default_rng(1), n_days=400, every=7)
    cut = module._Record("people", rows).days(rows[-1].origin - 2 * ONE_DAY)
    assert sum(len(pit) for pit in cut) == 182
    assert {len(pit) for pit in cut[1:-1]} == {7}


def test_weekly_totals_do_not_overlap_and_are_the_same_tomorrow() -> None:
    rows = scored(uniform, np.random.default_rng(1), n_days=300)
    record = module._Record("people", rows)
    sundays = {row.content["totals"]["total_7"]["pit"] for row in rows if row.origin.weekday() == 6}
    for back in range(7):
        assert set(record.weeks(record.last - back * ONE_DAY)) <= sundays
    assert len(record.weeks(rows[-1].origin)) == WEEKS - 1, "the window begins within a week"


@pytest.fixture
def watched(empty: Context) -> Context:
    """A year of figures, to Sunday 28 December 2025."""
    rng = np.random.default_rng(5)
    values = np.where(rng.random(363) < 0.5, rng.geometric(0.01, 363), 0)
    figures = [
        Figure(name, FIRST - 5 * ONE_DAY + at * ONE_DAY, int(value), "test")
        for name in ("people", "boats")
        for at, value in enumerate(values)
    ]
    with empty.database.writing() as connection:
        record(connection, ROUTE, figures, utc(2025, 12, 29, 12), assume_known=True)
    return empty


def issue(context: Context, origin: dt.date, sample: np.ndarray) -> None:
    moment = dt.datetime.combine(origin + ONE_DAY, dt.time(15), dt.UTC)
    run_id = record_run(context.database, f"of {origin}", moment)
    paths = Paths(np.datetime64(origin + ONE_DAY), sample)
    publish(context.database, {"climatology": paths}, run_id, moment)


def drawn(rng: np.random.Generator, low: float = 0.5, mean: float = 100) -> np.ndarray:
    return np.where(rng.random((300, 35)) < low, rng.geometric(1 / mean, (300, 35)), 0)


def test_a_record_in_the_store_that_is_right_and_one_that_is_not(watched: Context) -> None:
    rng = np.random.default_rng(6)
    loader = IssueLoader(watched, Hand(utc(2025, 12, 29, 12)))
    assert alarms(loader) == [], "nothing is published"
    for week in range(25):
        issue(watched, FIRST + week * WEEK, drawn(rng))
    score(watched)
    assert record_alarms(loader) == []
    for week in range(25, 51):  # more than twice as many as come
        issue(watched, FIRST + week * WEEK, drawn(rng, 0.9, 250))
    score(watched)
    found = {alarm["name"]: alarm for alarm in record_alarms(loader)}
    assert {"pit_mean", "weekly_coverage"} <= set(found)
    mean = found["pit_mean"]
    assert mean["series_id"] == "people"
    assert mean["detail"].startswith(
        "people: the 182 days of the last 26 weeks were lower than forecast"
    )
    assert mean["numbers"]["mean"] < 0.5
    assert mean["numbers"]["p_mean"] < module.CHANCE
    assert "2025-07-01" < mean["since"] < "2025-12-28"
    weeks = found["weekly_coverage"]["numbers"]
    assert weeks["held_80"] < weeks["n_weeks"] / 2


def test_since_is_the_first_day_of_the_unbroken_run() -> None:
    rng = np.random.default_rng(3)
    good, bad = scored(uniform, rng, 250), scored(high, rng, 428)
    rows = good + bad[len(good) :]
    record = module._Record("people", rows)
    (alarm,) = [one for one in module._moments(record) if one["name"] == "pit_mean"]
    since = dt.date.fromisoformat(alarm["since"])
    p_of = module._p_of_days
    assert p_of(record, "p_mean", since) < module.CHANCE
    assert p_of(record, "p_mean", since - ONE_DAY) >= module.CHANCE
    day = since
    while day <= record.last:
        assert p_of(record, "p_mean", day) < module.CHANCE
        day += 5 * ONE_DAY
    assert since > good[-1].origin


def test_a_week_beyond_its_band_is_an_alarm_until_the_next_week(watched: Context) -> None:
    loader = IssueLoader(watched, Hand(utc(2025, 12, 29, 12)))
    issue(watched, dt.date(2025, 12, 19), np.full((300, 35), 1))  # a Friday, issued on Saturday
    (alarm,) = record_alarms(loader)
    view = loader.view("people", as_of=utc(2025, 12, 21, 23, 59))
    with watched.database.reading() as connection:
        figures = observation_store.series(connection, "people")
    assert figures is not None
    came = int(figures.values[-7:].sum())
    assert alarm == {
        "name": "week_beyond_band",
        "series_id": "people",
        "detail": f"people: {came:,} arrived from 2025-12-22 to 2025-12-28, above the 99% range of "
        "the forecast, 7 to 7",
        "since": "2025-12-29",
        "numbers": {
            "from": "2025-12-22",
            "to": "2025-12-28",
            "came": came,
            "lo99": 7,
            "hi99": 7,
            "issue_id": view.issue.issue_id,
        },
    }
    sunday = IssueLoader(watched, Hand(utc(2025, 12, 28, 12)))
    assert record_alarms(sunday) == [], "the week is not over; the one before had no forecast"


def test_the_last_whole_week_is_judged_while_the_next_one_lacks_days(watched: Context) -> None:
    issue(watched, dt.date(2025, 12, 12), np.full((300, 35), 1))
    figures = [
        Figure(name, dt.date(2025, 12, day), 50, "test")
        for name in ("people", "boats")
        for day in (29, 30)
    ]
    with watched.database.writing() as connection:
        record(connection, ROUTE, figures, utc(2025, 12, 31, 12))
    (alarm,) = record_alarms(IssueLoader(watched, Hand(utc(2026, 1, 6, 12))))
    assert (alarm["numbers"]["from"], alarm["numbers"]["to"]) == ("2025-12-22", "2025-12-28")
    with watched.database.reading() as connection:
        counted = observation_store.series(connection, "people")
    assert counted is not None
    assert alarm["numbers"]["came"] == counted.values[-9:-2].sum()


def test_an_issue_made_during_the_week_does_not_judge_it(watched: Context) -> None:
    issue(watched, dt.date(2025, 12, 22), np.full((300, 35), 1))
    assert record_alarms(IssueLoader(watched, Hand(utc(2025, 12, 29, 12)))) == []


def test_what_is_late_is_an_alarm_with_its_numbers(watched: Context) -> None:
    issue(watched, dt.date(2025, 12, 28), drawn(np.random.default_rng(1), 0.5))
    clock = Hand(utc(2025, 12, 31, 3))
    assert alarms(IssueLoader(watched, clock)) == []
    clock.now = utc(2025, 12, 31, 4)
    (late,) = alarms(IssueLoader(watched, clock))
    assert (late["name"], late["series_id"], late["since"]) == ("issues_late", None, "2025-12-31")
    assert late["numbers"] == {
        "issued_at": "2025-12-29T15:00:00Z",
        "hours": 37.0,
        "limit_hours": 36.0,
    }
    clock.now = utc(2025, 12, 31, 5, 8)
    (late,) = alarms(IssueLoader(watched, clock))
    assert late["numbers"]["hours"] == 38.1  # to a tenth
    two = watched.settings.model_copy(update={"routes": "channel,italy"})
    (named,) = alarms(IssueLoader(Context(two, watched.database), clock))
    assert named["detail"] == f"channel: {late['detail']}"
    live = Context(watched.settings.model_copy(update={"source": "declared"}), watched.database)
    clock.now = utc(2026, 1, 2, 12)
    names = {alarm["name"]: alarm for alarm in alarms(IssueLoader(live, clock))}
    assert set(names) == {"figures_late", "issues_late"}
    assert names["figures_late"]["since"] == "2026-01-01"
    assert names["figures_late"]["numbers"]["days"] == 5


def test_what_was_found_is_kept_until_something_is_scored(watched: Context) -> None:
    issue(watched, dt.date(2025, 12, 19), np.full((300, 35), 1))
    loader = IssueLoader(watched, Hand(utc(2025, 12, 29, 12)))
    first = record_alarms(loader)
    assert first == record_alarms(loader) == record_alarms(IssueLoader(watched, loader.clock))
    score(watched)
    assert record_alarms(loader) == first
