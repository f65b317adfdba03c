"""Query parameters of the pages: series and issue."""

__all__ = ["PageParams", "read_day", "read_page_params", "requested_loader"]

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import current_app, request

from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.issues import issue_id_of_day
from service.answers.state import LASTING, Reason
from service.core.clock import parse_date


@dataclass(frozen=True)
class PageParams:
    """The requested series and issue."""

    loader: IssueLoader
    series_id: str
    issue_id: str  # latest, or the id of an older issue
    first: dt.date | None = None  # first day to show of an older issue

    @cached_property
    def view(self) -> IssueView:
        """The requested issue."""
        view = self.loader.view(self.series_id, self.issue_id, first=self.first)
        first = self.loader.route.day(view.issue.issued_at)
        is_chosen = self.first or not self.is_past or view.issue.kind != "live"
        if is_chosen or first <= view.first:
            return view
        # Its readers saw it from the day of issue on, not from the day after its figures.
        return self.loader.view(self.series_id, self.issue_id, first=first)

    @property
    def is_past(self) -> bool:
        """Whether a newer issue exists."""
        return self.issue_id != "latest"

    @property
    def issued_on(self) -> dt.date:
        """The day on which the forecast was published."""
        return self.loader.route.day(self.view.issue.issued_at)

    @property
    def reasons(self) -> list[Reason]:
        """Reasons of the state; for a past issue, none about the present."""
        reasons = self.view.state.reasons
        return [one for one in reasons if not self.is_past or one.name == LASTING]

    @property
    def latest_link(self) -> dict[str, Any]:
        """The query parameters of a link to the same series."""
        is_usual = self.series_id == self.loader.context.routes[0].leading
        return {} if is_usual else {"series": self.series_id}

    @property
    def link(self) -> dict[str, Any]:
        """The query parameters of a link to the same series and issue."""
        first = {"from": self.first} if self.first else {}
        return self.latest_link | ({"issue": self.issue_id} | first if self.is_past else {})


def requested_loader() -> IssueLoader:
    """Return the loader for the route of the requested ``series``, or else for the first route."""
    loader: IssueLoader = current_app.extensions["loader"]
    return loader.for_series(request.args.get("series", ""))


def read_page_params() -> PageParams:
    """Read ``series``, and ``issue`` (an id) or ``on`` (a day); the newest issue without either.

    ``from`` is the first day shown of an issue by id.
    """
    loader, args = requested_loader(), request.args
    series_id = args.get("series") or loader.route.leading
    loader.check_series(series_id)
    issue_id, first = args.get("issue") or "latest", None
    if issue_id != "latest":
        newest = loader.view(series_id)
        first = read_day("from", args["from"]) if args.get("from") else None
        if newest.issue.issue_id == issue_id and first in (None, newest.first):
            issue_id, first = "latest", None
    elif args.get("on"):
        issue_id = issue_id_of_day(loader, series_id, read_day("on", args["on"]))
    return PageParams(loader, series_id, issue_id, first)


def read_day(name: str, text: str) -> dt.date:
    """Read a parameter that is a day; raises `BadQuestion` if it is not."""
    try:
        return parse_date(text)
    except ValueError:
        raise BadQuestion(name, "a day such as 2026-01-02", repr(text[:40])) from None
