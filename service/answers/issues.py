"""What was published, and when: the issues of a series, newest first, and any one of them."""

from __future__ import annotations

__all__ = ["COLUMNS", "listing", "of_day", "one"]

import base64
import binascii
import datetime as dt
from typing import Any

from service.answers.checks import check_whole
from service.answers.errors import BadQuestion, NotFound, NotReady
from service.answers.issue_loader import IssueLoader
from service.core.clock import end_of_day, instant
from service.issues import issue_store, note_store
from service.issues.issue_store import Issue

COLUMNS = (
    *("issue_id", "time", "issued_at", "data_through", "origin", "as_of"),
    *("champion", "n_paths", "horizon_days"),
)


def listing(
    desk: IssueLoader, series_id: str, limit: int, after: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """The live issues of a series, newest first, and what to ask with for the next page.

    Parameters
    ----------
    after : str | None
        As the page before gave it.

    Returns
    -------
    rows : list of dict
        ``issue_id issued_at data_through origin as_of champion n_paths horizon_days``
    next : str | None
        None on the last page.

    Raises
    ------
    BadQuestion
        If `after` is not of a page before, or `limit` lies outside 1 to 500.
    """
    desk.check_series(series_id)
    check_whole("limit", limit, 1, 500)
    mark = None if after is None else _unseal(after)
    with desk.context.database.reading() as connection:
        found = issue_store.list_issues(connection, series_id, limit + 1, mark)
    shown = found[:limit]
    return [_row(issue) for issue in shown], _seal(shown[-1]) if len(found) > limit else None


def of_day(desk: IssueLoader, series_id: str, day: dt.date) -> str:
    """Id of the issue that was the newest at the end of a UK day; ``latest`` if it still is.

    Raises
    ------
    NotFound
        If the first issue is younger.
    NotReady
        If nothing is published yet.
    """
    desk.check_series(series_id)
    with desk.context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, series_id)
        found = issue_store.get_latest_issue(connection, series_id, end_of_day(day))
    if newest is None:
        raise NotReady("nothing is published yet: the first refit is still to come")
    if found is None:
        raise NotFound(f"no forecast of {series_id} had been issued by the end of {day}")
    return "latest" if found.issue_id == newest.issue_id else found.issue_id


def one(desk: IssueLoader, series_id: str, issue_id: str) -> dict[str, Any]:
    """All that is frozen of an issue save its paths, with the models in it.

    Raises
    ------
    NotFound
        If it is no issue of the series.
    """
    desk.check_series(series_id)
    with desk.context.database.reading() as connection:
        issue = issue_store.get_issue(connection, issue_id)
        if issue is None or issue.series_id != series_id:
            raise NotFound(f"expected an issue of {series_id}, found {issue_id!r}")
        entries = desk.entries(connection, issue)
        weather = note_store.get_note(connection, issue_id, note_store.WEATHER)
    models = [
        {"model": e.model, "title": e.title, "role": e.role, "version": e.version} for e in entries
    ]
    failures = [{"model": name, "reason": why} for name, why in issue.failures.items()]
    frozen = {"kind": issue.kind, "seed": issue.seed, "inputs_hash": issue.inputs_hash}
    frozen |= {"weather": weather} if weather else {}
    head = {"series_id": series_id, "unit": series_id}
    return head | _row(issue) | frozen | {"models": models, "failures": failures}


def _row(issue: Issue) -> dict[str, Any]:
    return {
        "issue_id": issue.issue_id,
        "time": instant(issue.issued_at),
        "issued_at": instant(issue.issued_at),
        "data_through": issue.data_through.isoformat(),
        "origin": issue.origin.isoformat(),
        "as_of": instant(issue.as_of),
        "champion": issue.champion,
        "n_paths": issue.n_paths,
        "horizon_days": issue.horizon_days,
    }


def _seal(issue: Issue) -> str:
    text = f"{issue.issued_at.astimezone(dt.UTC).isoformat()} {issue.run_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _unseal(sealed: str) -> tuple[dt.datetime, int]:
    try:
        text = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)).decode("ascii")
        moment, _, run_id = text.partition(" ")
        found = dt.datetime.fromisoformat(moment), int(run_id)
        if found[0].tzinfo is None or not 0 <= found[1] < 2**31:
            raise ValueError
        return found[0].astimezone(dt.UTC), found[1]
    except (ValueError, OverflowError, binascii.Error):
        raise BadQuestion("after", "the `next` of a page before", sealed[:40]) from None
