from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.service.killed_sender import kill_repeatedly


@pytest.mark.parametrize("job", ["digest", "warn"])
def test_killed_job_loses_and_repeats_no_email(
    job: str, tmp_path: Path, ca_file: Path, authority: trustme.CA
) -> None:
    kill_repeatedly(tmp_path, ca_file, authority, job, readers=40, kills=1, seed=1)


@pytest.mark.long
def test_fifty_kills_lose_no_email(tmp_path: Path, ca_file: Path, authority: trustme.CA) -> None:
    kill_repeatedly(tmp_path, ca_file, authority, "digest", readers=1000, kills=50, seed=2)
