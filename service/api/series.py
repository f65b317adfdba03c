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
)
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueView
from service.api import answer_schemas, queries, schemas
from service.api.responses import (
    horizon_of,
    loader,
    question,
    question_of_issue,
    represent,
    series_fields,
)

blueprint = APIBlueprint(
    "series",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Series", "description": "Figures, forecasts, totals and briefings."},
)


@question(blueprint, "", queries.TableQuery, schemas.Catalogue)
def list_series(query: queries.TableQuery) -> Response:  # noqa: ARG001
    """List the available series."""
    rows = status.catalogue(loader())
    attributions = dict.fromkeys(row["attribution"] for row in rows)
    return represent({"attribution": " ".join(attributions), "rows": rows})


@question(blueprint, "/<series_id>/observations", queries.ObservationsQuery, schemas.Observations)
def get_observations(series_id: str, query: queries.ObservationsQuery) -> Response:
    """Return the published figures."""
    rows = figures.figures(loader(), series_id, query.first, query.last, query.as_of)
    return represent(
        _figures_fields(series_id) | {"rows": rows}, columns=schemas.ObservationsRow.model_fields
    )


@question(blueprint, "/<series_id>/revisions", queries.TableQuery, schemas.Revisions)
def get_revisions(series_id: str, query: queries.TableQuery) -> Response:  # noqa: ARG001
    """List revised figures."""
    answer = figures.revisions(loader(), series_id)
    return represent(_figures_fields(series_id) | answer, columns=schemas.RevisionsRow.model_fields)


@question_of_issue(blueprint, "forecast", queries.ForecastQuery, answer_schemas.Forecast)
def get_forecast(view: IssueView, query: queries.ForecastQuery) -> dict[str, Any]:
    """Return the median and ranges of each coming day."""
    if query.format != "hubverse":
        rows = bands.bands(view.ahead, query.horizon, query.levels, view.declared)
        return {"levels": list(query.levels), "rows": rows}
    if query.first:
        raise BadQuestion("from", "none with format=hubverse, which has an origin", query.first)
    return {"from": str(view.paths.start), "rows": hubverse.hubverse(view, query.horizon)}


@question_of_issue(blueprint, "totals", queries.TotalsQuery, answer_schemas.Totals)
def get_totals(view: IssueView, query: queries.TotalsQuery) -> dict[str, Any]:
    """Return totals of named periods, or of a period of your own."""
    levels = query.levels
    if query.last:
        first = query.first or view.ahead.first
        rows = totals.total_between(view.observed, view.paths, first, query.last, levels)
    else:
        rows = totals.periods(view.observed, view.ahead, query.periods or totals.PERIODS, levels)
    return {"levels": list(levels), "rows": rows}


@question_of_issue(blueprint, "year-so-far", queries.YearQuery, answer_schemas.YearSoFar)
def get_year_so_far(view: IssueView, query: queries.YearQuery) -> dict[str, Any]:
    """Return totals since 1 January by day, published then simulated, with earlier years."""
    answer = totals.year_so_far(view.observed, view.ahead, query.levels)
    return {"levels": list(query.levels)} | answer


@question_of_issue(blueprint, "exceedance", queries.ExceedanceQuery, answer_schemas.Exceedance)
def get_exceedance(view: IssueView, query: queries.ExceedanceQuery) -> dict[str, Any]:
    """Return the chance that each day, or run of days, exceeds a threshold."""
    threshold = view.declared.day_threshold if query.threshold is None else query.threshold
    answer = exceedance.exceedance(
        view.ahead, threshold, query.window, horizon_of(query, view), query.our_share
    )
    return {"our_share": query.our_share} | answer


@question_of_issue(blueprint, "capacity", queries.CapacityQuery, answer_schemas.Capacity)
def get_capacity(view: IssueView, query: queries.CapacityQuery) -> dict[str, Any]:
    """Return the number of people present, and of places needed."""
    stay, horizon = (query.stay_days, query.share), horizon_of(query, view)
    answer = capacity.capacity(
        view.observed, view.ahead, *stay, horizon, query.levels, query.our_share
    )
    return {"our_share": query.our_share} | answer


@question_of_issue(blueprint, "quiet", queries.QuietQuery, answer_schemas.Quiet)
def get_quiet(view: IssueView, query: queries.QuietQuery) -> dict[str, Any]:
    """Return the longest quiet spell and the number of quiet days."""
    return quiet.quiet(view.ahead, query.horizon)


@question_of_issue(blueprint, "explanation", queries.ExplanationQuery, answer_schemas.Explanation)
def get_explanation(view: IssueView, query: queries.ExplanationQuery) -> dict[str, Any]:  # noqa: ARG001
    """Return the drivers of the forecast: season, level, yesterday, weekday, weather."""
    return explanation.explanation(loader(), view)


@question_of_issue(blueprint, "changes", queries.ChangesQuery, answer_schemas.Changes)
def get_changes(view: IssueView, query: queries.ChangesQuery) -> dict[str, Any]:
    """Return the changes since an earlier forecast, and their causes."""
    return changes.changes(loader(), view, query.since)


@question(blueprint, "/<series_id>/track-record", queries.TrackRecordQuery, schemas.TrackRecord)
def get_track_record(series_id: str, query: queries.TrackRecordQuery) -> Response:
    """Return the accuracy of past forecasts."""
    answer = track_record.track_record(loader(), series_id, query.window, query.model, query.kind)
    return represent(answer | series_fields(series_id))


@question(blueprint, "/<series_id>/comparison", queries.ComparisonQuery, answer_schemas.Comparison)
def get_comparison(series_id: str, query: queries.ComparisonQuery) -> Response:
    """Compare past forecasts with each other and with the outcomes."""
    answer = comparison.compare_days(loader(), series_id, query.days or (), query.models)
    return represent(series_fields(series_id) | answer)


@question(blueprint, "/<series_id>/briefing", queries.BriefingQuery, schemas.Briefing)
def get_briefing(series_id: str, query: queries.BriefingQuery) -> Response:
    """Compare the last day, the last 7 days and the year so far with earlier years."""
    answer = briefing.briefing(loader(), series_id, query.as_of)
    return represent(answer | _figures_fields(series_id), table=False)


def _figures_fields(series_id: str) -> dict[str, Any]:
    """Return the common fields of all answers about figures and whether they are up to date."""
    return series_fields(series_id) | loader().latest_state(series_id).to_dict()
