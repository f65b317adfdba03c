"""``/grafana``: the protocol of the simPod JSON data source over the same answers."""

__all__ = ["blueprint"]

import datetime as dt
from functools import cache
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from pydantic import AwareDatetime, BaseModel, Field

from service.answers.errors import BadQuestion
from service.answers.panel import COLUMNS, panel
from service.api.responses import loader

blueprint = APIBlueprint("grafana", __name__, url_prefix="/grafana", enable_openapi=False)

_FIELDS = [name for name in COLUMNS[2:] if name != "likelihood"]  # points must be numbers
_Moment = Annotated[  # within the calendar of every time zone
    AwareDatetime,
    Field(gt=dt.datetime(1900, 1, 1, tzinfo=dt.UTC), lt=dt.datetime(9000, 1, 1, tzinfo=dt.UTC)),
]


class SimpodRange(BaseModel):
    """Time range of a chart."""

    first: _Moment = Field(alias="from")
    last: _Moment = Field(alias="to")


class SimpodTarget(BaseModel):
    """A metric to draw, such as ``people.median``."""

    target: str = Field(max_length=64)


class SimpodQuery(BaseModel):
    """A query of the simPod data source; extra keys are ignored."""

    range: SimpodRange
    targets: tuple[SimpodTarget, ...] = Field(max_length=100)


@blueprint.get("/", strict_slashes=False)  # a redirect would reveal the inner host
def root() -> Response:
    """Answer the connection test of the data source."""
    return jsonify({"status": "ready"})


@blueprint.post("/metrics")
def metrics() -> Response:
    """List the available metrics."""
    return jsonify([{"label": name, "value": name} for name in _targets()])


@blueprint.post("/metric-payload-options")
@blueprint.post("/tag-keys")
@blueprint.post("/tag-values")
def nothing() -> Response:
    """List a target's options and tag filters, of which there are none."""
    return jsonify([])


@blueprint.post("/query")
@blueprint.input(SimpodQuery, location="json")
def query(json_data: SimpodQuery) -> Response:
    """Return the points of each target within the range, value first."""
    first, last = json_data.range.first, json_data.range.last
    if first > last:
        raise BadQuestion("range.to", f"a moment from {first.isoformat()} on", last)
    targets, names = _targets(), [one.target for one in json_data.targets]
    for name in names:
        if name not in targets:
            raise BadQuestion("target", f"one of {', '.join(targets)}", repr(name[:40]))

    @cache
    def table(series_id: str) -> list[dict[str, Any]]:
        series_loader = loader().for_series(series_id)
        days = map(series_loader.route.day, (first, last))
        return panel(series_loader, series_loader.view(series_id), *days)

    def points(name: str) -> list[list[float]]:
        series_id, field = targets[name]
        return [
            [row[field], int(dt.datetime.fromisoformat(row["time"]).timestamp() * 1000)]
            for row in table(series_id)
            if row[field] is not None
        ]

    return jsonify([{"target": name, "datapoints": points(name)} for name in names])


@blueprint.post("/variable")
def variable() -> Response:
    """List the series, for a dashboard variable."""
    return jsonify([{"__text": name, "__value": name} for name in _forecast()])


def _forecast() -> list[str]:
    """Return the forecast series of every route."""
    return [name for route in loader().context.routes for name in route.forecast]


def _targets() -> dict[str, tuple[str, str]]:
    """Return the series and the field of each available target, ``SERIES.FIELD``."""
    return {f"{name}.{field}": (name, field) for name in _forecast() for field in _FIELDS}
