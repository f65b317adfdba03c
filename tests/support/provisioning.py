"""Grafana's dashboard and alert rules, and the rows that its data source reads."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.service.support import ROOT

FILES = ROOT / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboards" / "crossings.json").read_text("utf-8"))
RULES: dict[str, Any] = yaml.safe_load(
    (FILES / "provisioning" / "alerting" / "crossings.yaml").read_text("utf-8")
)


def rows(body: Any, selector: str) -> list[dict[str, Any]]:
    """Return the rows of an answer under `selector`, as the data source does."""
    for part in selector.split(".") if selector else ():
        body = body[part]
    return body if isinstance(body, list) else [body]
