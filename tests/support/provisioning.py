"""What Grafana reads from the files of provisioning, as its own source and manual have it.

Strict, unlike Grafana, which passes over a key that it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
_Duration = Annotated[str, StringConstraints(pattern=r"^(\d+(ms|[smhdwy]))+$")]
EXPRESSION = "__expr__"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Range(_Strict):
    """Seconds before now."""

    first: int = Field(alias="from", gt=0)
    to: int = Field(ge=0)


class Query(_Strict):
    """What a rule asks of a data source, or computes of an answer."""

    refId: _Text
    queryType: str = ""
    relativeTimeRange: Range | None = None
    datasourceUid: _Uid
    model: dict[str, Any]

    @model_validator(mode="after")
    def _check(self) -> Query:
        asks = self.datasourceUid != EXPRESSION
        assert not asks or self.relativeTimeRange, "a data source is asked of a span of time"
        assert self.model["refId"] == self.refId
        return self


class Rule(_Strict):
    """One rule of a group."""

    uid: _Uid
    title: Annotated[str, StringConstraints(min_length=1, max_length=190)]
    condition: _Text
    data: list[Query] = Field(min_length=1)
    noDataState: Literal["Alerting", "NoData", "OK", "KeepLast"] = "NoData"
    execErrState: Literal["Alerting", "Error", "OK", "KeepLast"] = "Alerting"
    for_: _Duration = Field("0s", alias="for")
    keepFiringFor: _Duration = "0s"
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    dashboardUid: str = ""
    panelId: int = 0
    isPaused: bool = False

    @model_validator(mode="after")
    def _check(self) -> Rule:
        assert bool(self.dashboardUid) == bool(self.panelId), "a panel is one of a dashboard"
        known = {query.refId for query in self.data}
        assert len(known) == len(self.data), "each query has a name of its own"
        assert self.condition in known
        for query in self.data:
            if query.datasourceUid == EXPRESSION:
                assert query.model["type"] == "threshold"
                assert query.model["expression"] in known - {query.refId}
                for condition in query.model["conditions"]:
                    assert condition["evaluator"]["type"] in {"gt", "lt", "within_range"}
                    assert all(isinstance(n, int | float) for n in condition["evaluator"]["params"])
        return self


class Group(_Strict):
    """Rules that are looked at together."""

    orgId: int = 1
    name: _Text
    folder: _Text
    interval: _Duration
    rules: list[Rule] = Field(min_length=1)


class Alerting(_Strict):
    """A file in ``provisioning/alerting``."""

    apiVersion: Literal[1]
    groups: list[Group]


class Source(_Strict):
    """A data source, of the kind Infinity."""

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
    """Where dashboards are found."""

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
