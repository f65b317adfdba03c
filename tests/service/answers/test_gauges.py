from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from service.answers.gauges import age, chance
from service.answers.state import State
from tests.service.answers.test_headline import make_view
from tests.service.support import NOW, random_paths, utc

PATHS = random_paths("2026-01-01", 14, n_paths=80)


def test_chance_is_share_of_paths_above_threshold() -> None:
    answer = chance(make_view(PATHS.values), 250, 3, 10)
    above = sum(
        any(sum(path[first : first + 3]) > 250 for first in range(8))
        for path in PATHS.values.tolist()
    )
    assert answer == {
        "time": "2026-01-02T12:00:00Z",
        "value": round(above / 80, 4),
        "threshold": 250,
        "window": 3,
        "horizon": 10,
    }
    assert 0 < answer["value"] < 1


@pytest.mark.parametrize(
    ("now", "hours", "days"),
    [
        (NOW + dt.timedelta(hours=1, minutes=30), 1.5, 2),
        (NOW - dt.timedelta(hours=1), 0.0, 2),
        (utc(2026, 1, 12, 12), 240.0, 12),
        (utc(2026, 7, 1, 23, 30), 4331.5, 183),  # 2 July in the UK
    ],
)
def test_age_of_issue_and_figures(now: dt.datetime, hours: float, days: int) -> None:
    answer = age(make_view(PATHS.values), now)
    assert answer == {
        "time": "2026-01-02T12:00:00Z",
        "hours_since_issue": hours,
        "days_since_figures": days,
        "fresh": 1,
        "degraded": 0,
    }


@pytest.mark.parametrize(("status", "flags"), [("degraded", (0, 1)), ("stale", (0, 0))])
def test_age_has_state_as_flags(status: str, flags: tuple[int, int]) -> None:
    answer = age(replace(make_view(PATHS.values), state=State(status, ())), NOW)
    assert (answer["fresh"], answer["degraded"]) == flags
