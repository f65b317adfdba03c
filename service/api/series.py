"""``/v1/series``: figures, forecasts, totals and briefings."""

from __future__ import annotations

__all__ = ["blueprint"]

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from service.answers import (
    bands,
    briefing,
    capacity,
    changes,
    comparison,
    exceedance,
    explanation,
    figures,
    hubverse,
    quiet,
    revisions,
    status,
    totals,
    track_record,
    year_so_far,
)
from service.answers.ahead import scale_to_share
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueView
from service.api import answer_schemas, queries, schemas
from service.api.representation import represent
from service.api.responses import (
    about,
    attribution,
    head,
    horizon_of,
    loader,
    of_series,
    question,
    view_of,
)

blueprint = APIBlueprint(
    "series",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Series", "description": "Figures, forecasts, totals and briefings."},
)


@blueprint.get("")
@blueprint.input(queries.TableQuery, location="query")
@blueprint.output(schemas.Catalogue)
def list_series(query_data: queries.TableQuery) -> Response:  # noqa: ARG001
    """List the available series."""
    rows = status.catalogue(loader())
    attributions = dict.fromkeys(row["attribution"] for row in rows)
    return represent({"attribution": " ".join(attributions), "rows": rows})


@question(blueprint, "observations", queries.ObservationsQuery, schemas.Observations)
def get_observations(series_id: str, query_data: queries.ObservationsQuery) -> Response:
    """Return the published figures."""
    q = query_data
    rows = figures.figures(loader(), series_id, q.first, q.last, q.as_of)
    return represent(_stored(series_id) | {"rows": rows}, columns=figures.COLUMNS)


@question(blueprint, "revisions", queries.TableQuery, schemas.Revisions)
def get_revisions(series_id: str, query_data: queries.TableQuery) -> Response:  # noqa: ARG001
    """List revised figures."""
    found = revisions.revisions(loader(), series_id)
    return represent(_stored(series_id) | found, columns=revisions.COLUMNS)


@question(blueprint, "forecast", queries.ForecastQuery, answer_schemas.Forecast)
def get_forecast(series_id: str, query_data: queries.ForecastQuery) -> Response:
    """Return the median and ranges of each coming day."""
    q = query_data

    def answer(view: IssueView) -> dict[str, Any]:
        if q.format != "hubverse":
            rows = bands.bands(view.ahead, q.horizon, q.levels, view.declared)
            return {"levels": list(q.levels), "rows": rows}
        if q.first:
            raise BadQuestion("from", "none with format=hubverse, which has an origin", q.first)
        return {"rows": hubverse.hubverse(view, q.horizon, loader().route.location)}

    return about(series_id, q, answer)


@question(blueprint, "totals", queries.TotalsQuery, answer_schemas.Totals)
def get_totals(series_id: str, query_data: queries.TotalsQuery) -> Response:
    """Return totals of named periods, or of a period of your own."""
    q = query_data

    def answer(view: IssueView) -> dict[str, Any]:
        if q.last:
            rows = totals.between(view.observed, view.paths, view.first, q.last, q.levels)
        else:
            rows = totals.periods(view.observed, view.ahead, q.periods or totals.PERIODS, q.levels)
        return {"levels": list(q.levels), "rows": rows}

    return about(series_id, q, answer)


@question(blueprint, "year-so-far", queries.YearQuery, answer_schemas.YearSoFar)
def get_year_so_far(series_id: str, query_data: queries.YearQuery) -> Response:
    """Return totals since 1 January by day, published then simulated, and earlier years'."""
    levels = query_data.levels

    def answer(view: IssueView) -> dict[str, Any]:
        found = year_so_far.year_so_far(view.observed, view.ahead, levels)
        return {"levels": list(levels)} | found

    return about(series_id, query_data, answer, ("time", "date", "value", "median"))


@question(blueprint, "exceedance", queries.ExceedanceQuery, answer_schemas.Exceedance)
def get_exceedance(series_id: str, query_data: queries.ExceedanceQuery) -> Response:
    """Return the chance that each day, or run of days, exceeds a threshold."""
    q = query_data

    def answer(view: IssueView) -> dict[str, Any]:
        ours = scale_to_share(view, q.our_share)
        threshold = view.declared.day_threshold if q.threshold is None else q.threshold
        found = exceedance.exceedance(ours.ahead, threshold, q.window, horizon_of(q, view))
        return {"our_share": q.our_share} | found

    return about(series_id, q, answer)


@question(blueprint, "capacity", queries.CapacityQuery, answer_schemas.Capacity)
def get_capacity(series_id: str, query_data: queries.CapacityQuery) -> Response:
    """Return the number of people present, and of places needed."""
    q = query_data

    def answer(view: IssueView) -> dict[str, Any]:
        ours = scale_to_share(view, q.our_share)
        found = capacity.capacity(
            ours.observed, ours.ahead, q.stay_days, q.share, horizon_of(q, view), q.levels
        )
        return {"our_share": q.our_share} | found

    return about(series_id, q, answer)


@question(blueprint, "quiet", queries.QuietQuery, answer_schemas.Quiet)
def get_quiet(series_id: str, query_data: queries.QuietQuery) -> Response:
    """Return the longest quiet spell and the number of quiet days."""
    return about(series_id, query_data, lambda view: quiet.quiet(view.ahead, query_data.horizon))


@question(blueprint, "explanation", queries.ExplanationQuery, answer_schemas.Explanation)
def get_explanation(series_id: str, query_data: queries.ExplanationQuery) -> Response:
    """Return the drivers of the forecast: season, level, yesterday, weekday, weather."""
    view = view_of(series_id, query_data)
    return represent(head(view) | explanation.explanation(loader(), view))


@question(blueprint, "changes", queries.ChangesQuery, answer_schemas.Changes)
def get_changes(series_id: str, query_data: queries.ChangesQuery) -> Response:
    """Return the changes since an earlier forecast, and their causes."""
    view = view_of(series_id, query_data)
    return represent(head(view) | changes.changes(loader(), view, query_data.since))


@question(blueprint, "track-record", queries.TrackRecordQuery, schemas.TrackRecord)
def get_track_record(series_id: str, query_data: queries.TrackRecordQuery) -> Response:
    """Return the accuracy of past forecasts."""
    q = query_data
    answer = track_record.track_record(loader(), series_id, q.window, q.model, q.kind)
    return represent(answer | attribution())


@question(blueprint, "comparison", queries.ComparisonQuery, answer_schemas.Comparison)
def get_comparison(series_id: str, query_data: queries.ComparisonQuery) -> Response:
    """Compare past forecasts with each other and with the outcomes."""
    q = query_data
    found = comparison.compare_days(loader(), series_id, q.days or (), q.models)
    return represent(of_series(series_id) | attribution() | found)


@question(blueprint, "briefing", queries.BriefingQuery, schemas.Briefing)
def get_briefing(series_id: str, query_data: queries.BriefingQuery) -> Response:
    """Compare the last day, the last 7 days and the year so far with earlier years."""
    answer = briefing.briefing(loader(), series_id, query_data.as_of)
    answer |= loader().standing(series_id).to_dict() | attribution()
    return represent(answer, rows=None)


def _stored(series_id: str) -> dict[str, Any]:
    """Return the common fields of all answers about figures."""
    return of_series(series_id) | loader().standing(series_id).to_dict() | attribution()
