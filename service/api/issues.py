"""``/v1/series``: published forecasts, the chart table, single numbers and scenarios."""

__all__ = ["blueprint"]

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from service.answers import exceedance, scenario, status
from service.answers import issues as issue_answers
from service.answers import panel as panels
from service.answers.ahead import MOST_HORIZON
from service.answers.bands import Level
from service.answers.issue_loader import IssueView
from service.api import answer_schemas, query_types, schemas
from service.api.media_types import JSON
from service.api.questions import Query, WhichQuery, question, question_of_issue
from service.api.responses import (
    choose_format,
    issue_fields,
    loader,
    render,
    reply,
    series_fields,
)

blueprint = APIBlueprint(
    "published",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Issues", "description": "Published forecasts; charts, alerts and scenarios."},
)

_IMMUTABLE = "max-age=31536000, immutable"
_BEGIN = "First day. Default: 60 days before the last figure."
_END = "Default: the 28th day from today."


@question(blueprint, "/<series_id>/issues", schemas.Issues)
def issues(
    series_id: str,
    limit: Annotated[int, Field(ge=1, le=500, description="Issues per page.")] = 100,
    after: Annotated[
        query_types.Name | None, Field(description="`next` of the previous page.")
    ] = None,
) -> dict[str, Any]:
    """List the published forecasts of a series, newest first, one page at a time."""
    rows, following = issue_answers.list_issues(loader(), series_id, limit, after)
    return series_fields(series_id) | {"next": following, "rows": rows}


@question(blueprint, "/<series_id>/issues/<issue_id>", schemas.IssueDetails, cache=_IMMUTABLE)
def issue(series_id: str, issue_id: str) -> dict[str, Any]:
    """Get one published forecast, without its paths (immutable)."""
    return series_fields(series_id) | issue_answers.describe_issue(loader(), series_id, issue_id)


@question_of_issue(blueprint, "panel", answer_schemas.Panel, WhichQuery, panels.COLUMNS)
def panel(
    view: IssueView,
    as_of: query_types.KnownAt = None,
    model: query_types.ModelName = "champion",  # noqa: ARG001  # the view is of it
    begin: Annotated[query_types.DayOf | None, Field(alias="from", description=_BEGIN)] = None,
    end: Annotated[query_types.DayOf | None, Field(alias="to", description=_END)] = None,
) -> dict[str, Any]:
    """Return past figures and forecast days in one table, for charts."""
    return {"rows": panels.panel(loader(), view, begin, end, as_of)}


@question_of_issue(blueprint, "gauges/chance", answer_schemas.Chance)
def chance(
    view: IssueView,
    horizon: query_types.Horizon = 7,
    last: query_types.To = None,
    threshold: query_types.Threshold = None,
    window: query_types.Window = 7,
) -> dict[str, Any]:
    """Return the chance that a run of days exceeds a threshold, in one row for alerts."""
    threshold = view.declared.week_threshold if threshold is None else threshold
    horizon = view.ahead.horizon_to(last) if last else horizon
    return {"rows": [exceedance.chance(view, threshold, window, horizon)]}


@question(blueprint, "/<series_id>/gauges/age", answer_schemas.Age, cache="max-age=0")
def age(series_id: str) -> dict[str, Any]:
    """Return the age of the latest forecast and figures, in one row for alerts."""
    view = loader().view(series_id)
    address = loader().context.settings.address
    rows = [status.age(view, loader().clock()) | {"page": address}]
    return issue_fields(view) | {"rows": rows}


def _integer(value: Any) -> Any:
    """Accept 28.0, which is an integer in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(default: float | None, bounds: tuple[float, float], words: str) -> Any:
    """Return a field for a number within `bounds`, not text."""
    return Field(default, strict=True, ge=bounds[0], le=bounds[1], description=words)


def _each_once(levels: tuple[int, ...]) -> tuple[int, ...]:
    if not levels or len(set(levels)) < len(levels):
        raise ValueError("expected some levels, each once")
    return levels


class ScenarioBody(Query):
    """Assumptions, at least one."""

    model_config = ConfigDict(extra="forbid")

    level_percent: float = _number(
        0.0, scenario.LEVEL_PERCENT, "Change in the level of arrivals, in per cent."
    )
    people_per_boat: float | None = _number(
        None, scenario.PEOPLE_PER_BOAT, "Mean number of people per boat over the horizon."
    )
    weather: dict[query_types.Day, Literal["calm", "mixed", "rough"]] = Field(
        default_factory=dict,
        max_length=MOST_HORIZON,
        description="Weather by day, if the model uses weather.",
    )
    first: query_types.Day | None = Field(
        None, alias="from", description="First day of the answer, as for the forecast."
    )
    horizon: Annotated[int, BeforeValidator(_integer)] = Field(
        28, strict=True, ge=1, le=MOST_HORIZON, description="Number of days from `from` on."
    )
    levels: Annotated[tuple[Level, ...], AfterValidator(_each_once)] = Field(
        (50, 80, 95),
        json_schema_extra={"minItems": 1, "maxItems": 5, "uniqueItems": True},
        description="Levels of the central ranges in per cent, each once.",
    )
    issue: query_types.IssueName = "latest"
    as_of: query_types.Moment | None = Field(None, description="The latest forecast at that time.")
    model: query_types.ModelName = "champion"


@blueprint.post("/<series_id>/scenarios")
@blueprint.input(Query, location="query")
@blueprint.input(ScenarioBody, location="json", arg_name="inputs")
@blueprint.output(answer_schemas.ScenarioAnswer)
def scenarios(series_id: str, inputs: ScenarioBody, query_data: Query) -> Response:  # noqa: ARG001
    """Compute a what-if beside the unchanged forecast; nothing is stored."""
    choose_format(table=False)
    view = loader().view(series_id, inputs.issue, inputs.model, inputs.as_of, inputs.first)
    result = scenario.scenario(
        loader(),
        view,
        inputs.horizon,
        inputs.levels,
        level_percent=inputs.level_percent,
        people_per_boat=inputs.people_per_boat,
        weather=inputs.weather,
    )
    return reply(render(issue_fields(view) | result, JSON), "no-store")
