"""The image and the compose file: pinned, without rights, and true to the settings and the lock."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.cli.main import group
from service.core import settings as module
from service.core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+(\.\d+)+(-[a-z0-9]+)*$")


def compose(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", *arguments]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)


@pytest.mark.skipif(
    shutil.which("docker") is None or compose("version").returncode != 0,
    reason="docker with its compose plugin is not installed",
)
def test_the_compose_file_keeps_to_the_specification() -> None:
    valid = compose("-f", "compose.yaml", "config", "--quiet")
    assert valid.returncode == 0, valid.stderr
    wrong = compose("-f", "-", "config", text="services: {api: {image: crossings, replicas: 2}}")
    assert wrong.returncode != 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_bounded_and_without_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(service["image"]), "an image by its version"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "nothing is open to the network by default"


@pytest.mark.parametrize("name", OURS)
def test_ours_run_with_a_read_only_root_and_no_capability(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["image"] == f"crossings:{VERSION}"
    assert service["command"][0] in group.list_commands(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", OURS)
def test_settings_that_a_service_is_given_exist(name: str) -> None:
    known = {f"CROSSINGS_{field.upper()}" for field in Settings.model_fields}
    assert set(OURS[name]["environment"]) <= known
    assert {secret.upper() for secret in OURS[name]["secrets"]} <= known


def test_what_a_service_is_given_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the API, read as the container would, with the secrets that are made."""
    copy = tmp_path / "project"
    (copy / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "secrets", copy / "scripts")
    for _ in range(2):  # the second run changes nothing
        subprocess.run([copy / "scripts" / "secrets"], check=True, capture_output=True)
        made = {file.name: file.read_text("utf-8") for file in (copy / "secrets").iterdir()}
        assert set(made) == {Path(each["file"]).name for each in COMPOSE["secrets"].values()}
    assert stat.S_IMODE((copy / "secrets").stat().st_mode) == 0o700
    assert made["postgres_password"] in made["crossings_database_url"]
    for setting, value in SERVICES["api"]["environment"].items():
        default = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        monkeypatch.setenv(setting, default)
    monkeypatch.setattr(module, "FOLDER", copy / "secrets")
    settings = Settings()
    assert settings.database == made["crossings_database_url"]
    assert settings.trusted_proxies == 1


def test_secrets_stay_out_of_git_and_of_the_image() -> None:
    assert "secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored and "!secrets" not in ignored


def test_nothing_starts_before_what_it_needs_is_well() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            ends = SERVICES[other].get("restart") == "on-failure"
            assert how == {
                "condition": "service_completed_successfully" if ends else "service_healthy"
            }, f"{name} waits for {other}"
            assert ends or other == "api" or "test" in SERVICES[other]["healthcheck"]
    assert "figures" in SERVICES["api"]["depends_on"]


def test_there_are_two_replicas_and_one_scheduler() -> None:
    assert SERVICES["api"]["deploy"]["replicas"] == 2
    assert "ports" not in SERVICES["api"], "two cannot have one port: nginx has it"
    roles = [each["command"][0] for each in OURS.values()]
    assert sorted(roles) == ["ingest", "scheduler", "serve"]


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            there = (ROOT / source).exists() if source[0] == "." else source in COMPOSE["volumes"]
            assert there, source


def test_grafana_is_the_version_that_the_panels_are_tested_with() -> None:
    package = json.loads((ROOT / "tests/grafana/package.json").read_text("utf-8"))
    version = SERVICES["grafana"]["image"].partition(":")[2]
    assert package["dependencies"]["@grafana/ui"] == version
    provisioning = (ROOT / "grafana/provisioning/dashboards/crossings.yaml").read_text("utf-8")
    folder = re.search(r"path: (\S+)", provisioning)
    assert folder
    targets = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}
    assert folder.group(1) in targets


def test_the_image_is_ours_by_version_and_never_root() -> None:
    assert f"ARG VERSION={VERSION}\n" in DOCKERFILE
    base = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert base and PINNED.match(base.group(1))
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+:\d+$", final, re.MULTILINE), "by number, so that it can be checked"
    assert "pip" not in final and "apt-get" not in final
    assert "/livez" in final
    assert "--require-hashes" in DOCKERFILE


@pytest.mark.parametrize("name", ["image-check", "secrets"])
def test_a_script_is_understood(name: str) -> None:
    script = ROOT / "scripts" / name
    assert script.stat().st_mode & stat.S_IXUSR
    subprocess.run(["sh", "-n", script], check=True)
