"""``/v1/series``: figures, forecasts, totals and briefings."""

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
    status,
    totals,
    track_record,
    year_so_far,
)
from service.answers.ahead import scale_to_share
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueView
from service.api import answer_schemas, queries, schemas
from service.api.representation import loader, represent
from service.api.responses import horizon_of, of_series, question, question_of_issue

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
def get_observations(series_id: str, asked: queries.ObservationsQuery) -> Response:
    """Return the published figures."""
    rows = figures.figures(loader(), series_id, asked.first, asked.last, asked.as_of)
    return represent(
        _stored(series_id) | {"rows": rows}, columns=schemas.ObservationsRow.model_fields
    )


@question(blueprint, "revisions", queries.TableQuery, schemas.Revisions)
def get_revisions(series_id: str, asked: queries.TableQuery) -> Response:  # noqa: ARG001
    """List revised figures."""
    found = figures.revisions(loader(), series_id)
    return represent(_stored(series_id) | found, columns=schemas.RevisionsRow.model_fields)


@question_of_issue(blueprint, "forecast", queries.ForecastQuery, answer_schemas.Forecast)
def get_forecast(view: IssueView, asked: queries.ForecastQuery) -> dict[str, Any]:
    """Return the median and ranges of each coming day."""
    if asked.format != "hubverse":
        rows = bands.bands(view.ahead, asked.horizon, asked.levels, view.declared)
        return {"levels": list(asked.levels), "rows": rows}
    if asked.first:
        raise BadQuestion("from", "none with format=hubverse, which has an origin", asked.first)
    return {"from": str(view.paths.start), "rows": hubverse.hubverse(view, asked.horizon)}


@question_of_issue(blueprint, "totals", queries.TotalsQuery, answer_schemas.Totals)
def get_totals(view: IssueView, asked: queries.TotalsQuery) -> dict[str, Any]:
    """Return totals of named periods, or of a period of your own."""
    levels = asked.levels
    if asked.last:
        rows = totals.between(view.observed, view.paths, view.first, asked.last, levels)
    else:
        rows = totals.periods(view.observed, view.ahead, asked.periods or totals.PERIODS, levels)
    return {"levels": list(levels), "rows": rows}


@question_of_issue(
    blueprint,
    "year-so-far",
    queries.YearQuery,
    answer_schemas.YearSoFar,
    ("time", "date", "value", "median"),
)
def get_year_so_far(view: IssueView, asked: queries.YearQuery) -> dict[str, Any]:
    """Return totals since 1 January by day, published then simulated, and earlier years'."""
    found = year_so_far.year_so_far(view.observed, view.ahead, asked.levels)
    return {"levels": list(asked.levels)} | found


@question_of_issue(blueprint, "exceedance", queries.ExceedanceQuery, answer_schemas.Exceedance)
def get_exceedance(view: IssueView, asked: queries.ExceedanceQuery) -> dict[str, Any]:
    """Return the chance that each day, or run of days, exceeds a threshold."""
    ours = scale_to_share(view, asked.our_share)
    threshold = view.declared.day_threshold if asked.threshold is None else asked.threshold
    found = exceedance.exceedance(ours.ahead, threshold, asked.window, horizon_of(asked, view))
    return {"our_share": asked.our_share} | found


@question_of_issue(blueprint, "capacity", queries.CapacityQuery, answer_schemas.Capacity)
def get_capacity(view: IssueView, asked: queries.CapacityQuery) -> dict[str, Any]:
    """Return the number of people present, and of places needed."""
    ours, horizon = scale_to_share(view, asked.our_share), horizon_of(asked, view)
    found = capacity.capacity(
        ours.observed, ours.ahead, asked.stay_days, asked.share, horizon, asked.levels
    )
    return {"our_share": asked.our_share} | found


@question_of_issue(blueprint, "quiet", queries.QuietQuery, answer_schemas.Quiet)
def get_quiet(view: IssueView, asked: queries.QuietQuery) -> dict[str, Any]:
    """Return the longest quiet spell and the number of quiet days."""
    return quiet.quiet(view.ahead, asked.horizon)


@question_of_issue(blueprint, "explanation", queries.ExplanationQuery, answer_schemas.Explanation)
def get_explanation(view: IssueView, asked: queries.ExplanationQuery) -> dict[str, Any]:  # noqa: ARG001
    """Return the drivers of the forecast: season, level, yesterday, weekday, weather."""
    return explanation.explanation(loader(), view)


@question_of_issue(blueprint, "changes", queries.ChangesQuery, answer_schemas.Changes)
def get_changes(view: IssueView, asked: queries.ChangesQuery) -> dict[str, Any]:
    """Return the changes since an earlier forecast, and their causes."""
    return changes.changes(loader(), view, asked.since)


@question(blueprint, "track-record", queries.TrackRecordQuery, schemas.TrackRecord)
def get_track_record(series_id: str, asked: queries.TrackRecordQuery) -> Response:
    """Return the accuracy of past forecasts."""
    answer = track_record.track_record(loader(), series_id, asked.window, asked.model, asked.kind)
    return represent(answer | of_series(series_id))


@question(blueprint, "comparison", queries.ComparisonQuery, answer_schemas.Comparison)
def get_comparison(series_id: str, asked: queries.ComparisonQuery) -> Response:
    """Compare past forecasts with each other and with the outcomes."""
    found = comparison.compare_days(loader(), series_id, asked.days or (), asked.models)
    return represent(of_series(series_id) | found)


@question(blueprint, "briefing", queries.BriefingQuery, schemas.Briefing)
def get_briefing(series_id: str, asked: queries.BriefingQuery) -> Response:
    """Compare the last day, the last 7 days and the year so far with earlier years."""
    answer = briefing.briefing(loader(), series_id, asked.as_of)
    return represent(answer | _stored(series_id), rows=None)


def _stored(series_id: str) -> dict[str, Any]:
    """Return the common fields of all answers about figures and whether they are up to date."""
    return of_series(series_id) | loader().standing(series_id).to_dict()
