"""Downloads of charts and tables (CSV, PNG, metadata), embeddable charts, and the feed."""

__all__ = ["blueprint"]

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from service.answers.errors import BadQuestion, NoAnswer, NotFound
from service.answers.figures import revisions
from service.answers.headline import headline
from service.answers.issues import list_issues
from service.core.files import csv_text
from service.page.exhibits import Exhibit, metadata_of, png_of
from service.page.page_params import PageParams, read_page_params
from service.page.pages import PageView, read_view, with_etag

blueprint = Blueprint("downloads", __name__)
_VIEW = "<any(now, plan, record, compare):view>"
_FEED_ISSUES, _FEED_CORRECTIONS = 10, 30


@blueprint.get(f"/{_VIEW}/<name>.csv")
def table(view: str, name: str) -> Response:
    """Send the data of a chart or table as CSV."""
    shown, exhibit = _exhibit(view, name)
    kind = "text/csv; charset=utf-8; header=present"
    return _attachment(shown, f"{name}.csv", kind, csv_text(exhibit.rows, exhibit.columns))


@blueprint.get(f"/{_VIEW}/<name>.png")
def picture(view: str, name: str) -> Response:
    """Send a chart as PNG."""
    shown, exhibit = _exhibit(view, name)
    if exhibit.drawing is None:
        raise NotFound(f"{name!r} is a table and has no picture; its numbers are in {name}.csv")
    return _attachment(shown, f"{name}.png", "image/png", png_of(exhibit, shown.cite(exhibit)))


@blueprint.get(f"/{_VIEW}/<name>.metadata.json")
def metadata(view: str, name: str) -> Response:
    """Describe the columns of a table, its source, licence and forecast."""
    shown, exhibit = _exhibit(view, name)
    forecast, route = shown.params.view, shown.params.loader.route
    licence_url = exhibit.licence_url or route.licence_url
    facts: dict[str, Any] = {
        "dc:source": exhibit.credit or route.attribution,
        "dc:license": {"@id": licence_url} if licence_url else route.licence,
        "dc:bibliographicCitation": shown.cite(exhibit),
    }
    days = [str(row[key]) for row in exhibit.rows for key in ("date", "from", "to") if row.get(key)]
    if days:
        facts["schema:temporalCoverage"] = f"{min(days)}/{max(days)}"
    if shown.is_of_one_forecast:
        issue = forecast.issue
        facts |= {"dc:issued": issue.issued_at.isoformat(), "dc:identifier": issue.issue_id}
    url = _filename(shown, f"{name}.csv")
    content = json.dumps(metadata_of(exhibit, forecast.declared.unit, url, facts), indent=1)
    return _attachment(shown, f"{name}.metadata.json", "application/json", content)


@blueprint.get(f"/embed/{_VIEW}/<name>")
def embed(view: str, name: str) -> Response:
    """Show one chart alone, for embedding in another page."""
    shown, exhibit = _exhibit(view, name)
    if exhibit.drawing is None:
        raise NotFound(f"{name!r} is a table; only charts can be embedded")
    text = render_template(
        "embed.html",
        one=exhibit,
        page=shown.links(exhibit)["page"],
        params=shown.params,
        is_of_one_forecast=shown.is_of_one_forecast,
    )
    return with_etag(make_response(text))


@blueprint.get("/feed.atom")
def feed() -> Response:
    """Send new forecasts and corrections of a series (RFC 4287)."""
    params = read_page_params()
    text = render_template(
        "feed.xml",
        view=params.view,
        route=params.loader.route,
        address=params.loader.context.settings.address,
        entries=_entries(params),
    )
    return with_etag(Response(text, content_type="application/atom+xml; charset=utf-8"))


def _exhibit(view: str, name: str) -> tuple[PageView, Exhibit]:
    shown = read_view(view)
    for field, detail in shown.context["errors"].items():
        raise BadQuestion(field, detail)
    exhibits = shown.context["exhibits"]
    if name not in exhibits:
        raise NotFound(f"expected one of {', '.join(exhibits) or 'no charts yet'}, found {name!r}")
    return shown, exhibits[name]


def _filename(shown: PageView, file: str) -> str:
    """Return the name of a download: the series, its `file`, and the day of the forecast."""
    name, _, form = file.partition(".")
    return f"{shown.params.series_id}-{name}-{shown.params.issued_on}.{form}"


def _attachment(shown: PageView, file: str, kind: str, content: str | bytes) -> Response:
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{_filename(shown, file)}"'
    return with_etag(answer)


def _entries(params: PageParams) -> list[dict[str, Any]]:
    """Return the last forecasts and corrections of a series, newest first.

    Each has ``updated``, and ``revision`` or ``issue_id`` with its ``headline``: only the numbers
    of that never change. It is None if the forecast is too short to have one.
    """
    loader, series_id = params.loader, params.series_id
    rows: list[dict[str, Any]] = []
    for issue in list_issues(loader, series_id, _FEED_ISSUES)[0]:
        of_issue = replace(params, issue_id=issue["issue_id"])
        numbers = loader.compute_once(("feed", issue["issue_id"]), partial(_headline, of_issue))
        rows.append({**issue, "updated": issue["issued_at"], "headline": numbers})
    revised = [row for row in revisions(loader, series_id)["rows"] if row["ruled"]]
    rows += [{"updated": row["known_at"], "revision": row} for row in revised[-_FEED_CORRECTIONS:]]
    return sorted(rows, key=lambda row: str(row["updated"]), reverse=True)


def _headline(params: PageParams) -> dict[str, Any] | None:
    with suppress(NoAnswer):
        return headline(params.loader, params.view)
    return None
