from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from service.clock import utc_now
from service.context import Context
from service.jobs.prune import prune
from service.jobs.refit import refit
from service.store import issues


@pytest.mark.parametrize(("days", "left"), [(1800, 2), (1900, 1)])
def test_issues_go_after_their_days_and_the_newest_never(
    filled: Context, monkeypatch: pytest.MonkeyPatch, days: int, left: int
) -> None:
    refit(filled)
    refit(filled, force=True)
    later = utc_now() + dt.timedelta(days=days)

    def now(*arguments: Any) -> dt.datetime:
        return later

    monkeypatch.setattr("service.jobs.prune.utc_now", now)
    outcome = prune(filled)
    assert outcome.detail["issues"] == 2 * (2 - left), "of both series"
    with filled.database.reading() as connection:
        found = issues.page(connection, "people", 10)
        assert len(found) == left
        assert issues.paths(connection, found[0], found[0].champion) is not None
