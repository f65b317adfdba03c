"""The pages Now, Plan, Track record and About."""

from __future__ import annotations

__all__ = ["blueprint"]

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    send_from_directory,
    url_for,
)

from service.answers.alarms import record_alarms
from service.answers.issue_loader import IssueLoader
from service.answers.issues import first_day, listing
from service.answers.state import CURRENT_STATE_REASONS
from service.answers.wording import FILTERS
from service.core.clock import uk_day
from service.page.explanation import reasons
from service.page.now import what_is_coming
from service.page.page_params import FIELDS, PageParams, Plan, read_page_params
from service.page.plan import answer_plan, has_places, plan_table
from service.page.track_record import past_forecasts

blueprint = Blueprint("page", __name__, template_folder="templates")
VIEWS = (
    ("now", "Now"),
    ("plan", "Plan"),
    ("record", "Track record"),
    ("about", "About"),
)
_STATIC = Path(__file__).parent / "static"
_A_YEAR_SECONDS = 365 * 86400
_RECENT = 8
_marks: dict[str, str] = {}

for _name, _filter in FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)


def _static(filename: str) -> str:
    """Return the URL of a static file, with a hash of its content for caching."""
    if filename not in _marks:
        content = (_STATIC / filename).read_bytes()
        _marks[filename] = hashlib.sha256(content).hexdigest()[:12]
    return url_for("page.static", filename=filename, v=_marks[filename])


@blueprint.get("/static/<path:filename>")
def static(filename: str) -> Response:
    """Send a static file."""
    answer = send_from_directory(_STATIC, filename)
    answer.direct_passthrough = False
    answer.make_sequence()  # a file that is streamed is not compressed
    asked_for = request.args.get("v")
    if asked_for and asked_for == _marks.get(filename, asked_for):
        answer.headers["Cache-Control"] = f"public, max-age={_A_YEAR_SECONDS}, immutable"
    return answer


@blueprint.get("/")
def now() -> Response:
    """Show the forecast."""
    params = _page_params()
    return _page("now.html", params, **what_is_coming(params), **reasons(params))


@blueprint.get("/plan")
def plan() -> Response:
    """Answer a planner's own question."""
    params = _page_params()
    question = Plan.read(request.args, params.declared)
    answers = {} if question.wrong else answer_plan(params.view, question.numbers)
    status = 400 if question.wrong else 200
    return _page("plan.html", params, status, fields=FIELDS, plan=question, **answers)


@blueprint.get("/plan.csv")
def plan_csv() -> Response:
    """Send the plan as CSV, one row a day."""
    params = _page_params()
    question = Plan.read(request.args, params.declared)
    if question.wrong:
        return _page("plan.html", params, fields=FIELDS, plan=question, status=400)
    rows = plan_table(params.view, question.numbers)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    answer = Response(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = (
        f'attachment; filename="{params.view.issue.issue_id}.csv"'
    )
    return _tagged(answer)


@blueprint.get("/record")
def record() -> Response:
    """Show how accurate past forecasts were."""
    params = _page_params()
    return _page("record.html", params, **past_forecasts(params, request.args.get("window", "26")))


@blueprint.get("/about")
def about() -> Response:
    """Show the page About, which needs no forecast."""
    contact = _loader().context.settings.contact
    return _tagged(make_response(render_template("about.html", contact=contact, **_frame())))


def _loader() -> IssueLoader:
    loader: IssueLoader = current_app.extensions["loader"]
    return loader


def _page_params() -> PageParams:
    return read_page_params(_loader(), request.args)


@blueprint.app_context_processor
def _names() -> dict[str, Any]:
    return {"static_file": _static, "views": VIEWS, "here": "", "kept": {}}


def _frame(params: PageParams | None = None) -> dict[str, Any]:
    """Return the template context that all pages share."""
    return {
        "params": params,
        "route": _loader().route,
        "here": (request.endpoint or "").removeprefix("page.").removesuffix("_csv"),
        "kept": params.link() if params else {},
    }


def _page(template: str, params: PageParams, status: int = 200, **more: Any) -> Response:
    loader, view = params.loader, params.view
    frame = _frame(params) | {
        "view": view,
        "issue": view.issue,
        "unit": view.declared.unit,
        "has_places": has_places(view),
        "issued_on": uk_day(view.issue.issued_at),
        "today": uk_day(loader.clock()),
        "first_day": first_day(loader, params.series_id),
        "issues": listing(loader, params.series_id, _RECENT)[0],
        "reasons": _reasons(params),
        "alarms": [] if params.is_past else record_alarms(loader, params.series_id),
    }
    return _tagged(make_response(render_template(template, **frame, **more), status))


def _reasons(params: PageParams) -> list[Any]:
    """Return the reasons of the state; a past issue has none about the present."""
    about_today = CURRENT_STATE_REASONS if params.is_past else frozenset()
    return [r for r in params.view.state.reasons if r.name not in about_today]


def _tagged(answer: Response) -> Response:
    """Add an ETag, so that browsers revalidate."""
    if answer.status_code == 200:
        answer.headers["Cache-Control"] = "no-cache"
        answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:32])
        answer.make_conditional(request)
    else:
        answer.headers["Cache-Control"] = "no-store"
    return answer
