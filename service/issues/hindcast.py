"""Hindcast: forecast past origins with the data available at the time.

A replay makes those of the weeks before the first start, for an initial track record.
"""

__all__ = ["ORIGINS", "hindcast", "origins", "replay"]

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from forecast.series import DailySeries, SeriesError, as_date, as_day
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.job_runner import JobError, Outcome, run_job
from service.core.run_store import Claim
from service.data import observation_store
from service.data.covariates import drivers
from service.issues import issue_store
from service.issues.champion import choose_champion, last_comparison
from service.issues.declared_models import declared
from service.issues.model_fits import Inputs, fit_all
from service.issues.publication import insert_issues
from service.issues.score import score_issues

ORIGINS = 26
"""Weekly origins of a replay, as many as the track record covers."""

_HORIZON, _PATHS = 28, 1000
_WEEK = dt.timedelta(weeks=1)


def origins(context: Context, since: dt.date) -> list[dt.date]:
    """Return the days from `since`, a week apart, that have a figure and one after it."""
    with context.database.reading() as connection:
        series = observation_store.get_series(connection, context.route.leading)
    if series is None:
        return []
    last = as_date(series.data_through) - dt.timedelta(days=1)
    count = (last - since) // _WEEK + 1
    days = (since + _WEEK * step for step in range(max(count, 0)))
    return [day for day in days if day >= as_date(series.start)]


def hindcast(
    context: Context, days: Sequence[dt.date], progress: Callable[[], None] = lambda: None
) -> Outcome:
    """Publish an issue of the kind ``hindcast`` for each origin of `days` that has none.

    Each uses the figures and the weather available when figures are usually published after the
    origin. A day whose figure was not available by then is skipped and counted. The champion and
    the baselines are fitted.
    """

    def work(run: Claim) -> Outcome:
        ends: Counter[str] = Counter()
        for day in days:
            ends[_make(context, run, day)] += 1
            progress()
        detail = {"made": ends["made"], "unknown": ends["unknown"]}
        message = f"{ends['made']} hindcasts made of {len(days)} origins"
        if ends["unknown"]:
            message += f"; the figures of {ends['unknown']} were not known on the day after"
        return Outcome("done", message, detail)

    return run_job(context, "hindcast", work)


def _make(context: Context, run: Claim, day: dt.date, assume_known: bool = False) -> str:
    """Publish the hindcasts of one day.

    Returns ``made``, ``there`` if they already exist, ``unknown`` or ``failed``. With
    `assume_known`, figures that were first read in bulk, long after their day, count as available
    at 14:00 on the following day.
    """
    settings, as_of = context.settings, context.route.assumed_known_at(day)
    specs = declared(settings.models_dir, context.route.models)
    with context.database.reading() as connection:
        figures = _figures_known_at(connection, context.route, day, as_of)
        if not figures and assume_known:
            figures = _figures_known_at(connection, context.route, day, day)
        if not figures:
            return "unknown"
        issues = issue_store.list_issues_by_origin(connection, day, "hindcast")
        weather = drivers(connection, context, specs, as_day(day), as_of)
        champion = choose_champion(specs, last_comparison(connection, context.route))
    names = [name for name, spec in specs.items() if name == champion or spec.role == "baseline"]
    simulation = (_HORIZON, _PATHS, settings.seed, weather)
    inputs = Inputs(specs, names, champion, figures, *simulation)
    if inputs.hash in {issue.inputs_hash for issue in issues}:
        return "there"
    fits = fit_all(inputs, settings, keeps=False)
    if not fits.successful:
        return "failed"
    with context.database.writing() as connection:
        insert_issues(connection, run, "hindcast", fits, as_of)
    return "made"


def _figures_known_at(
    connection: Connection, route: Route, day: dt.date, as_of: observation_store.AsOf
) -> dict[str, DailySeries]:
    """Return the figures up to `day` as of `as_of`; empty if `day` has no figure by then."""
    try:
        history = observation_store.get_common_series(connection, route.forecast, as_of)
        history = {name: one.upto(day) for name, one in history.items()}
    except SeriesError:  # the figures available then start later, such as after a bulk read
        return {}
    return history if all(one.data_through == as_day(day) for one in history.values()) else {}


def replay(context: Context) -> Outcome:
    """Make and score the missing hindcasts, latest week first.

    Starts once the source has been read, or has not answered, and a forecast is published. Each
    origin is its own run, so that it resumes after an interruption; one that has ended is not
    retried. An installation older than these weeks has its own record.
    """
    remaining = {}
    with context.database.reading() as connection:
        for day in _days(context, connection):
            period = f"first start {day}"
            run = run_store.get_run(connection, "hindcast", period, context.route.name)
            if run is None or run.outcome == "stopped":
                remaining[period] = day
    if not remaining:
        return Outcome("skipped", "there are no weeks to replay")
    for period, day in remaining.items():
        with suppress(JobError):  # its row has the reason; the other weeks are not affected
            run_job(context, "hindcast", partial(_replay_week, context, day), period)
    return Outcome("done", f"{len(remaining)} missing weeks before the first start attempted")


def _replay_week(context: Context, day: dt.date, run: Claim) -> Outcome:
    """Make and score the hindcasts of one day."""
    end = _make(context, run, day, assume_known=True)
    score_issues(context, day)
    outcome = "done" if end in ("made", "there") else "skipped"
    return Outcome(outcome, f"the week from {day}, before the first start: {end}")


def _days(context: Context, connection: Connection) -> list[dt.date]:
    """Return the origins, Sundays a full week before the last figure or first start, last first."""
    first = issue_store.get_first_issue(connection, context.route.leading)
    if first is None or utc_now() - first.issued_at > ORIGINS * _WEEK:
        return []
    if not run_store.list_ended(connection, "ingest", context.settings.source, context.route.name):
        return []
    figures = observation_store.get_series(connection, context.route.leading)
    assert figures is not None  # the issue was made from them
    last = min(as_date(figures.data_through), context.route.day(first.issued_at)) - _WEEK
    sunday = last - dt.timedelta(days=(last.weekday() + 1) % 7)
    days = (sunday - week * _WEEK for week in range(ORIGINS))
    return [day for day in days if day > as_date(figures.start)]
