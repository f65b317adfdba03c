"""``/v1/series``: figures, forecasts, totals and briefings."""

from __future__ import annotations

__all__ = ["blueprint"]

from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app

from service.answers import (
    bands,
    briefing,
    capacity,
    changes,
    exceedance,
    explanation,
    figures,
    quiet,
    status,
    totals,
    track_record,
)
from service.answers.desk import Desk, View
from service.api import queries, schemas
from service.api.representation import represent
from service.clock import instant
from service.sources.figures import ATTRIBUTION

blueprint = APIBlueprint(
    "series",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Series", "description": "Figures, forecasts, totals and briefings."},
)


def _desk() -> Desk:
    desk: Desk = current_app.extensions["desk"]
    return desk


@blueprint.get("")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(schemas.Catalogue)
def list_series(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """List the series that are served."""
    rows = status.catalogue(_desk())
    return represent({"attribution": ATTRIBUTION, "rows": rows})


@blueprint.get("/<series_id>/observations")
@blueprint.input(queries.ObservationsQuery, location="query")
@blueprint.output(schemas.Observations)
def observations(series_id: str, query_data: queries.ObservationsQuery) -> Response:
    """Return the published figures."""
    q = query_data
    rows = figures.figures(_desk(), series_id, q.first, q.last, q.as_of)
    body = {"series_id": series_id, "unit": series_id} | _desk().standing(series_id).said()
    body |= {"attribution": ATTRIBUTION, "rows": rows}
    return represent(body, columns=figures.COLUMNS)


@blueprint.get("/<series_id>/forecast")
@blueprint.input(queries.ForecastQuery, location="query")
@blueprint.output(schemas.Forecast)
def forecast(series_id: str, query_data: queries.ForecastQuery) -> Response:
    """Return the bands of each coming day."""
    q = query_data
    view = _desk().view(series_id, q.issue, q.model)
    rows = bands.bands(view.paths, q.horizon, q.levels)
    return represent(_head(view) | {"levels": list(q.levels), "rows": rows})


@blueprint.get("/<series_id>/totals")
@blueprint.input(queries.TotalsQuery, location="query")
@blueprint.output(schemas.Totals)
def sums(series_id: str, query_data: queries.TotalsQuery) -> Response:
    """Return sums over named periods, or over a span of your own."""
    q = query_data
    view = _desk().view(series_id, q.issue, q.model)
    if q.first and q.last:
        rows = totals.between(view.known, view.paths, q.first, q.last, q.levels)
    else:
        rows = totals.periods(
            view.known, view.paths, view.moment, q.periods or totals.PERIODS, q.levels
        )
    return represent(_head(view) | {"levels": list(q.levels), "rows": rows})


@blueprint.get("/<series_id>/exceedance")
@blueprint.input(queries.ExceedanceQuery, location="query")
@blueprint.output(schemas.Exceedance)
def above(series_id: str, query_data: queries.ExceedanceQuery) -> Response:
    """Return how likely each day, or run of days, brings more than a threshold."""
    q = query_data
    view = _desk().view(series_id, q.issue, q.model)
    return represent(
        _head(view) | exceedance.exceedance(view.paths, q.threshold, q.window, q.horizon)
    )


@blueprint.get("/<series_id>/capacity")
@blueprint.input(queries.CapacityQuery, location="query")
@blueprint.output(schemas.Capacity)
def places(series_id: str, query_data: queries.CapacityQuery) -> Response:
    """Return how many people are present at once, and how many places suffice."""
    q = query_data
    view = _desk().view(series_id, q.issue, q.model)
    answer = capacity.capacity(view.known, view.paths, q.stay_days, q.share, q.horizon, q.levels)
    return represent(_head(view) | answer)


@blueprint.get("/<series_id>/quiet")
@blueprint.input(queries.QuietQuery, location="query")
@blueprint.output(schemas.Quiet)
def calm(series_id: str, query_data: queries.QuietQuery) -> Response:
    """Return how long it may stay quiet, and on how many days."""
    q = query_data
    view = _desk().view(series_id, q.issue, q.model)
    return represent(_head(view) | quiet.quiet(view.paths, q.horizon))


@blueprint.get("/<series_id>/explanation")
@blueprint.input(queries.IssueQuery, location="query")
@blueprint.output(schemas.Explanation)
def why(series_id: str, query_data: queries.IssueQuery) -> Response:
    """Return what drives the forecast: season, level, yesterday, weekday, weather."""
    view = _desk().view(series_id, query_data.issue)
    return represent(_head(view) | explanation.explanation(_desk(), view))


@blueprint.get("/<series_id>/changes")
@blueprint.input(queries.ChangesQuery, location="query")
@blueprint.output(schemas.Changes)
def changed(series_id: str, query_data: queries.ChangesQuery) -> Response:
    """Return what changed since an earlier issue, and because of what."""
    view = _desk().view(series_id, query_data.issue)
    return represent(_head(view) | changes.changes(_desk(), view, query_data.since))


@blueprint.get("/<series_id>/track-record")
@blueprint.input(queries.TrackRecordQuery, location="query")
@blueprint.output(schemas.TrackRecord)
def record(series_id: str, query_data: queries.TrackRecordQuery) -> Response:
    """Return how good the published forecasts were."""
    q = query_data
    answer = track_record.track_record(_desk(), series_id, q.window, q.model, q.kind)
    return represent(answer | {"attribution": ATTRIBUTION})


@blueprint.get("/<series_id>/briefing")
@blueprint.input(queries.BriefingQuery, location="query")
@blueprint.output(schemas.Briefing)
def brief(series_id: str, query_data: queries.BriefingQuery) -> Response:
    """Compare the last day, the last seven days and the year so far with earlier years."""
    answer = briefing.briefing(_desk(), series_id, query_data.as_of)
    answer |= _desk().standing(series_id).said() | {"attribution": ATTRIBUTION}
    return represent(answer, rows=None)


def _head(view: View) -> dict[str, Any]:
    """What every answer about an issue says first."""
    issue = view.issue
    return {
        "series_id": issue.series_id,
        "unit": issue.series_id,
        "issue_id": issue.issue_id,
        "model": view.entry.model,
        "model_version": view.entry.version,
        "origin": issue.origin.isoformat(),
        "data_through": issue.data_through.isoformat(),
        "as_of": instant(issue.as_of),
        "issued_at": instant(issue.issued_at),
        **view.state.said(),
        "attribution": ATTRIBUTION,
    }
