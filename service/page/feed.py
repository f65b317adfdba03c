"""Entries of the Atom feed: forecasts as they are published, and corrections of figures."""

from __future__ import annotations

__all__ = ["entries"]

from functools import partial
from typing import Any

from service.answers.errors import NoAnswer
from service.answers.headline import headline
from service.answers.issues import listing
from service.answers.revisions import revisions
from service.page.page_params import PageParams

_ISSUES, _CORRECTIONS = 10, 30


def entries(params: PageParams) -> list[dict[str, Any]]:
    """Return the last forecasts and corrections of a series, newest first.

    Returns
    -------
    list of dict
        ``updated``; ``issue_id`` with its ``headline``, None where it is too short to have one; or
        ``revision``.
    """
    loader, series_id = params.loader, params.series_id
    rows: list[dict[str, Any]] = []
    for issue in listing(loader, series_id, _ISSUES)[0]:
        issue_id = issue["issue_id"]
        summary = loader.once(("feed", issue_id), partial(_summary, params, issue_id))
        rows.append({"updated": issue["issued_at"], "issue_id": issue_id, "headline": summary})
    revised = [row for row in revisions(loader, series_id)["rows"] if row["ruled"]]
    rows += [{"updated": row["known_at"], "revision": row} for row in revised[-_CORRECTIONS:]]
    return sorted(rows, key=lambda row: str(row["updated"]), reverse=True)


def _summary(params: PageParams, issue_id: str) -> dict[str, Any] | None:
    view = params.loader.view(params.series_id, issue_id)
    try:
        numbers = headline(params.loader, view)
    except NoAnswer:
        return None
    # Its sentence changes when the figures arrive; an entry does not.
    return {name: numbers[name] for name in ("from", "to", "median", "lo80", "hi80")}
