"""What the service is made of: a bill that is complete, an audit that does not pass in silence."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import PROCESS

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def needs(tool: str) -> pytest.MarkDecorator:
    there = (ROOT / ".venv-tools" / "bin" / tool).exists()
    return pytest.mark.skipif(not there, reason=f"{tool} is not installed: make sbom, make audit")


@needs("cyclonedx-py")
def test_the_bill_names_every_locked_package_with_its_hashes(tmp_path: Path) -> None:
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        subprocess.run(
            [ROOT / "scripts/sbom", file], check=True, capture_output=True, timeout=PROCESS
        )
    assert files[0].read_bytes() == files[1].read_bytes()
    bill = json.loads(files[0].read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "channel-crossings-forecast"
    lock = (ROOT / "requirements-image.txt").read_text("utf-8")
    assert {(c["name"], c["version"]) for c in bill["components"]} == set(PIN.findall(lock))
    hashes = {
        one["content"]
        for component in bill["components"]
        for reference in component["externalReferences"]
        for one in reference.get("hashes", ())
    }
    assert hashes == set(HASH.findall(lock))


@needs("pip-audit")
def test_an_audit_that_could_not_be_made_says_so() -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [ROOT / "scripts/audit"],
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert done.stdout.startswith("NOT AUDITED: ")
    assert "0 known vulnerabilities" not in done.stdout


def test_where_faults_are_told_is_said() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "docs/security.md" in text and "CROSSINGS_CONTACT" in text
