"""A real Prometheus that scrapes as docs/alerts.md has it and evaluates deploy/alerts.yaml."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from service.api import key_store
from service.core import run_store
from service.core.context import Context, open_context
from service.core.settings import Settings
from tests.service.conftest import *  # noqa: F403  # the fixtures of databases
from tests.service.support import ROOT, ROUTE, serving
from tests.support.away import Away
from tests.support.waiting import BOUND, wait_until

_PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(_PROMETHEUS is None, reason="no prometheus is at hand")


def documented(target: str, key_file: Path) -> dict[str, Any]:
    """The scrape of the document; Docker's name server alone is left out."""
    found = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/alerts.md").read_text("utf-8"), re.DOTALL)
    assert found
    config: dict[str, Any] = yaml.safe_load(found.group(1))
    (scrape,) = config["scrape_configs"]
    assert scrape.pop("dns_sd_configs") == [{"names": ["api"], "type": "A", "port": 8000}]
    scrape["static_configs"] = [{"targets": [target]}]
    scrape["authorization"]["credentials_file"] = str(key_file)
    config["rule_files"] = [str(ROOT / name) for name in config["rule_files"]]
    return config | {"global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"}}


@contextmanager
def watching(config: dict[str, Any], folder: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    """Prometheus as long as the block lasts; gives what asks for the alerts, by name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    arguments = [f"--web.listen-address={address}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [str(_PROMETHEUS), f"--config.file={folder / 'prometheus.yml'}", *arguments], stderr=log
        )

    def alerts() -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/alerts", timeout=BOUND) as answer:
                found = json.load(answer)["data"]["alerts"]
        except OSError:
            assert child.poll() is None, (folder / "log").read_text("utf-8")
            return {}
        return {one["labels"]["alertname"]: one for one in found}

    try:
        yield alerts
    finally:
        child.terminate()
        child.wait(BOUND)


def until(alerts: Callable[[], dict[str, Any]], *names: str) -> dict[str, Any]:
    """The alerts, once those of the names are among them."""
    found: dict[str, Any] = {}

    def have_begun() -> bool:
        found.clear()
        found.update(alerts())
        return set(names) <= set(found)

    wait_until(have_begun, f"the alerts {', '.join(names)}")
    return found


@pytest.mark.parametrize("is_honoured", [True, False])
def test_alerts_about_jobs_begin_and_name_the_job(
    context: Context, tmp_path: Path, is_honoured: bool
) -> None:
    now = dt.datetime.now(dt.UTC)
    with context.database.writing() as connection:
        key = key_store.create(connection, "prometheus", "read", now)
        connection.execute(
            sa.text("UPDATE runs SET finished_at = :then WHERE job = 'ingest'"),
            {"then": now - dt.timedelta(hours=27)},
        )
    (tmp_path / "key").write_text(key)
    with serving(context.settings, anonymous_reading="no") as base:
        config = documented(base.removeprefix("http://"), tmp_path / "key")
        config["scrape_configs"][0]["honor_labels"] &= is_honoured
        with watching(config, tmp_path) as alerts:
            found = until(alerts, "CrossingsJobNotDone")
            assert (
                "job ingest of channel was last done 1d 3h"
                in (found["CrossingsJobNotDone"]["annotations"]["summary"])
            )
            assert "CrossingsJobsFail" not in found
            assert "CrossingsGone" not in found
            with context.database.writing() as connection:
                for number in range(3):
                    claimed = run_store.claim(connection, "weather", f"{number}", now, ROUTE.name)
                    assert claimed
                    run_store.finish(connection, claimed, "failed", "for the test", {}, now)
            found = until(alerts, "CrossingsJobsFail")
            assert found["CrossingsJobsFail"]["state"] == "firing"
            assert (
                "The job weather of channel failed"
                in found["CrossingsJobsFail"]["annotations"]["summary"]
            )


def test_a_database_that_goes_away_is_told_to_who_has_a_key(
    postgresql: str, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # a socket's path must be short
        away = Away(postgresql, Path(folder))
        context = open_context(Settings(var_dir=tmp_path / "var", database_url=away.url))
        with context.database.writing() as connection:
            key = key_store.create(connection, "away", "read", dt.datetime.now(dt.UTC))
        context.database.close()
        (tmp_path / "key").write_text(key)
        with serving(context.settings, anonymous_reading="no") as base:
            config = documented(base.removeprefix("http://"), tmp_path / "key")
            with watching(config, tmp_path) as alerts:
                until(alerts, "CrossingsDegraded")  # it is read, and nothing is published
                away.go()
                found = until(alerts, "CrossingsStoreDown")
                assert "CrossingsGone" not in found
                away.come_back()
                until(alerts, "CrossingsDegraded")
