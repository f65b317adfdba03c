"""The image and the compose file: versions, privileges and settings."""

import json
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from service.cli.main import group
from service.core import settings as module
from service.core.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+(\.\d+)+(-[a-z0-9]+)*$")


def compose(*arguments, text=None):
    command = ["docker", "compose", *arguments]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)


@pytest.mark.skipif(
    shutil.which("docker") is None or compose("version").returncode != 0,
    reason="docker with its compose plugin is not installed",
)
def test_compose_file_is_valid():
    valid = compose("-f", "compose.yaml", "config", "--quiet")
    assert valid.returncode == 0, valid.stderr
    invalid = compose("-f", "-", "config", text="services: {api: {image: crossings, replicas: 2}}")
    assert invalid.returncode != 0


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_pinned_image_limits_and_no_privileges(name):
    service = SERVICES[name]
    assert PINNED.match(service["image"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "published on loopback only"


@pytest.mark.parametrize("name", OURS)
def test_own_service_has_known_settings_read_only_root_and_no_capabilities(name):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["image"] == f"crossings:{VERSION}"
    assert service["command"][0] in group.list_commands(None)
    settings = {f"CROSSINGS_{field.upper()}" for field in Settings.model_fields}
    assert {*service["environment"], *map(str.upper, service["secrets"])} <= settings


def test_settings_of_api_are_read_with_generated_secrets(tmp_path, monkeypatch):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "secrets", tmp_path / "scripts")
    folder = tmp_path / "secrets"
    for _ in range(2):  # the second run changes nothing
        subprocess.run([tmp_path / "scripts" / "secrets"], check=True, capture_output=True)
        secrets = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
        assert set(secrets) == {Path(each["file"]).name for each in COMPOSE["secrets"].values()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert secrets["postgres_password"] in secrets["crossings_database_url"]
    for setting, value in SERVICES["api"]["environment"].items():
        default = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        monkeypatch.setenv(setting, default)
    monkeypatch.setattr(module, "FOLDER", folder)
    settings = load_settings()
    assert settings.database == secrets["crossings_database_url"]
    assert settings.trusted_proxies == 1


def test_secrets_are_excluded_from_git_and_image():
    assert "secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored and "!secrets" not in ignored


def test_services_wait_for_their_dependencies():
    for name, service in SERVICES.items():
        for other, dependency in service.get("depends_on", {}).items():
            ends = SERVICES[other].get("restart") == "on-failure"
            condition = "service_completed_successfully" if ends else "service_healthy"
            assert dependency == {"condition": condition}, f"{name} depends on {other}"
            assert ends or other == "api" or "test" in SERVICES[other]["healthcheck"]
    assert "figures" in SERVICES["api"]["depends_on"]


def test_api_has_two_replicas_and_one_scheduler():
    assert SERVICES["api"]["deploy"]["replicas"] == 2
    assert "ports" not in SERVICES["api"], "nginx publishes the port for both replicas"
    roles = [each["command"][0] for each in OURS.values()]
    assert sorted(roles) == ["ingest", "scheduler", "serve"]


def test_mounted_files_and_volumes_exist():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            exists = (ROOT / source).exists() if source[0] == "." else source in COMPOSE["volumes"]
            assert exists, source


def test_grafana_has_the_version_tested_with_the_panels():
    package = json.loads((ROOT / "tests/grafana/package.json").read_text("utf-8"))
    version = SERVICES["grafana"]["image"].partition(":")[2]
    assert package["dependencies"]["@grafana/ui"] == version
    provisioning = (ROOT / "grafana/provisioning/dashboards/crossings.yaml").read_text("utf-8")
    folder = re.search(r"path: (\S+)", provisioning)
    assert folder
    targets = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}
    assert folder.group(1) in targets


def test_image_is_versioned_and_runs_as_a_user():
    assert f"ARG VERSION={VERSION}\n" in DOCKERFILE
    base = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert base and PINNED.match(base.group(1))
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+:\d+$", final, re.MULTILINE), "numeric user"
    assert "pip" not in final and "apt-get" not in final
    assert "/livez" in final
