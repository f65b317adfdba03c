from __future__ import annotations

import datetime as dt

import pytest

from service.answers.archive import of_day
from service.answers.desk import Desk
from service.answers.errors import NotFound, NotReady
from service.context import Context
from tests.service.support import publish, random_paths, utc

D = dt.date


def test_the_issue_of_a_day_is_the_newest_at_its_end(context: Context) -> None:
    desk = Desk(context)
    # 23:30 UTC in July is half past midnight of the next UK day.
    moment = utc(2025, 7, 10, 23, 30)
    issue = publish(context.database, {"climatology": random_paths("2025-07-10", 30)}, 1, moment)
    assert of_day(desk, "people", D(2025, 7, 11)) == issue.issue_id
    assert of_day(desk, "people", D(2025, 8, 1)) == issue.issue_id
    assert of_day(desk, "people", D(9998, 1, 1)) == "latest"
    with pytest.raises(NotFound, match="by the end of 2025-07-10"):
        of_day(desk, "people", D(2025, 7, 10))


def test_nothing_published_is_not_ready(empty: Context) -> None:
    with pytest.raises(NotReady):
        of_day(Desk(empty), "boats", D(2025, 7, 10))
