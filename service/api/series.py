"""``/v1/series``: figures, forecasts, totals and briefings."""

__all__ = ["blueprint"]

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import Field

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
from service.api import answer_schemas, query_types, schemas
from service.api.questions import WhichQuery, question, question_of_issue
from service.api.responses import loader, series_fields

blueprint = APIBlueprint(
    "series",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Series", "description": "Figures, forecasts, totals and briefings."},
)

_Format = Literal["json", "csv", "records", "ndjson", "hubverse"] | None
_FORMAT = (
    "As elsewhere, or `hubverse`: 23 quantiles and 100 sample paths of each day after the figures "
    "as CSV."
)
_OWN_PERIOD = "Last day of your own period, which starts at `from`."
_CERTAINTY = "Probability that there are enough places."
_SINCE = "ID of an earlier issue. Default: the one before."
_KIND = "`live`, or `hindcast`: past days forecast afterwards from the figures known then."


@question(blueprint, "", schemas.Catalogue)
def list_series() -> dict[str, Any]:
    """List the available series."""
    rows = status.catalogue(loader())
    attributions = dict.fromkeys(row["attribution"] for row in rows)
    return {"attribution": " ".join(attributions), "rows": rows}


@question(blueprint, "/<series_id>/observations", schemas.Observations)
def get_observations(
    series_id: str,
    first: Annotated[query_types.Day | None, Field(alias="from", description="First day.")] = None,
    last: Annotated[query_types.Day | None, Field(alias="to", description="Last day.")] = None,
    as_of: query_types.KnownAt = None,
) -> dict[str, Any]:
    """Return the published figures."""
    rows = figures.figures(loader(), series_id, first, last, as_of)
    return _figures_fields(series_id) | {"rows": rows}


@question(blueprint, "/<series_id>/revisions", schemas.Revisions)
def get_revisions(series_id: str) -> dict[str, Any]:
    """List revised figures."""
    return _figures_fields(series_id) | figures.revisions(loader(), series_id)


@question_of_issue(blueprint, "forecast", answer_schemas.Forecast)
def get_forecast(
    view: IssueView,
    format: Annotated[_Format, Field(description=_FORMAT)] = None,
    first: query_types.From = None,
    horizon: query_types.Horizon = 28,
    levels: query_types.Levels = (50, 80, 95),
) -> dict[str, Any]:
    """Return the median and ranges of each coming day."""
    if format != "hubverse":
        rows = bands.bands(view.ahead, horizon, levels, view.declared)
        return {"levels": list(levels), "rows": rows}
    if first:
        raise BadQuestion("from", "none with format=hubverse, which has an origin", first)
    return {"from": str(view.paths.start), "rows": hubverse.hubverse(view, horizon)}


@question_of_issue(blueprint, "totals", answer_schemas.Totals)
def get_totals(
    view: IssueView,
    first: query_types.From = None,
    periods: query_types.Periods = None,
    last: Annotated[query_types.Day | None, Field(alias="to", description=_OWN_PERIOD)] = None,
    levels: query_types.Levels = (50, 80, 95),
) -> dict[str, Any]:
    """Return totals of named periods, or of a period of your own."""
    if last and periods is not None:
        raise BadQuestion("query", "expected `periods` or `to`, not both")
    if last:
        first = first or view.ahead.first
        rows = totals.total_between(view.observed, view.paths, first, last, levels)
    else:
        rows = totals.periods(view.observed, view.ahead, periods or totals.PERIODS, levels)
    return {"levels": list(levels), "rows": rows}


@question_of_issue(blueprint, "year-so-far", answer_schemas.YearSoFar)
def get_year_so_far(view: IssueView, levels: query_types.Levels = (50, 80, 95)) -> dict[str, Any]:
    """Return totals since 1 January by day, published then simulated, with earlier years."""
    answer = totals.year_so_far(view.observed, view.ahead, levels)
    return {"levels": list(levels)} | answer


@question_of_issue(blueprint, "exceedance", answer_schemas.Exceedance)
def get_exceedance(
    view: IssueView,
    horizon: query_types.Horizon = 28,
    last: query_types.To = None,
    threshold: query_types.Threshold = None,
    window: query_types.Window = 1,
    our_share: query_types.OurShare = 100,
) -> dict[str, Any]:
    """Return the chance that each day, or run of days, exceeds a threshold."""
    threshold = view.declared.day_threshold if threshold is None else threshold
    horizon = view.ahead.horizon_to(last) if last else horizon
    answer = exceedance.exceedance(view.ahead, threshold, window, horizon, our_share)
    return {"our_share": our_share} | answer


@question_of_issue(blueprint, "capacity", answer_schemas.Capacity)
def get_capacity(
    view: IssueView,
    horizon: query_types.Horizon = 28,
    last: query_types.To = None,
    stay_days: Annotated[int, Field(ge=1, le=400, description="Days that each person stays.")] = 4,
    share: Annotated[float, Field(ge=0.5, le=0.999, description=_CERTAINTY)] = 0.9,
    our_share: query_types.OurShare = 100,
    levels: query_types.Levels = (50, 80, 95),
) -> dict[str, Any]:
    """Return the number of people present, and of places needed."""
    horizon = view.ahead.horizon_to(last) if last else horizon
    answer = capacity.capacity(
        view.observed, view.ahead, stay_days, share, horizon, levels, our_share
    )
    return {"our_share": our_share} | answer


@question_of_issue(blueprint, "quiet", answer_schemas.Quiet)
def get_quiet(view: IssueView, horizon: query_types.Horizon = 28) -> dict[str, Any]:
    """Return the longest quiet spell and the number of quiet days."""
    return quiet.quiet(view.ahead, horizon)


@question_of_issue(blueprint, "explanation", answer_schemas.Explanation, WhichQuery)
def get_explanation(view: IssueView, first: query_types.From = None) -> dict[str, Any]:  # noqa: ARG001
    """Return the drivers of the forecast: season, level, yesterday, weekday, weather."""
    return explanation.explanation(loader(), view)


@question_of_issue(blueprint, "changes", answer_schemas.Changes, WhichQuery)
def get_changes(
    view: IssueView, since: Annotated[query_types.Name | None, Field(description=_SINCE)] = None
) -> dict[str, Any]:
    """Return the changes since an earlier forecast, and their causes."""
    return changes.changes(loader(), view, since)


@question(blueprint, "/<series_id>/track-record", schemas.TrackRecord)
def get_track_record(
    series_id: str,
    window: query_types.Weeks = 26,
    model: query_types.ModelName = "champion",
    kind: Annotated[Literal["live", "hindcast"], Field(description=_KIND)] = "live",
) -> dict[str, Any]:
    """Return the accuracy of past forecasts."""
    answer = track_record.track_record(loader(), series_id, window, model, kind)
    return answer | series_fields(series_id)


@question(blueprint, "/<series_id>/comparison", answer_schemas.Comparison)
def get_comparison(
    series_id: str, days: query_types.Days = None, models: query_types.Models = ("champion",)
) -> dict[str, Any]:
    """Compare past forecasts with each other and with the outcomes."""
    answer = comparison.compare_days(loader(), series_id, days or (), models)
    return series_fields(series_id) | answer


@question(blueprint, "/<series_id>/briefing", schemas.Briefing)
def get_briefing(series_id: str, as_of: query_types.KnownAt = None) -> dict[str, Any]:
    """Compare the last day, the last 7 days and the year so far with earlier years."""
    return briefing.briefing(loader(), series_id, as_of) | _figures_fields(series_id)


def _figures_fields(series_id: str) -> dict[str, Any]:
    """Return the common fields of all answers about figures and whether they are up to date."""
    return series_fields(series_id) | loader().latest_state(series_id).to_dict()
