from __future__ import annotations

import json

from service.core.settings import Settings
from tests.service.support import Crossings


def test_lines_and_exit_status(crossings: Crossings, settings: Settings) -> None:
    done = crossings("doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert any(line.startswith("ok   database: sqlite:///") for line in lines)
    at = next(
        at
        for at, line in enumerate(lines)
        if line == "warn scheduler: no process schedules the jobs"
    )
    assert lines[at + 1].startswith("     -> start it: `crossings scheduler`")
    assert lines[-1].endswith("0 fail")


def test_a_failure_is_told_by_the_exit_status(crossings: Crossings, settings: Settings) -> None:
    done = crossings("doctor", "--format", "json", smtp_host="127.0.0.1", smtp_port=9)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["state"] == "fail"
    (mail,) = [one for one in found["findings"] if one["check"] == "mail"]
    assert set(mail) == {"check", "state", "said", "remedy"}
    assert mail["state"] == "fail"
