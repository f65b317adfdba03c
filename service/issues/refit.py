"""Refit: fit every declared model on the current figures, and publish one issue per series."""

__all__ = ["refit"]

import datetime as dt
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from forecast import joint
from forecast.series import as_date
from forecast.specs import published
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError, Outcome, run_job
from service.core.run_store import Claim
from service.core.timings import step
from service.data import observation_store
from service.data.covariates import drivers, drivers_as_of
from service.issues import issue_store, note_store
from service.issues.champion import choose_champion, last_comparison
from service.issues.declared_models import declared
from service.issues.explain_issue import changes, explanation
from service.issues.fitted_models import prune
from service.issues.issue_store import Issue
from service.issues.model_fits import Fits, Inputs, fit_all
from service.issues.publication import insert_issues

_NEARLY = 0.95
_WEATHER_STEP = 0.1
"""New weather alone leads to an issue only if a day's chance of arrivals changes by more."""

_log = logging.getLogger(__name__)
Progress = Callable[[str], None]


def refit(
    context: Context,
    force: bool = False,
    progress: Progress = lambda _: None,
    period: str | None = None,
) -> Outcome:
    """Fit, simulate and publish; skipped if the newest issue is current.

    With `force`, publish even if nothing changed. Calls `progress` with the name of each model
    before its fit, and with "" at the end.

    Raises `JobError` if there are no figures, or all models fail.
    """
    return run_job(context, "refit", lambda run: _refit(context, run, force, progress), period)


def _refit(context: Context, run: Claim, force: bool, progress: Progress) -> Outcome:
    settings, route = context.settings, context.route
    specs = declared(settings.models_dir, route.models)
    with context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, route.leading)
        now = _issue_time(newest)
        figures = observation_store.get_common_series(connection, route.forecast, now)
        if not figures:
            raise JobError("no figures are stored: run `crossings ingest` first")
        comparison = last_comparison(connection, route)
        origin = figures[joint.leading(figures)].data_through
        inputs = Inputs(
            specs,
            models=[*published(specs)],
            preferred=choose_champion(specs, comparison),
            figures=figures,
            horizon=settings.horizon,
            n_paths=settings.paths,
            seed=settings.seed,
            worse=comparison.get("worse_with_weather", {}),
            waiting=max((route.day(now) - as_date(origin)).days, 0),
        )
        days = inputs.horizon_days
        weather = drivers(connection, context, specs, origin, now, horizon=days)
    inputs = replace(inputs, weather=weather)
    if newest and not force and (current := _why_current(context, newest, inputs, now)):
        return Outcome("skipped", current)
    fits = fit_all(inputs, settings, progress)
    if not fits.successful:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in fits.failures.items())
        raise JobError(f"no model could be fitted: {reasons}")
    with step("publish"):
        issued = _publish(context, run, fits, now, newest)
    if not issued:
        return Outcome("skipped", "the same paths were published meanwhile")
    served = {fit.version for fit in fits.successful.values()}
    prune(settings.fitted_folder, inputs.leading, settings.keep_versions, served)
    note, n_models = fits.weather_note, len(fits.successful)
    reason = f"published {', '.join(issued)} with {n_models} models, {fits.champion} first"
    if note["status"] == "missing":
        reason += f"; without the weather: {note['reason']}"
    detail = {
        "issues": issued,
        "failures": fits.failures,
        "champion": fits.champion,
        "weather": note["status"],
        "weather_reason": note["reason"],
    }
    return Outcome("done", reason, detail)


def _publish(
    context: Context, run: Claim, fits: Fits, now: dt.datetime, before: Issue | None
) -> list[str]:
    """Store the issues of `fits` with their notes, in one transaction; return their ids.

    Stores nothing if another run published the same after the issue `before`: equal inputs give
    equal paths.
    """
    notes = _notes(context, fits, now)
    with context.database.writing() as connection:
        if not run_store.is_current(connection, run):
            raise JobError("this refit was stopped, or claimed by another process, meanwhile")
        newest = issue_store.get_latest_issue(connection, fits.inputs.leading)
        if newest and newest != before and newest.inputs_hash == fits.inputs.hash:
            return []
        ids = insert_issues(connection, run, "live", fits, now)
        for kind, content in notes.items():
            for series_id, note in content.items():
                note_store.save_note(connection, ids[series_id], kind, note)
    return list(ids.values())


def _notes(context: Context, fits: Fits, now: dt.datetime) -> dict[str, dict[str, Any]]:
    """Return the notes by kind and series; a forecast is published even without explanation."""
    notes: dict[str, dict[str, Any]] = {}
    if fits.inputs.weather.status != "off":
        notes[note_store.WEATHER] = dict.fromkeys(fits.inputs.figures, fits.weather_note)
    try:
        notes[note_store.EXPLANATION] = explanation(fits)
        notes[note_store.CHANGES] = changes(context, fits, now)
    except DatabaseError:
        raise
    except Exception:  # a defect here must not prevent the forecast
        _log.exception("the issue is published without its explanation")
    return notes


def _issue_time(newest: Issue | None) -> dt.datetime:
    """Return now, but after the newest issue: a clock set back must not hide the next one."""
    now = utc_now()
    return max(now, newest.issued_at + dt.timedelta(seconds=1)) if newest else now


def _why_current(context: Context, newest: Issue, inputs: Inputs, now: dt.datetime) -> str:
    """Return why the issue `newest` still holds; empty if another is needed."""
    # A little less, since daily jobs do not start at the same second.
    if now - newest.issued_at >= _NEARLY * dt.timedelta(hours=context.settings.refit_hours):
        return ""
    if newest.inputs_hash == inputs.hash:
        return f"issue {newest.issue_id} is current"
    change = _largest_change(context, newest, inputs)
    if change > _WEATHER_STEP:
        return ""
    reason = f"the new weather changes no day's chance by more than {_WEATHER_STEP}"
    return f"{reason} (at most {change:.2f})"


def _largest_change(context: Context, newest: Issue, inputs: Inputs) -> float:
    """Fit the champion of `newest` to the new weather; return the largest change of a day's chance.

    Only of the days with weather; infinite if not only the weather is new, or it cannot be fitted.
    """
    weather, champion = inputs.weather.covariates, newest.champion
    if weather is None:
        return math.inf
    with context.database.reading() as connection:
        arguments = context.route, inputs.origin, newest.as_of, newest.horizon_days
        before = replace(inputs, weather=drivers_as_of(connection, *arguments))
        if before.weather.covariates is None or newest.inputs_hash != before.hash:
            return math.inf
        try:
            stored = issue_store.load_paths(connection, newest, champion)
        except ValueError:  # damaged
            return math.inf
    fits = fit_all(replace(inputs, models=[champion]), context.settings)
    if champion not in fits.successful or stored is None:
        return math.inf
    paths = fits.served.paths[newest.series_id]
    first = max(inputs.waiting - 1, 0)
    days = slice(first, min(weather.n_ahead, paths.horizon, stored.horizon))
    return float(np.abs(paths.p_zero()[days] - stored.p_zero()[days]).max(initial=0.0))
