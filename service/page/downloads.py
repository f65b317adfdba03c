"""Charts and tables to take away (CSV, PNG, metadata), a page to embed, and the feed."""

from __future__ import annotations

__all__ = ["blueprint"]

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from service.answers.errors import BadQuestion, NotFound
from service.page.exhibits import Exhibit, csv_of, metadata_of
from service.page.feed import entries
from service.page.page_params import PageParams
from service.page.pages import (
    OF_ONE_FORECAST,
    citation,
    context_of,
    links_to,
    page_params,
    reasons_of,
    tagged,
)
from service.page.picture import icon_png, png_of

blueprint = Blueprint("downloads", __name__)
_VIEW = "<any(now, plan, record, compare):view>"
_LICENCE = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"


@blueprint.get(f"/{_VIEW}/<name>.csv")
def table(view: str, name: str) -> Response:
    """Send the numbers of a chart or table."""
    params, exhibit, _ = _exhibit(view, name)
    answer = Response(csv_of(exhibit), content_type="text/csv; charset=utf-8; header=present")
    return _attached(answer, params, name, "csv")


@blueprint.get(f"/{_VIEW}/<name>.png")
def picture(view: str, name: str) -> Response:
    """Send a chart as a picture."""
    params, exhibit, _ = _exhibit(view, name)
    if exhibit.drawing is None:
        raise NotFound(f"{name!r} is a table and has no picture; its numbers are in {name}.csv")
    content = png_of(exhibit, citation(params, view, exhibit))
    return _attached(Response(content, content_type="image/png"), params, name, "png")


@blueprint.get(f"/{_VIEW}/<name>.metadata.json")
def metadata(view: str, name: str) -> Response:
    """Describe the columns of a table, its source, licence and forecast."""
    params, exhibit, _ = _exhibit(view, name)
    issue = params.view.issue
    facts: dict[str, Any] = {
        "dc:source": params.loader.route.attribution,
        "dc:license": {"@id": _LICENCE},
        "dc:bibliographicCitation": citation(params, view, exhibit),
    }
    days = [str(row[key]) for row in exhibit.rows for key in ("date", "from", "to") if row.get(key)]
    if days:
        facts["schema:temporalCoverage"] = f"{min(days)}/{max(days)}"
    if view in OF_ONE_FORECAST:
        facts |= {"dc:issued": issue.issued_at.isoformat(), "dc:identifier": issue.issue_id}
    content = metadata_of(exhibit, params.declared.unit, f"{_stem(params, name)}.csv", facts)
    answer = Response(json.dumps(content, indent=1), content_type="application/json")
    return _attached(answer, params, name, "metadata.json")


@blueprint.get(f"/embed/{_VIEW}/<name>")
def embed(view: str, name: str) -> Response:
    """Show one chart alone, for the frame of another page."""
    params, exhibit, asked = _exhibit(view, name)
    if exhibit.drawing is None:
        raise NotFound(f"{name!r} is a table; only charts can be embedded")
    page = links_to(params, view, exhibit, asked)["page"]
    text = render_template(
        "embed.html",
        one=exhibit,
        page=page,
        view=params.view,
        reasons=reasons_of(params),
        is_of_one_forecast=view in OF_ONE_FORECAST,
    )
    return tagged(make_response(text))


@blueprint.get("/feed.atom")
def feed() -> Response:
    """Send new forecasts and corrections of a series (RFC 4287)."""
    params = page_params()
    _ = params.view  # NotReady while nothing is published
    text = render_template(
        "feed.xml",
        params=params,
        route=params.loader.route,
        address=params.loader.context.settings.address,
        entries=entries(params),
    )
    return tagged(Response(text, content_type="application/atom+xml; charset=utf-8"))


@blueprint.get("/favicon.ico")
@blueprint.get("/apple-touch-icon.png")
def icon() -> Response:
    """Send the icon as a picture, for browsers that ask for one by these names."""
    answer = tagged(Response(icon_png(), content_type="image/png"))
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


def _exhibit(view: str, name: str) -> tuple[PageParams, Exhibit, Mapping[str, Any]]:
    params = page_params()
    context = context_of(view, params)
    exhibits = context["exhibits"]
    wrong = context["plan"].wrong if view == "plan" else context.get("wrong", {})
    for field, detail in wrong.items():
        raise BadQuestion(field, detail)
    if name not in exhibits:
        raise NotFound(f"expected one of {', '.join(exhibits) or 'no charts yet'}, found {name!r}")
    return params, exhibits[name], context["asked"]


def _stem(params: PageParams, name: str) -> str:
    """Series, what, and the day on which the forecast was published."""
    return f"{params.series_id}-{name}-{params.issued_on}"


def _attached(answer: Response, params: PageParams, name: str, form: str) -> Response:
    filename = f"{_stem(params, name)}.{form}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return tagged(answer)
