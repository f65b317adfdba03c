"""The issues of a series, newest first, and single issues."""

__all__ = ["first_day", "list_issues", "issue_id_of_day", "describe_issue"]

import datetime as dt
from dataclasses import asdict
from typing import Any

from service.answers.errors import BadQuestion, NotFound, NotReady
from service.answers.issue_loader import IssueLoader
from service.core.clock import format_instant
from service.issues import issue_store, note_store
from service.issues.issue_store import Issue


def list_issues(
    loader: IssueLoader, series_id: str, limit: int, after: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the live issues of a series, newest first, and the cursor `after` them, if any."""
    loader.check_series(series_id)
    mark = None
    with loader.context.database.reading() as connection:
        if after is not None:
            last = issue_store.get_issue(connection, after)
            if last is None or last.series_id != series_id:
                raise BadQuestion("after", "the `next` of a previous page", after[:40])
            mark = last.issued_at, last.run_id
        issues = issue_store.list_issues(connection, series_id, limit + 1, mark)
    shown = issues[:limit]
    return [_row(issue) for issue in shown], shown[-1].issue_id if len(issues) > limit else None


def issue_id_of_day(loader: IssueLoader, series_id: str, day: dt.date) -> str:
    """Return the id of the newest issue at the end of a day; ``latest`` if it still is the newest.

    Before the first issue, use the last hindcast with figures up to that day; raises `NotFound`
    before the first hindcast and after today.
    """
    loader.check_series(series_id)
    with loader.context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, series_id)
        if newest is None:
            raise NotReady
        today = max(loader.today(), loader.route.day(newest.issued_at))  # a clock may go back
        if day > today:
            raise NotFound(f"there is no forecast from {day} yet; today is {today}")
        issue = issue_store.get_latest_issue(
            connection, series_id, loader.route.end_of_day(day)
        ) or issue_store.get_latest_hindcast(connection, series_id, day)
    if issue is None:
        first = first_day(loader, series_id)
        raise NotFound(f"there is no forecast from {day}; the first is from {first}")
    return "latest" if issue.issue_id == newest.issue_id else issue.issue_id


def first_day(loader: IssueLoader, series_id: str) -> dt.date | None:
    """Return the first day for which `issue_id_of_day` has an issue or a hindcast."""
    with loader.context.database.reading() as connection:
        issue = issue_store.get_first_issue(connection, series_id)
        hindcast = issue_store.get_first_issue(connection, series_id, "hindcast")
    days = [loader.route.day(issue.issued_at)] if issue else []
    return min([*days, hindcast.origin] if hindcast else days, default=None)


def describe_issue(loader: IssueLoader, series_id: str, issue_id: str) -> dict[str, Any]:
    """Return everything stored for an issue except its paths, with its models."""
    loader.check_series(series_id)
    with loader.context.database.reading() as connection:
        issue = loader.issue(connection, series_id, issue_id)
        entries = issue_store.list_entries(connection, issue_id)
        weather = note_store.get_note(connection, issue_id, note_store.WEATHER)
    models = [asdict(entry) for entry in entries]
    failures = [{"model": name, "reason": why} for name, why in issue.failures.items()]
    frozen = {"kind": issue.kind, "seed": issue.seed, "inputs_hash": issue.inputs_hash}
    frozen |= {"weather": weather} if weather else {}
    return _row(issue) | frozen | {"models": models, "failures": failures}


def _row(issue: Issue) -> dict[str, Any]:
    return {
        "issue_id": issue.issue_id,
        "time": format_instant(issue.issued_at),
        "issued_at": format_instant(issue.issued_at),
        "data_through": issue.data_through.isoformat(),
        "origin": issue.origin.isoformat(),
        "as_of": format_instant(issue.as_of),
        "champion": issue.champion,
        "n_paths": issue.n_paths,
        "horizon_days": issue.horizon_days,
    }
