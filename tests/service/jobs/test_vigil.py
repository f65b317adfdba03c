from __future__ import annotations

import datetime as dt

import pytest

from service.context import Context
from service.jobs import record
from service.jobs.vigil import Vigil
from service.store import runs
from service.store.runs import BEATS_MISSED
from tests.service.support import NOW


class Timer:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def vigil(empty: Context, timer: Timer) -> Vigil:
    return Vigil(empty, timer)


def begin(context: Context, owner: str = "another process") -> int:
    with context.database.writing() as connection:
        run_id = runs.claim(connection, "refit", owner, NOW, owner)
    assert run_id is not None
    return run_id


def beat(context: Context, run_id: int, now: dt.datetime) -> None:
    with context.database.writing() as connection:
        runs.beat(connection, run_id, "another process", now)


def test_a_run_is_closed_after_six_beats_that_did_not_come(
    empty: Context, vigil: Vigil, timer: Timer
) -> None:
    begin(empty)
    lapse = BEATS_MISSED * empty.settings.heartbeat_seconds
    for timer.seconds in (0, lapse / 2, lapse - 1):
        assert vigil.look() == []
    timer.seconds = lapse
    assert [run.job for run in vigil.look()] == ["refit"]
    assert vigil.look() == []
    with empty.database.reading() as connection:
        run = runs.latest(connection, "refit")
    assert run is not None
    assert run.outcome == "stopped"


def test_who_could_not_be_seen_for_a_while_is_not_dead_for_that(
    empty: Context, vigil: Vigil, timer: Timer
) -> None:
    """As after the database was away: nobody could beat, and nobody could look."""
    run_id, beat_seconds = begin(empty), empty.settings.heartbeat_seconds
    assert vigil.look() == []
    timer.seconds = 7 * beat_seconds
    assert vigil.look() == []
    beat(empty, run_id, NOW + dt.timedelta(seconds=7 * beat_seconds))
    timer.seconds += beat_seconds
    assert vigil.look() == []
    for _ in range(3):
        timer.seconds += 2 * beat_seconds
        closed = vigil.look()
    assert [run.run_id for run in closed] == [run_id], "since no other beat came"


@pytest.mark.parametrize("jump", [dt.timedelta(hours=-1), dt.timedelta(hours=1)])
def test_a_clock_that_jumps_is_no_death(
    empty: Context, vigil: Vigil, timer: Timer, jump: dt.timedelta
) -> None:
    run_id, now = begin(empty), NOW
    for step in range(20):
        timer.seconds += empty.settings.heartbeat_seconds
        now += dt.timedelta(seconds=empty.settings.heartbeat_seconds) + jump * (step == 7)
        beat(empty, run_id, now)
        assert vigil.look() == []


def test_a_run_of_ours_whose_end_could_not_be_recorded_is_closed_at_once(
    empty: Context, vigil: Vigil
) -> None:
    begin(empty, record.owner())
    assert [run.owner for run in vigil.look()] == [record.owner()]


def test_a_run_that_we_are_at_is_left_alone(empty: Context, vigil: Vigil) -> None:
    def work(_: int) -> record.Outcome:
        assert vigil.look() == []
        return record.Outcome("done", "ok")

    assert record.perform(empty, "refit", work).outcome == "done"
