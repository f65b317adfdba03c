"""``/v1/series``: published forecasts, the chart table, single numbers and scenarios."""

from __future__ import annotations

__all__ = ["blueprint"]

from typing import Any
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import Response, request

from service.answers import gauges, scenario
from service.answers import issues as issue_answers
from service.answers import panel as panels
from service.answers.issue_loader import IssueView
from service.api import answer_schemas, queries, request_bodies, schemas
from service.api.media_types import JSON
from service.api.representation import chosen, render, reply, represent
from service.api.responses import (
    about,
    head,
    horizon_of,
    loader,
    of_series,
    question,
    question_of_issue,
)

blueprint = APIBlueprint(
    "published",
    __name__,
    url_prefix="/v1/series",
    tag={"name": "Issues", "description": "Published forecasts; charts, alerts and scenarios."},
)


@question(blueprint, "issues", queries.IssuesQuery, schemas.Issues)
def issues(series_id: str, asked: queries.IssuesQuery) -> Response:
    """List the published forecasts of a series, newest first, one page at a time."""
    rows, after = issue_answers.listing(loader(), series_id, asked.limit, asked.after)
    body = of_series(series_id) | {"next": after, "rows": rows}
    answer = represent(body, columns=schemas.IssueRow.model_fields)
    if after:
        following = urlencode(request.args.to_dict() | {"after": after})
        answer.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    return answer


@question(blueprint, "issues/<issue_id>", queries.NoQuery, schemas.IssueDetails)
def issue(series_id: str, issue_id: str, asked: queries.NoQuery) -> Response:  # noqa: ARG001
    """Get one published forecast, without its paths (immutable)."""
    kind = chosen(table=False)
    body = of_series(series_id) | issue_answers.one(loader(), series_id, issue_id)
    return reply(render(body, kind), immutable=True)


@question(blueprint, "panel", queries.PanelQuery, answer_schemas.Panel)
def panel(series_id: str, asked: queries.PanelQuery) -> Response:
    """Return past figures and forecast days in one table, for charts."""

    def answer(view: IssueView) -> dict[str, Any]:
        return {"rows": panels.panel(loader(), view, asked.first, asked.last, asked.as_of)}

    version = loader().figures_version()
    return about(series_id, asked, answer, columns=panels.COLUMNS, beside=version)


@question_of_issue(blueprint, "gauges/chance", queries.ChanceQuery, answer_schemas.Chance)
def chance(view: IssueView, asked: queries.ChanceQuery) -> dict[str, Any]:
    """Return the chance that a run of days exceeds a total, in one row for alerts."""
    threshold = view.declared.week_threshold if asked.threshold is None else asked.threshold
    return {"rows": [gauges.chance(view, threshold, asked.window, horizon_of(asked, view))]}


@question(blueprint, "gauges/age", queries.TableQuery, answer_schemas.Age)
def age(series_id: str, asked: queries.TableQuery) -> Response:  # noqa: ARG001
    """Return the age of the latest forecast and figures, in one row for alerts."""
    view = loader().view(series_id)
    address = loader().context.settings.address
    rows = [gauges.age(view, loader().clock()) | {"page": address}]
    return represent(head(view) | {"rows": rows}, max_age_seconds=0)


@blueprint.post("/<series_id>/scenarios")
@blueprint.input(request_bodies.ScenarioBody, location="json")
@blueprint.output(answer_schemas.ScenarioAnswer)
def scenarios(series_id: str, json_data: request_bodies.ScenarioBody) -> Response:
    """Compute a what-if beside the unchanged forecast; nothing is stored."""
    asked = json_data
    chosen(table=False)
    view = loader().view(series_id, asked.issue, asked.model, asked.as_of, asked.first)
    found = scenario.scenario(
        loader(),
        view,
        asked.horizon,
        asked.levels,
        level_percent=asked.level_percent,
        people_per_boat=asked.people_per_boat,
        weather=asked.weather,
    )
    answer = reply(render(head(view) | found, JSON))
    answer.headers["Cache-Control"] = "no-store"
    return answer
