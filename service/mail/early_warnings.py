"""Early warnings: decided once a day, then sent like the weekly email.

A warning goes to those whose chance has reached their level, and an email to those whose chance no
longer does. They are decided as soon as a forecast has the figure of the day before, at the latest
at the time of day of the weekly email; so there is at most one mail a day. If the forecast is stale
or degraded then, one mail says that warnings are paused.
"""

from __future__ import annotations

__all__ = ["is_due", "warn"]

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any

from service.answers.early_warnings import chances, warning_record
from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.job_runner import Outcome, perform
from service.core.run_store import Claim
from service.issues import early_warning_store, issue_store
from service.issues.early_warning_store import EarlyWarning
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import Edition
from service.mail.sending import Clock, failed_lately, send, within
from service.mail.subscriber_store import Subscriber
from service.mail.warning_render import CALM, PAUSED, WARNING, message, reaches


def is_due(context: Context, now: dt.datetime) -> bool:
    """Whether warnings are to be decided or sent now."""
    day, leading = context.route.day(now), context.route.leading
    with context.database.reading() as connection:
        if failed_lately(connection, "warn", now):
            return False
        edition = delivery_store.edition(connection, day.isoformat())
        if edition:
            return bool(delivery_store.due(connection, edition, now))
        newest = issue_store.get_latest_issue(connection, leading)
        if newest is None or not _readers(subscriber_store.everybody(connection)):
            return False
    latest = dt.time.fromisoformat(context.settings.digest_time)
    if now.astimezone(context.route.zone).time() >= latest:
        return True
    is_complete = newest.data_through >= day - dt.timedelta(days=1)
    return is_complete and IssueLoader(context, lambda: now).standing(leading).status == "fresh"


def warn(context: Context, clock: Clock = utc_now) -> Outcome:
    """Decide the early warnings of today, unless they are, and send them.

    Raises
    ------
    JobError
        When mail cannot be sent as things stand; what is sent stays sent.
    """

    def work(run: Claim) -> Outcome:  # noqa: ARG001
        return within(context, "warn", lambda: _send(context, clock))

    return perform(context, "warn", work)


def _send(context: Context, clock: Clock) -> Outcome:
    edition = _decided(IssueLoader(context, clock))
    return send(context, edition, partial(message, context.settings, edition), clock)


def _decided(loader: IssueLoader) -> Edition:
    """The edition of today; decided now, all mails at once, if it was not yet."""
    now, database = loader.clock(), loader.context.database
    day = loader.today()
    with database.reading() as connection:
        edition = delivery_store.edition(connection, day.isoformat())
    if edition:
        return edition
    view = loader.view(loader.route.leading)
    edition = Edition(day.isoformat(), view.issue.issue_id, now, _content(loader, view), "warning")
    with database.writing() as connection:
        mails = _changes(
            view,
            _readers(subscriber_store.everybody(connection)),
            delivery_store.last_states(connection),
        )
        delivery_store.freeze(connection, edition)
        delivery_store.plan(connection, edition, mails)
        early_warning_store.insert_warnings(connection, _given(day, mails.values()))
    return edition


def _content(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """What the mails of the day have in common."""
    return {
        "unit": view.declared.unit,
        "issue_id": view.issue.issue_id,
        "issued_at": instant(view.issue.issued_at),
        "data_through": view.issue.data_through.isoformat(),
        "status": view.state.status,
        "reasons": [reason.detail for reason in view.state.reasons],
        "record": warning_record(loader)["sentence"],
        "time_zone": loader.route.time_zone,
        "attribution": loader.route.attribution,
    }


def _readers(everybody: Iterable[Subscriber]) -> list[Subscriber]:
    return [one for one in everybody if one.state == "active" and one.warn_level is not None]


def _changes(
    view: IssueView, readers: Iterable[Subscriber], last: Mapping[int, str]
) -> dict[int, dict[str, Any]]:
    """What is to be mailed to those for whom something changed, by number of the subscriber."""
    mails = {}
    once = cache(partial(chances, view.ahead)) if view.state.status == "fresh" else None
    for one in readers:
        level = one.warn_level or 0
        rows = once(one.threshold, one.week_threshold) if once else []
        state = PAUSED if once is None else CALM
        if any(reaches(row, level) for row in rows):
            state = WARNING
        before = last.get(one.subscriber_id, CALM)
        if state != before:
            content = {"state": state, "before": before, "level": level, "chances": rows}
            mails[one.subscriber_id] = content
    return mails


def _given(day: dt.date, mails: Iterable[dict[str, Any]]) -> Iterable[EarlyWarning]:
    """Each warning once, however many have it."""
    given = {}
    for content in mails:
        for row in content["chances"]:
            if content["state"] == WARNING and reaches(row, content["level"]):
                first, last = (dt.date.fromisoformat(row[name]) for name in ("from", "to"))
                one = EarlyWarning(day, row["window"], row["threshold"], first, last, row["p"])
                given[one.window_days, one.threshold] = one
    return given.values()
