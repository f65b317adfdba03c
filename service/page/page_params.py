"""Query parameters of the pages: series, issue and the inputs of the plan."""

from __future__ import annotations

__all__ = ["FIELDS", "PageParams", "Field", "Plan", "read_day", "read_page_params"]

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.answers.ahead import LEAST_SHARE
from service.answers.errors import MOST_THRESHOLD, BadQuestion
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.issues import of_day
from service.answers.state import CURRENT_STATE_REASONS, Reason
from service.core.declared_series import Series

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_WHOLE = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[0-9]{1,3}[.][0-9]{1,2}")


@dataclass(frozen=True)
class PageParams:
    """The requested series and issue.

    Attributes
    ----------
    issue_id : str
        ``latest``, or the id of an older issue.
    """

    loader: IssueLoader
    series_id: str
    issue_id: str

    @cached_property
    def view(self) -> IssueView:
        """The requested issue."""
        return self.loader.view(self.series_id, self.issue_id)

    @property
    def declared(self) -> Series:
        """The declaration of the requested series."""
        return self.loader.route.series[self.series_id]

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
        about_today = CURRENT_STATE_REASONS if self.is_past else frozenset()
        return [one for one in self.view.state.reasons if one.name not in about_today]

    def link(self, **more: Any) -> dict[str, Any]:
        """Return the query parameters of a link to the same series and issue."""
        is_usual = self.series_id == self.loader.context.routes[0].leading
        series = {} if is_usual else {"series": self.series_id}
        return series | ({"issue": self.issue_id} if self.is_past else {}) | more


def read_page_params(loader: IssueLoader, args: Mapping[str, str]) -> PageParams:
    """Read ``series``, and ``issue`` (an id) or ``on`` (a day); the newest issue without either."""
    series_id = args.get("series") or loader.route.leading
    loader = loader.for_series(series_id)
    loader.check_series(series_id)
    issue_id = args.get("issue") or "latest"
    on = args.get("on", "")
    if on and issue_id == "latest":
        issue_id = of_day(loader, series_id, read_day("on", on))
    elif issue_id != "latest" and loader.view(series_id).issue.issue_id == issue_id:
        issue_id = "latest"
    return PageParams(loader, series_id, issue_id)


def read_day(name: str, text: str) -> dt.date:
    """Read a parameter that is a day; raises `BadQuestion` if it is not."""
    try:
        if _DAY.fullmatch(text):
            day = dt.date.fromisoformat(text)
            if dt.date.min < day < dt.date.max:  # the end of the day is converted to UTC
                return day
    except ValueError:
        pass
    raise BadQuestion(name, "a day such as 2026-01-02", repr(text[:40]))


@dataclass(frozen=True)
class Field:
    """An input of the form."""

    name: str
    label: str
    hint: str
    default: int
    least: float
    most: int
    step: float = 1


FIELDS = (
    Field("threshold", "Threshold", "{unit} of your share in a day", 0, 0, MOST_THRESHOLD),
    Field("window", "Number of days in a row", "1 to 28", 1, 1, 28),
    Field("stay_days", "Length of stay", "days that each person stays, 1 to 90", 4, 1, 90),
    Field("share", "How certain you need to be", "per cent, 50 to 99", 90, 50, 99),
    Field("horizon", "Number of days ahead", "7 to 90", 28, 7, 90),
    Field("our_share", "Our share", "per cent of all arrivals", 100, LEAST_SHARE, 100, LEAST_SHARE),
)


@dataclass(frozen=True)
class Plan:
    """The inputs as text, their values, and error messages by field."""

    texts: dict[str, str]
    numbers: dict[str, Any]
    wrong: dict[str, str]

    @classmethod
    def read(cls, args: Mapping[str, str], declared: Series) -> Plan:
        """Read the inputs, with defaults for missing ones."""
        plan = cls({}, {}, {})
        for field in FIELDS:
            usual = declared.day_threshold if field.name == "threshold" else field.default
            text = args.get(field.name, str(usual)).strip()[:40]
            plain, number = text.replace(",", ""), None
            if _WHOLE.fullmatch(plain) or (field.step < 1 and _DECIMAL.fullmatch(plain)):
                text, number = plain, float(plain) if "." in plain else int(plain)
            plan.texts[field.name] = text
            if number is not None and field.least <= number <= field.most:
                plan.numbers[field.name] = number
                continue
            kind = "whole number" if field.step == 1 else "number with at most two decimals"
            plan.wrong[field.name] = (
                f"{field.label.lower()} must be a {kind} from {field.least:,} to {field.most:,}, "
                f"like {usual:,}"
            )
        if not plan.wrong and plan.numbers["window"] > plan.numbers["horizon"]:
            plan.wrong["window"] = (
                f"number of days in a row must be at most {plan.numbers['horizon']}, the number of "
                "days ahead"
            )
        return plan
