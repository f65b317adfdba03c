"""The pages Now, Plan, Track record, Compare and About."""

__all__ = ["PageView", "blueprint", "read_view", "with_etag"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    make_response,
    render_template,
    request,
    send_from_directory,
    url_for,
)

from service.answers.alarms import record_alarms
from service.answers.issues import first_day
from service.answers.wording import FILTERS, status_name
from service.core.clock import format_day
from service.page.compare import compare_context
from service.page.exhibits import Exhibit
from service.page.now import now_context
from service.page.page_params import PageParams, read_page_params, requested_loader
from service.page.plan import plan_context
from service.page.track_record import track_record_context

blueprint = Blueprint("page", __name__, template_folder="templates")
VIEWS = {
    "now": "Now",
    "plan": "Plan",
    "record": "Track record",
    "compare": "Compare",
    "about": "About",
}
_CONTEXTS: dict[str, Callable[[PageParams, Mapping[str, str]], dict[str, Any]]] = {
    "now": now_context,
    "plan": plan_context,
    "record": track_record_context,
    "compare": compare_context,
}
_STATIC = Path(__file__).parent / "static"

for _name, _filter in FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)


@blueprint.app_context_processor
def _common_context() -> dict[str, Any]:
    """Return the template context that all pages share."""
    context = requested_loader().context
    return {
        "views": VIEWS,
        "here": (request.endpoint or "").removeprefix("page."),
        "to_route": context.to_route,
        "route": context.route,
        "routes": context.routes,
        "zone": context.route.zone,
        "contact": context.settings.contact,
        "has_mail": not context.settings.mail_fault,
    }


@blueprint.get("/static/<path:filename>")
def static(filename: str) -> Response:
    """Send a static file, which browsers revalidate."""
    answer = send_from_directory(_STATIC, filename)
    answer.direct_passthrough = False
    answer.make_sequence()  # streamed files are not compressed
    return answer


@blueprint.get("/favicon.ico")
@blueprint.get("/apple-touch-icon.png")
def icon() -> Response:
    """Send the icon as PNG, for browsers that request these names."""
    return static("icon.png")


@blueprint.get("/about")
def about() -> Response:
    """Show the page About, which needs no forecast."""
    return with_etag(make_response(render_template("about.html")))


@blueprint.get("/", endpoint="now")
@blueprint.get("/plan", endpoint="plan")
@blueprint.get("/record", endpoint="record")
@blueprint.get("/compare", endpoint="compare")
def page() -> Response:
    """Show a view of the forecast."""
    shown = read_view(str(request.endpoint).removeprefix("page."))
    params, loader, view = shown.params, shown.params.loader, shown.params.view
    text = render_template(
        f"{shown.name}.html",
        params=params,
        link_params=params.link,
        kept={k: v for k, v in shown.context["inputs"].items() if k in request.args},
        view=view,
        issue=view.issue,
        unit=view.declared.unit,
        today=loader.today(),
        first_day=first_day(loader, params.series_id),
        alarms=[] if params.is_past else record_alarms(loader, params.series_id),
        links=shown.links,
        cite=shown.cite,
        is_framed=bool(loader.context.settings.embed_origins),
        **shown.context,
    )
    return with_etag(make_response(text, 400 if shown.context["errors"] else 200))


@dataclass(frozen=True)
class PageView:
    """A view of the forecast: its name, its parameters and the context of its template.

    The context has ``exhibits`` by name, ``inputs`` and ``errors`` of inputs.
    """

    name: str
    params: PageParams
    context: Mapping[str, Any]

    @property
    def is_of_one_forecast(self) -> bool:
        """Whether all numbers come from the displayed forecast."""
        return self.name in ("now", "plan")

    def links(self, exhibit: Exhibit) -> dict[str, str]:
        """Return the URLs of an exhibit: ``csv png metadata.json page embed``.

        All refer to the displayed forecast, except ``embed``, which follows the latest.
        """
        params, inputs = self.params, self.context["inputs"]
        latest, shown = params.latest_link | inputs, params.link | inputs
        if self.is_of_one_forecast:
            shown = latest | {"issue": params.view.issue.issue_id, "from": params.view.first}
        query, stem = urlencode(shown), f"/{self.name}/{exhibit.name}"
        address = params.loader.context.settings.address
        return {
            **{form: f"{stem}.{form}?{query}" for form in ("csv", "png", "metadata.json")},
            "page": f"{url_for(f'page.{self.name}')}?{query}#{exhibit.name}",
            "embed": f"{address}/embed{stem}?{urlencode(latest)}".rstrip("?"),
        }

    def cite(self, exhibit: Exhibit) -> str:
        """Return how to cite an exhibit."""
        params, issue = self.params, self.params.view.issue
        context, route = params.loader.context, params.loader.route
        address = f"{context.settings.address}/?{urlencode(context.to_route)}".rstrip("/?")
        day = format_day(params.issued_on)
        if not self.is_of_one_forecast:
            which = f"As on {format_day(params.loader.today())}"
        elif issue.kind == "live":
            which = f"Forecast {issue.issue_id}, published {day}"
        else:
            which = f"Hindcast {issue.issue_id}, made afterwards as of {day}"
        through = format_day(issue.data_through)
        state = status_name(params.view.state.status).lower()
        warning = f" Status when downloaded: {state}." if params.reasons else ""
        return (
            f"{route.forecast_title}: {exhibit.title}. {which}, from figures to {through}."
            f"{warning} {address}. {exhibit.credit or route.credit}"
        )


def read_view(name: str) -> PageView:
    """Read the parameters of the request for a view.

    Raises `BadQuestion` if one is invalid; Plan and Compare return ``errors`` instead.
    """
    params = read_page_params()
    context = _CONTEXTS[name](params, request.args)
    exhibits = {exhibit.name: exhibit for exhibit in context.get("exhibits", ())}
    return PageView(name, params, {"inputs": {}, "errors": {}} | context | {"exhibits": exhibits})


def with_etag(answer: Response) -> Response:
    """Add an ETag, so that browsers revalidate."""
    if answer.status_code == 200:
        answer.headers["Cache-Control"] = "no-cache"
        answer.add_etag()
        answer.make_conditional(request)
    else:
        answer.headers["Cache-Control"] = "no-store"
    return answer
