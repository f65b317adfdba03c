"""Drivers of a forecast, and changes since the previous one."""

from __future__ import annotations

__all__ = ["reasons"]

from typing import Any

from service.answers.changes import CAUSE_NAMES, changes
from service.answers.errors import BadQuestion, NotFound
from service.answers.explanation import explanation
from service.page.exhibits import Exhibit
from service.page.page_params import PageParams

_NAMES = CAUSE_NAMES | {
    "season": "time of year",
    "recent_level": "level of recent weeks",
    "yesterday": "last few days",
    "day_of_week": "day of the week",
    "other": "other factors",
}


def reasons(params: PageParams) -> dict[str, Any]:
    """Return ``changed`` and ``driven``, None if not stored for the issue, and ``exhibits``."""
    tables = {"changed": _changed(params), "driven": _driven(params)}
    exhibits = [table["exhibit"] for table in tables.values() if table]
    return tables | {"exhibits": {one.name: one for one in exhibits}}


def _changed(params: PageParams) -> dict[str, Any] | None:
    try:
        comparison = changes(params.loader, params.view)
    except (NotFound, BadQuestion):
        return None
    columns = ("days", "before", *comparison["causes"], "after")
    title = "What changed since the last forecast"
    return _table(comparison, "causes", "before", "after") | {
        "since": comparison["since"],
        "exhibit": Exhibit("changes", title, comparison["totals"], columns),
    }


def _driven(params: PageParams) -> dict[str, Any] | None:
    try:
        answer = explanation(params.loader, params.view)
    except NotFound:
        return None
    columns = ("days", "yearly_mean", *answer["factors"], "mean")
    title = "What is driving this forecast"
    return _table(answer, "factors", "yearly_mean", "mean") | {
        "method": answer["method"],
        "exhibit": Exhibit("drivers", title, answer["totals"], columns),
    }


def _table(answer: dict[str, Any], parts: str, first: str, last: str) -> dict[str, Any]:
    """Return a row per part and a column per period, without parts that round to 0."""
    spans = [total for total in answer["totals"] if total["days"] > 1]
    most = max((abs(span[part]) for span in spans for part in answer[parts]), default=0)
    rows = [
        {"name": _NAMES.get(part, part.replace("_", " ")), "shares": [s[part] for s in spans]}
        for part in answer[parts]
    ]
    return {
        "spans": [span["days"] for span in spans],
        "first": [span[first] for span in spans],
        "rows": [row for row in rows if any(round(share) for share in row["shares"])],
        "last": [span[last] for span in spans],
        "moved": round(most) > 0,
    }
