"""``/v1/series``: published forecasts, the chart table, single numbers and scenarios."""

__all__ = ["blueprint"]

import datetime as dt
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from service.answers import exceedance, scenario, status
from service.answers import issues as issue_answers
from service.answers import panel as panels
from service.answers.ahead import MOST_HORIZON
from service.answers.bands import Level
from service.answers.issue_loader import IssueView
from service.api import answer_schemas, queries, schemas
from service.api.media_types import JSON
from service.api.query_types import DATE, Day, Moment
from service.api.representation import choose_format, loader, render, reply, represent
from service.api.responses import (
    answer_about_issue,
    horizon_of,
    issue_fields,
    question,
    question_of_issue,
    series_fields,
)

blueprint = APIBlueprint(
    "published",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Issues", "description": "Published forecasts; charts, alerts and scenarios."},
)


@question(blueprint, "issues", queries.IssuesQuery, schemas.Issues)
def issues(series_id: str, query: queries.IssuesQuery) -> Response:
    """List the published forecasts of a series, newest first, one page at a time."""
    rows, after = issue_answers.list_issues(loader(), series_id, query.limit, query.after)
    body = series_fields(series_id) | {"next": after, "rows": rows}
    answer = represent(body, columns=schemas.IssueRow.model_fields)
    if after:
        following = urlencode(request.args.to_dict() | {"after": after})
        answer.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    return answer


@question(blueprint, "issues/<issue_id>", queries.NoQuery, schemas.IssueDetails)
def issue(series_id: str, issue_id: str, query: queries.NoQuery) -> Response:  # noqa: ARG001
    """Get one published forecast, without its paths (immutable)."""
    kind = choose_format(table=False)
    body = series_fields(series_id) | issue_answers.describe_issue(loader(), series_id, issue_id)
    return reply(render(body, kind), immutable=True)


@question(blueprint, "panel", queries.PanelQuery, answer_schemas.Panel)
def panel(series_id: str, query: queries.PanelQuery) -> Response:
    """Return past figures and forecast days in one table, for charts."""

    def answer(view: IssueView) -> dict[str, Any]:
        return {"rows": panels.panel(loader(), view, query.first, query.last, query.as_of)}

    version = loader().figures_version()
    return answer_about_issue(series_id, query, answer, columns=panels.COLUMNS, extra_key=version)


@question_of_issue(blueprint, "gauges/chance", queries.ChanceQuery, answer_schemas.Chance)
def chance(view: IssueView, query: queries.ChanceQuery) -> dict[str, Any]:
    """Return the chance that a run of days exceeds a threshold, in one row for alerts."""
    threshold = view.declared.week_threshold if query.threshold is None else query.threshold
    return {"rows": [exceedance.chance(view, threshold, query.window, horizon_of(query, view))]}


@question(blueprint, "gauges/age", queries.TableQuery, answer_schemas.Age)
def age(series_id: str, query: queries.TableQuery) -> Response:  # noqa: ARG001
    """Return the age of the latest forecast and figures, in one row for alerts."""
    view = loader().view(series_id)
    address = loader().context.settings.address
    rows = [status.age(view, loader().clock()) | {"page": address}]
    return represent(issue_fields(view) | {"rows": rows}, max_age_seconds=0)


def _by_day(value: Any) -> Any:
    """Accept JSON keys of the form ``YYYY-MM-DD`` only."""
    if isinstance(value, dict):
        invalid = [str(day)[:40] for day in value if not DATE.fullmatch(str(day))]
        if invalid:
            raise ValueError(f"expected dates such as 2026-01-05, found {invalid[0]!r}")
    return value


def _integer(value: Any) -> Any:
    """Accept 28.0, which is an integer in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(default: float | None, bounds: tuple[float, float], words: str) -> Any:
    """Return a field for a finite number within `bounds`, not text."""
    least, most = bounds
    return Field(default, strict=True, allow_inf_nan=False, ge=least, le=most, description=words)


class ScenarioBody(BaseModel):
    """Assumptions, at least one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level_percent: float = _number(
        0.0, scenario.LEVEL_PERCENT, "Change in the level of arrivals, in per cent."
    )
    people_per_boat: float | None = _number(
        None, scenario.PEOPLE_PER_BOAT, "Mean number of people per boat over the horizon."
    )
    weather: Annotated[
        dict[dt.date, Literal["calm", "mixed", "rough"]], BeforeValidator(_by_day)
    ] = Field(
        default_factory=dict,
        max_length=MOST_HORIZON,
        description="Weather by day, if the model uses weather.",
    )
    first: Day | None = Field(
        None, alias="from", description="First day of the answer, as for the forecast."
    )
    horizon: Annotated[int, BeforeValidator(_integer)] = Field(
        28, strict=True, ge=1, le=MOST_HORIZON, description="Number of days from `from` on."
    )
    levels: tuple[Level, ...] = Field(
        (50, 80, 95),
        json_schema_extra={"minItems": 1, "maxItems": 5, "uniqueItems": True},
        description="Levels of the central ranges in per cent, each once.",
    )
    issue: str = Field("latest", max_length=64, description="ID of an issue, or `latest`.")
    as_of: Moment | None = Field(None, description="The latest forecast at that time.")
    model: str = Field(
        "champion", max_length=64, description="A model of the forecast, or `champion`."
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if isinstance(data, dict):
            queries.refuse_unknown(cls, data, "keys")
        return data


@blueprint.post("/<series_id>/scenarios")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.input(ScenarioBody, location="json", arg_name="inputs")
@blueprint.output(answer_schemas.ScenarioAnswer)
def scenarios(series_id: str, inputs: ScenarioBody, query_data: queries.NoQuery) -> Response:  # noqa: ARG001
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
    answer = reply(render(issue_fields(view) | result, JSON))
    answer.headers["Cache-Control"] = "no-store"
    return answer
