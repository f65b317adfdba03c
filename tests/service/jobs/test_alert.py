from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.paths import Paths
from service.context import Context
from service.jobs.alert import alert, trial
from service.jobs.record import JobError, Outcome
from service.settings import Settings
from service.sources.webhook import sign
from service.store import alarm_events, runs
from tests.service.support import (
    NOW,
    ROOT,
    Crossings,
    Hand,
    as_environment,
    command,
    environment,
    publish,
    utc,
)
from tests.support.hooks import STALL, Hook, hooked

SECRET = "a secret of some length"
HOUR = dt.timedelta(hours=1)
QUICK = {"attempt_seconds": 0.3, "first_pause_seconds": 0.01, "all_seconds": 3.0}


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as opened:
        yield opened


@pytest.fixture
def told(context: Context, hook: Hook) -> Context:
    """A service with a webhook, whose newest issue is of `NOW`."""
    more = {"webhook_url": f"{hook.url}/alarms", "webhook_secret": SECRET}
    settings = Settings(**(context.settings.model_dump() | more))
    context.database.engine.echo = False
    with context.database.writing() as connection:
        for table in ("issue_notes", "issue_scores", "issue_paths", "issues"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    issue(context, NOW)
    return Context(settings, context.database)


def issue(context: Context, moment: dt.datetime) -> None:
    ones = Paths(np.datetime64(moment.date() - dt.timedelta(days=1)), np.ones((200, 60), np.int64))
    with context.database.writing() as connection:
        claimed = runs.claim(connection, "refit", f"at {moment}", moment)
    assert claimed is not None
    publish(context.database, {"climatology": ones}, claimed.run_id, moment)


def look(context: Context, now: dt.datetime) -> Outcome:
    return alert(context, None, Hand(now), **QUICK)


def said(hook: Hook) -> list[tuple[str, str]]:
    found = [json.loads(came.body) for came in hook.posted]
    return [(one["type"], one["data"]["alarm"]["name"]) for one in found]


LATE = NOW + 37 * HOUR


def test_an_alarm_is_told_once_when_it_begins_and_once_when_it_ends(
    told: Context, hook: Hook
) -> None:
    assert look(told, NOW).reason == "no alarm began or ended"
    assert look(told, LATE).reason == "1 of 1 events posted"
    for hours in (1, 2, 30):
        assert look(told, LATE + hours * HOUR).outcome == "skipped"
    issue(told, LATE + 31 * HOUR)
    assert look(told, LATE + 31 * HOUR).outcome == "done"
    assert look(told, LATE + 32 * HOUR).outcome == "skipped"
    began, ended = hook.posted
    assert said(hook) == [("alarm.began", "issues_late"), ("alarm.ended", "issues_late")]
    assert began.path == "/alarms"
    content = json.loads(began.body)
    assert content["timestamp"] == "2026-01-04T01:00:00Z"
    assert content["data"]["service"] == told.settings.address
    assert content["data"]["alarm"]["numbers"]["hours"] == 37.0
    assert json.loads(ended.body)["data"]["alarm"] == content["data"]["alarm"]
    assert began.headers["webhook-id"] != ended.headers["webhook-id"]
    timestamp = int(LATE.timestamp())
    signature = sign(SECRET, began.headers["webhook-id"], timestamp, began.body)
    assert began.headers["webhook-signature"] == signature
    with told.database.reading() as connection:
        run = runs.latest(connection, "alert")
    assert run is not None and (run.outcome, run.detail["posted"]) == ("done", 1)


def test_one_that_is_not_taken_is_told_later_with_the_same_id_and_in_order(
    told: Context, hook: Hook
) -> None:
    hook.statuses = [404]
    with pytest.raises(JobError, match="alarm.began of issues_late, to be tried again: .* 404"):
        look(told, LATE)
    assert look(told, LATE + HOUR / 60).reason == "no alarm began or ended", "not before its time"
    issue(told, LATE)
    hook.statuses = [500]
    with pytest.raises(JobError, match="found 500 Internal Server Error"):
        look(told, LATE + HOUR / 20)
    hook.statuses = [200]
    assert look(told, LATE + HOUR).reason == "2 of 2 events posted"
    taken = hook.posted[-2:]
    assert said(hook)[-2:] == [("alarm.began", "issues_late"), ("alarm.ended", "issues_late")]
    first = [came for came in hook.posted if json.loads(came.body)["type"] == "alarm.began"]
    assert len({came.headers["webhook-id"] for came in first}) == 1
    assert len({came.body for came in first}) == 1
    assert taken[0].headers["webhook-timestamp"] == str(int((LATE + HOUR).timestamp()))


def test_after_five_days_it_is_given_up_and_the_next_is_told(told: Context, hook: Hook) -> None:
    hook.statuses = [410]
    now, tries = LATE, 0
    while True:
        try:
            if look(told, now).outcome != "skipped":
                break
        except JobError as error:
            tries += 1
            if "given up" in str(error):
                break
        now += HOUR / 4
    assert 20 < tries < 30
    assert dt.timedelta(days=4.5) < now - LATE < dt.timedelta(days=5)
    hook.statuses = [200]
    issue(told, now)
    look(told, now)
    assert said(hook)[-1] == ("alarm.ended", "issues_late")


def test_a_stall_does_not_hold_the_scheduler_for_long(told: Context, hook: Hook) -> None:
    hook.statuses = [STALL]
    began = time.monotonic()
    with pytest.raises(JobError, match="no answer in time"):
        look(told, LATE)
    assert time.monotonic() - began < 3.5
    with told.database.reading() as connection:
        run = runs.latest(connection, "alert")
    assert run is not None and run.outcome == "failed"


def test_two_at_once_tell_it_once(told: Context, hook: Hook) -> None:
    results: list[Outcome] = []
    threads = [threading.Thread(target=lambda: results.append(look(told, LATE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(hook) == [("alarm.began", "issues_late")]
    assert sorted(result.outcome for result in results).count("done") == 1


def test_a_process_that_is_killed_while_it_posts_tells_it_again_with_the_same_id(
    told: Context, hook: Hook
) -> None:
    """A real process, killed by the kernel; the issue is older than the real clock's 36 hours."""
    hook.statuses = [STALL]
    env = as_environment(told.settings) | environment(
        webhook_url=f"{hook.url}/alarms", webhook_secret=SECRET
    )
    with subprocess.Popen(command("alert"), env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as child:
        for _ in range(300):
            if hook.posted:
                break
            time.sleep(0.1)
        os.kill(child.pid, signal.SIGKILL)
    hook.statuses = [200]
    done = subprocess.run(
        command("alert"), env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "1 of 1 events posted\n", done.stderr
    ids = {came.headers["webhook-id"] for came in hook.posted}
    assert (len(hook.posted), len(ids)) == (2, 1)


def test_without_an_address_nothing_is_done(context: Context) -> None:
    assert alert(context).reason == "CROSSINGS_WEBHOOK_URL is not set"
    with context.database.reading() as connection:
        assert runs.latest(connection, "alert") is None
        assert alarm_events.waiting(connection) == []
    with pytest.raises(JobError, match="CROSSINGS_WEBHOOK_URL: expected an address"):
        trial(context.settings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"webhook_secret": ""}, "SECRET: expected at least 16 characters, found none"),
        ({"webhook_secret": "short"}, "SECRET: expected at least 16 characters, found 5"),
        ({"webhook_secret": "whsec_not base64 at all"}, "SECRET: expected base64 after whsec_"),
    ],
)
def test_settings_that_do_not_suffice_are_named(
    told: Context, hook: Hook, change: dict[str, Any], words: str
) -> None:
    settings = Settings(**(told.settings.model_dump() | change))
    with pytest.raises(JobError, match=words):
        alert(Context(settings, told.database))
    assert hook.posted == []


def test_the_command_posts_a_trial(crossings: Crossings, hook: Hook) -> None:
    more = {"webhook_url": f"{hook.url}/SECRETPATH", "webhook_secret": SECRET}
    done = crossings("alert", "--test", **more)
    assert (done.returncode, done.stdout) == (0, f"{hook.url} took a trial\n")
    assert json.loads(hook.posted[0].body)["type"] == "test"
    hook.statuses = [403]
    done = crossings("alert", "--test", **more)
    assert done.returncode != 0
    assert f"Error: {hook.url}: expected a status 2xx, found 403 Forbidden" in done.stderr
    assert "SECRETPATH" not in done.stderr + done.stdout
    done = crossings("alert", "--test", **(more | {"webhook_url": "example.org/SECRETPATH"}))
    assert done.returncode == 2
    assert "CROSSINGS_WEBHOOK_URL: expected an address such as https://" in done.stderr
    assert "SECRETPATH" not in done.stderr


def test_every_alarm_is_named_in_the_documents() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    names = ("pit_mean", "pit_spread", "weekly_coverage", "week_beyond_band")
    assert all(f"`{name}`" in text for name in (*names, "figures_late", "issues_late"))
    assert utc(2026, 1, 2, 12) == NOW
