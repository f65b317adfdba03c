"""Hindcast: forecast past origins with the data available at the time."""

from __future__ import annotations

__all__ = ["hindcast", "make", "origins"]

import datetime as dt
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.series import DailySeries, SeriesError, as_date, as_day
from forecast.specs import reads_covariates
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.job_runner import JobError, Outcome, perform
from service.core.run_store import Claim
from service.core.settings import Settings
from service.data import observation_store
from service.data.covariates import drivers
from service.issues import issue_input_store, issue_store
from service.issues.champion import choose_champion, last_comparison
from service.issues.declared_models import declared
from service.issues.fit_task import Order, fitted
from service.issues.issue_store import Entry, Issue
from service.issues.model_fits import declaration_hash

_log = logging.getLogger(__name__)


def origins(context: Context, since: dt.date, every_days: int = 7) -> list[dt.date]:
    """Return the days from `since`, `every_days` apart, that have a figure and one after it."""
    with context.database.reading() as connection:
        series = observation_store.series(connection, context.route.leading)
    if series is None:
        return []
    last = as_date(series.data_through) - dt.timedelta(days=1)
    count = (last - since).days // every_days + 1
    days = (since + dt.timedelta(days=every_days * step) for step in range(max(count, 0)))
    return [day for day in days if day >= as_date(series.start)]


def hindcast(
    context: Context,
    days: Sequence[dt.date],
    models: Sequence[str] = (),
    horizon: int = 28,
    n_paths: int = 1000,
    progress: Callable[[], None] = lambda: None,
) -> Outcome:
    """Publish an issue of the kind ``hindcast`` for each origin of `days` that has none.

    Each uses the figures and the weather available when figures are usually published after the
    origin. A day whose figure was not available by then is skipped and counted.

    Parameters
    ----------
    models : sequence of str
        Declared models; if empty, the champion and the baselines.

    Raises
    ------
    JobError
        When a model is not declared.
    """
    unknown = sorted(set(models) - set(declared(context.settings.models_dir, context.route.models)))
    if unknown:
        raise JobError(f"models: expected declared ones, found {', '.join(unknown)}")

    def work(run: Claim) -> Outcome:
        ends: Counter[str] = Counter()
        for day in days:
            ends[make(context, run.run_id, day, models, horizon, n_paths)] += 1
            progress()
        detail = {"made": ends["made"], "unknown": ends["unknown"]}
        message = f"{ends['made']} hindcasts made of {len(days)} origins"
        if ends["unknown"]:
            message += f"; the figures of {ends['unknown']} were not known on the day after"
        return Outcome("done", message, detail)

    return perform(context, "hindcast", work)


def make(
    context: Context,
    run_id: int,
    day: dt.date,
    models: Sequence[str] = (),
    horizon: int = 28,
    n_paths: int = 1000,
    assume_known: bool = False,
) -> str:
    """Publish the hindcasts of one day.

    Returns ``made``, ``there`` if they already exist, ``unknown`` or ``failed``.

    Parameters
    ----------
    assume_known : bool
        Treat figures that were first read in bulk, long after their day, as available at 14:00 on
        the following day.
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
    chosen = list(models) or [
        name for name in specs if name == champion or specs[name].role == "baseline"
    ]
    declarations = [declaration_hash(name, specs) for name in sorted(chosen)]
    decides = [*declarations, settings.seed, champion, horizon, n_paths]
    text = f"{observation_store.fingerprint(figures.values())} {decides}"
    if weather.covariates is not None:
        text += f" {weather.fingerprint}"
    inputs = hashlib.sha256(text.encode()).hexdigest()
    if inputs in {issue.inputs_hash for issue in issues}:
        return "there"
    simulated: dict[str, tuple[Entry, dict[str, Paths]]] = {}
    failures: dict[str, str] = {}
    for name in chosen:
        covariates = weather.covariates if reads_covariates(name, specs) else None
        paths = _simulate(Order(name, specs, figures, covariates), settings, horizon, n_paths)
        if isinstance(paths, str) and covariates is not None:  # as for a published forecast
            paths = _simulate(Order(name, specs, figures, None), settings, horizon, n_paths)
        if isinstance(paths, str):
            failures[name] = paths
            continue
        version = hashlib.sha256(f"{name} {inputs}".encode()).hexdigest()[:10]
        entry = Entry(name, f"hindcast-{version}", specs[name].role, specs[name].title)
        simulated[name] = entry, paths
    if not simulated:
        return "failed"
    declared_as = declaration_hash(champion, specs)
    with context.database.writing() as connection:
        for series_id in figures:
            header = Issue(
                issue_id="hindcast-" + issue_store.make_id(series_id, day, as_of, inputs),
                series_id=series_id,
                run_id=run_id,
                kind="hindcast",
                origin=day,
                data_through=day,
                as_of=as_of,
                issued_at=as_of,
                champion=champion if champion in simulated else next(iter(simulated)),
                wanted=champion,
                seed=settings.seed,
                n_paths=n_paths,
                horizon_days=horizon,
                inputs_hash=inputs,
                failures=failures,
            )
            rows = [(entry, paths[series_id]) for entry, paths in simulated.values()]
            issue_store.insert_issue(connection, header, rows)
            issue_input_store.save_inputs(connection, header, figures[series_id], declared_as)
    return "made"


def _simulate(
    order: Order, settings: Settings, horizon: int, n_paths: int
) -> dict[str, Paths] | str:
    """Fit a model and draw from it; a string says why it failed."""
    origin = order.figures[joint.leading(order.figures)].data_through
    try:
        fit, _ = fitted(order, settings)
        return fit.draw(horizon, n_paths, joint.generator(settings.seed, order.name, origin))
    except FitError as error:
        return str(error)
    except JobError:  # no model's defect
        raise
    except Exception as error:  # one model's defect must not stop the others
        _log.exception("model %s failed", order.name)
        return f"{type(error).__name__}: {error}"


def _figures_known_at(
    connection: Connection, route: Route, day: dt.date, as_of: observation_store.AsOf
) -> dict[str, DailySeries]:
    """Return the figures up to `day` as of `as_of`; empty if `day` has no figure by then."""
    try:
        history = observation_store.known_together(connection, route.forecast, as_of)
        history = {name: one.upto(day) for name, one in history.items()}
    except SeriesError:  # the figures available then start later, such as after a bulk read
        return {}
    return history if all(one.data_through == as_day(day) for one in history.values()) else {}
