from __future__ import annotations

import pytest

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.answers.job_requests import request_job, request_state
from service.core import request_store
from service.core.context import Context
from tests.service.support import NOW, ManualClock, utc


def test_request_is_waiting_then_running_then_failed(empty: Context, clock: ManualClock) -> None:
    loader = IssueLoader(empty, clock)
    row = request_job(loader, "refit", "planner")
    nothing_yet = dict.fromkeys(("claimed_at", "finished_at", "reason"))
    head = {"route": "channel", "job": "refit", "asked_by": "planner", "outcome": "waiting"}
    assert row == head | nothing_yet | {
        "request_id": row["request_id"],
        "asked_at": "2026-01-02T12:00:00Z",
    }
    assert request_state(loader, row["request_id"]) == row
    assert request_job(loader, "refit", "another")["request_id"] == row["request_id"], (
        "the pending request is returned"
    )
    with empty.database.writing() as connection:
        request_store.update_request(
            connection, row["request_id"], "running", claimed_at=utc(2026, 1, 2, 12, 5)
        )
    claimed = request_state(loader, row["request_id"])
    assert (claimed["claimed_at"], claimed["outcome"]) == ("2026-01-02T12:05:00Z", "running")
    with empty.database.writing() as connection:
        request_store.update_request(
            connection,
            row["request_id"],
            "failed",
            reason="no disk",
            finished_at=utc(2026, 1, 2, 13),
        )
    done = request_state(loader, row["request_id"])
    assert done["finished_at"] == "2026-01-02T13:00:00Z"
    assert (done["outcome"], done["reason"]) == ("failed", "no disk")


def test_unknown_job_is_rejected(empty: Context) -> None:
    loader = IssueLoader(empty, ManualClock(NOW))
    with pytest.raises(
        NotFound, match="expected one of the jobs ingest, refit, compare, found 'x{40}'$"
    ):
        request_job(loader, "x" * 50, "planner")


@pytest.mark.parametrize("number", [1, 0, 2**31 - 1, 2**31, 10**30])
def test_unknown_request_is_not_found(empty: Context, number: int) -> None:
    with pytest.raises(NotFound, match=f"no request {number} exists"):
        request_state(IssueLoader(empty, ManualClock(NOW)), number)
