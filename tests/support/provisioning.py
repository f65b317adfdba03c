"""Grafana's provisioning files, and strict schemas of those for which it publishes no types.

Grafana itself ignores unknown keys.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints

from tests.service.support import ROOT

FILES = ROOT / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboards" / "crossings.json").read_text("utf-8"))
RULES: dict[str, Any] = yaml.safe_load(
    (FILES / "provisioning" / "alerting" / "crossings.yaml").read_text("utf-8")
)

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Source(_Strict):
    """An Infinity data source."""

    name: _Text
    uid: _Uid
    type: Literal["yesoreyeram-infinity-datasource"]
    access: Literal["proxy"]
    url: _Text
    jsonData: dict[Literal["auth_method", "allowedHosts", "timeoutInSeconds", "tlsSkipVerify"], Any]
    secureJsonData: dict[Literal["bearerToken"], str]


class Sources(_Strict):
    """A file in ``provisioning/datasources``."""

    apiVersion: Literal[1]
    datasources: list[Source]


class Provider(_Strict):
    """Location of dashboards."""

    name: _Text
    orgId: int = 1
    folder: str = ""
    type: Literal["file"]
    disableDeletion: bool = False
    updateIntervalSeconds: int = 10
    allowUiUpdates: bool = False
    options: dict[Literal["path", "foldersFromFilesStructure"], Any]


class Dashboards(_Strict):
    """A file in ``provisioning/dashboards``."""

    apiVersion: Literal[1]
    providers: list[Provider]


def rows(body: Any, selector: str) -> list[dict[str, Any]]:
    """Return the rows of an answer under `selector`, as the data source does."""
    for part in selector.split(".") if selector else ():
        body = body[part]
    return body if isinstance(body, list) else [body]
