"""A real Prometheus with the scrape configuration of docs/alerts.md and deploy/alerts.yaml."""

import datetime as dt
import json
import re
import shutil
import socket
import subprocess
import urllib.request
from contextlib import contextmanager

import pytest
import yaml

from service.api import key_store
from service.core import run_store
from service.core.tables import runs
from tests.service.conftest import *  # noqa: F403  # the fixtures of databases
from tests.service.support import ROOT, ROUTE, run_server
from tests.support.waiting import BOUND, wait_until

_PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(_PROMETHEUS is None, reason="prometheus is not installed")


def read_config(target, key_file):
    """The documented configuration, with a static target instead of Docker's name server."""
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/alerts.md").read_text("utf-8"), re.DOTALL)
    assert block
    config = yaml.safe_load(block.group(1))
    (scrape,) = config["scrape_configs"]
    assert scrape.pop("dns_sd_configs") == [{"names": ["api"], "type": "A", "port": 8000}]
    scrape["static_configs"] = [{"targets": [target]}]
    scrape["authorization"]["credentials_file"] = str(key_file)
    config["rule_files"] = [str(ROOT / name) for name in config["rule_files"]]
    return config | {"global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"}}


@contextmanager
def run_prometheus(config, folder):
    """Run Prometheus; yield a function that returns the active alerts by name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    arguments = [f"--web.listen-address={address}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [str(_PROMETHEUS), f"--config.file={folder / 'prometheus.yml'}", *arguments], stderr=log
        )

    def alerts():
        url = f"http://{address}/api/v1/alerts"
        try:
            with urllib.request.urlopen(url, timeout=BOUND) as response:
                active = json.load(response)["data"]["alerts"]
        except OSError:
            assert child.poll() is None, (folder / "log").read_text("utf-8")
            return {}
        return {alert["labels"]["alertname"]: alert for alert in active}

    try:
        yield alerts
    finally:
        child.terminate()
        child.wait(BOUND)


def wait_for(name, alerts):
    """Return the active alerts as soon as `name` is among them."""

    def find():
        active = alerts()
        return active if name in active else None

    return wait_until(find, f"the alert {name}") or {}


def test_alerts_name_the_job(context, tmp_path):
    now = dt.datetime.now(dt.UTC)
    with context.database.writing() as connection:
        key = key_store.create_key(connection, "prometheus", "read", now)
        then = now - dt.timedelta(hours=27)
        connection.execute(runs.update().where(runs.c.job == "ingest").values(finished_at=then))
    (tmp_path / "key").write_text(key)
    with run_server(context.settings, anonymous_reading="no") as base:
        config = read_config(base.removeprefix("http://"), tmp_path / "key")
        with run_prometheus(config, tmp_path) as alerts:
            active = wait_for("CrossingsJobNotDone", alerts)
            summary = active["CrossingsJobNotDone"]["annotations"]["summary"]
            assert "job ingest of channel last succeeded 1d 3h" in summary
            assert "CrossingsJobsFail" not in active
            assert "CrossingsGone" not in active
            with context.database.writing() as connection:
                for number in range(3):
                    claimed = run_store.claim_run(
                        connection, "weather", f"{number}", now, ROUTE.name
                    )
                    assert claimed
                    run_store.finish_run(connection, claimed, "failed", "for the test", {}, now)
            alert = wait_for("CrossingsJobsFail", alerts)["CrossingsJobsFail"]
            assert alert["state"] == "firing"
            assert "The job weather of channel failed" in alert["annotations"]["summary"]
