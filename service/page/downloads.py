"""Downloads of charts and tables (CSV, PNG, metadata), embeddable charts, and the feed."""

__all__ = ["blueprint"]

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from service.answers.errors import BadQuestion, NoAnswer, NotFound
from service.answers.figures import revisions
from service.answers.headline import headline
from service.answers.issues import list_issues
from service.core.files import csv_text
from service.page.exhibits import Exhibit, icon_png, metadata_of, png_of
from service.page.page_params import PageParams
from service.page.pages import (
    OF_ONE_FORECAST,
    citation,
    links_to,
    page_params,
    view_context,
    with_etag,
)

blueprint = Blueprint("downloads", __name__)
_VIEW = "<any(now, plan, record, compare):view>"
_FEED_ISSUES, _FEED_CORRECTIONS = 10, 30


@blueprint.get(f"/{_VIEW}/<name>.csv")
def table(view: str, name: str) -> Response:
    """Send the data of a chart or table as CSV."""
    params, exhibit, _ = _exhibit(view, name)
    kind = "text/csv; charset=utf-8; header=present"
    return _attachment(csv_text(exhibit.rows, exhibit.columns), kind, params, name, "csv")


@blueprint.get(f"/{_VIEW}/<name>.png")
def picture(view: str, name: str) -> Response:
    """Send a chart as PNG."""
    params, exhibit, _ = _exhibit(view, name)
    if exhibit.drawing is None:
        raise NotFound(f"{name!r} is a table and has no picture; its numbers are in {name}.csv")
    content = png_of(exhibit, citation(params, view, exhibit))
    return _attachment(content, "image/png", params, name, "png")


@blueprint.get(f"/{_VIEW}/<name>.metadata.json")
def metadata(view: str, name: str) -> Response:
    """Describe the columns of a table, its source, licence and forecast."""
    params, exhibit, _ = _exhibit(view, name)
    issue, route = params.view.issue, params.loader.route
    licence_url = exhibit.licence_url or route.licence_url
    facts: dict[str, Any] = {
        "dc:source": exhibit.credit or route.attribution,
        "dc:license": {"@id": licence_url} if licence_url else route.licence,
        "dc:bibliographicCitation": citation(params, view, exhibit),
    }
    days = [str(row[key]) for row in exhibit.rows for key in ("date", "from", "to") if row.get(key)]
    if days:
        facts["schema:temporalCoverage"] = f"{min(days)}/{max(days)}"
    if view in OF_ONE_FORECAST:
        facts |= {"dc:issued": issue.issued_at.isoformat(), "dc:identifier": issue.issue_id}
    content = metadata_of(exhibit, params.declared.unit, _filename(params, name, "csv"), facts)
    return _attachment(
        json.dumps(content, indent=1), "application/json", params, name, "metadata.json"
    )


@blueprint.get(f"/embed/{_VIEW}/<name>")
def embed(view: str, name: str) -> Response:
    """Show one chart alone, for embedding in another page."""
    params, exhibit, inputs = _exhibit(view, name)
    if exhibit.drawing is None:
        raise NotFound(f"{name!r} is a table; only charts can be embedded")
    page = links_to(params, view, exhibit, inputs)["page"]
    text = render_template(
        "embed.html",
        one=exhibit,
        page=page,
        view=params.view,
        reasons=params.reasons,
        is_of_one_forecast=view in OF_ONE_FORECAST,
    )
    return with_etag(make_response(text))


@blueprint.get("/feed.atom")
def feed() -> Response:
    """Send new forecasts and corrections of a series (RFC 4287)."""
    params = page_params()
    _ = params.view  # raises NotReady if nothing is published
    text = render_template(
        "feed.xml",
        params=params,
        route=params.loader.route,
        address=params.loader.context.settings.address,
        entries=_entries(params),
    )
    return with_etag(Response(text, content_type="application/atom+xml; charset=utf-8"))


@blueprint.get("/favicon.ico")
@blueprint.get("/apple-touch-icon.png")
def icon() -> Response:
    """Send the icon as PNG, for browsers that request these names."""
    answer = with_etag(Response(icon_png(), content_type="image/png"))
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


def _exhibit(view: str, name: str) -> tuple[PageParams, Exhibit, Mapping[str, Any]]:
    params = page_params()
    context = view_context(view, params)
    for field, detail in context["errors"].items():
        raise BadQuestion(field, detail)
    exhibits = context["exhibits"]
    if name not in exhibits:
        raise NotFound(f"expected one of {', '.join(exhibits) or 'no charts yet'}, found {name!r}")
    return params, exhibits[name], context["inputs"]


def _filename(params: PageParams, name: str, form: str) -> str:
    return f"{params.series_id}-{name}-{params.issued_on}.{form}"


def _attachment(
    content: str | bytes, kind: str, params: PageParams, name: str, form: str
) -> Response:
    answer = Response(content, content_type=kind)
    filename = _filename(params, name, form)
    answer.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return with_etag(answer)


def _entries(params: PageParams) -> list[dict[str, Any]]:
    """Return the last forecasts and corrections of a series, newest first.

    Each has ``updated``; and ``issue_id`` with its ``headline``, None if it is too short to have
    one, or ``revision``.
    """
    loader, series_id = params.loader, params.series_id
    rows: list[dict[str, Any]] = []
    for issue in list_issues(loader, series_id, _FEED_ISSUES)[0]:
        of_issue = replace(params, issue_id=issue["issue_id"])
        summary = loader.compute_once(("feed", issue["issue_id"]), partial(_summary, of_issue))
        rows.append({**issue, "updated": issue["issued_at"], "headline": summary})
    revised = [row for row in revisions(loader, series_id)["rows"] if row["ruled"]]
    rows += [{"updated": row["known_at"], "revision": row} for row in revised[-_FEED_CORRECTIONS:]]
    return sorted(rows, key=lambda row: str(row["updated"]), reverse=True)


def _summary(params: PageParams) -> dict[str, Any] | None:
    """Return the numbers of a headline without its sentence, which changes as figures arrive."""
    try:
        numbers = headline(params.loader, params.view)
    except NoAnswer:
        return None
    names = ("from", "to", "median", "lo80", "hi80")
    return {name: numbers[name] for name in names} | {
        "data_through": params.view.issue.data_through
    }
