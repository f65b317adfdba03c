"""Supply chain: the bill of materials, the audit and the security policy."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.commands import run_command

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^\s;]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def requires(tool):
    is_missing = not (ROOT / ".venv-tools" / "bin" / tool).exists()
    return pytest.mark.skipif(is_missing, reason=f"{tool} is not installed: make sbom, make audit")


@requires("cyclonedx-py")
def test_sbom_lists_locked_packages_with_hashes(tmp_path):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        run_command("scripts/sbom", file, check=True)
    assert files[0].read_bytes() == files[1].read_bytes()
    sbom = json.loads(files[0].read_text("utf-8"))
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["metadata"]["component"]["name"] == "channel-crossings-forecast"
    lock = (ROOT / "requirements-image.txt").read_text("utf-8")
    assert {(c["name"], c["version"]) for c in sbom["components"]} == set(PIN.findall(lock))
    hashes = {
        entry["content"]
        for component in sbom["components"]
        for reference in component["externalReferences"]
        for entry in reference.get("hashes", ())
    }
    assert hashes == set(HASH.findall(lock))


@requires("pip-audit")
def test_failed_audit_is_reported():
    unreachable = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = run_command("scripts/audit", env=os.environ | unreachable)
    assert done.stdout.startswith("NOT AUDITED: ")
    assert "0 known vulnerabilities" not in done.stdout


def test_security_policy_names_the_contact():
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "docs/security.md" in text and "CROSSINGS_CONTACT" in text
