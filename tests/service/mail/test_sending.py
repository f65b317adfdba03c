from __future__ import annotations

import datetime as dt
import random
import signal
import subprocess
import time
from collections import Counter
from functools import partial

import pytest

from service.core.clock import utc_now
from service.core.context import open_context
from tests.service.mailbox import (
    ALWAYS_DUE,
    PASSWORD,
    Mailbox,
    add_readers,
    mail_settings,
    publish_sample,
    run_mail_server,
)
from tests.service.support import ROOT, ROUTE, command, environment
from tests.support.waiting import PROCESS, wait_until


def _has_received(box, number, child):
    return len(box.taken) >= number or child.poll() is not None


def kill_repeatedly(
    folder,
    ca_file,
    authority,
    job,
    readers,
    kills,
    seed,
):
    """Kill the sending process at random moments until everything is sent; check for duplicates."""
    rng = random.Random(seed)
    names = [f"reader{at}" for at in range(readers)]
    with run_mail_server(Mailbox(), authority) as box:
        settings = mail_settings(folder, box.port, ca_file, **ALWAYS_DUE)
        context = open_context(settings)
        # The process uses the real clock, so the forecast must extend beyond today.
        publish_sample(context, ROUTE.day(utc_now()) - dt.timedelta(days=2))
        # A threshold that is always exceeded.
        add_readers(context, *names, threshold=0, warn_level=1)
        given = settings.model_dump(exclude_defaults=True) | {"smtp_password": PASSWORD}
        env = environment(**given, log_level="ERROR")
        for remaining in range(kills, 0, -1):
            child = subprocess.Popen(command(job), env=env, cwd=ROOT, stdout=subprocess.PIPE)
            already = len(box.taken)
            number = already + rng.randrange(1, max(2 * (readers - already) // (remaining + 1), 2))
            wait_until(partial(_has_received, box, number, child), "mails come", 0.001)
            time.sleep(rng.random() * 0.02)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
        last = subprocess.run(command(job), env=env, cwd=ROOT, check=True, timeout=PROCESS)
        assert last.returncode == 0
        ids = [message["Message-ID"] for message in box.messages()]
        received = Counter(zip(box.readers(), ids, strict=True))
        context.database.close()
    assert {to for to, _ in received} == {f"{name}@reader.example.org" for name in names}, (
        "no email is lost"
    )
    assert len(received) == readers, "each email has one id"
    assert sum(received.values()) - readers <= kills, "only those in flight at a kill come twice"
    assert max(received.values()) <= 2


@pytest.mark.parametrize("job", ["digest", "warn"])
def test_killed_job_loses_and_repeats_no_email(job, tmp_path, ca_file, authority):
    kill_repeatedly(tmp_path, ca_file, authority, job, readers=40, kills=1, seed=1)


@pytest.mark.long
def test_fifty_kills_lose_no_email(tmp_path, ca_file, authority):
    kill_repeatedly(tmp_path, ca_file, authority, "digest", readers=1000, kills=50, seed=2)
