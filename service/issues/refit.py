"""Refit: fit every declared model on the current figures, and publish one issue per series."""

__all__ = ["horizon_to_simulate", "refit"]

import datetime as dt
import hashlib
import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from forecast import joint
from forecast.series import as_date
from forecast.specs import ROLES, Spec
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError, Outcome, run_job
from service.core.run_store import Claim
from service.core.settings import Settings
from service.core.timings import step
from service.data import observation_store
from service.data.covariates import drivers
from service.data.weather_store import WeatherReadings
from service.issues import issue_store, note_store
from service.issues.champion import choose_champion, last_comparison
from service.issues.declared_models import declaration_hash, declared, find_problems
from service.issues.explain_issue import changes, explanation, read_earlier_issues
from service.issues.fitted_models import prune
from service.issues.issue_draft import Draft, insert_issues
from service.issues.issue_store import MOST_HORIZON, Issue
from service.issues.model_fits import Fits, Inputs, fit_all

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
        origin = figures[joint.leading(figures)].data_through
        horizon = horizon_to_simulate(as_date(origin), route.day(now), settings.horizon)
        readings = WeatherReadings(connection, route)
        weather = drivers(connection, context, specs, origin, now, readings, horizon)
        comparison = last_comparison(connection, route)
        worse = comparison.get("worse_with_weather", {}) if weather.covariates else {}
        inputs = Inputs(specs, figures, weather, horizon, settings.paths, settings.seed, worse)
        old_weather = newest and drivers(
            connection, context, specs, origin, newest.as_of, readings, newest.horizon_days
        )
    preferred = choose_champion(specs, comparison)
    inputs_hash = _inputs_hash(inputs, preferred, settings)
    problems = "".join(f"; {name}: {detail}" for name, detail in find_problems(context))
    if newest and not force:
        if _is_current(newest, inputs_hash, now, settings):
            return Outcome("skipped", f"issue {newest.issue_id} is current{problems}")
        if old_weather and old_weather.covariates and weather.covariates:
            old_hash = _inputs_hash(replace(inputs, weather=old_weather), preferred, settings)
            if _is_current(newest, old_hash, now, settings):  # only the weather is new
                change = _largest_change(context, newest, inputs, progress, now)
                if change <= _WEATHER_STEP:
                    reason = f"the new weather changes no day's chance by more than {_WEATHER_STEP}"
                    return Outcome("skipped", f"{reason} (at most {change:.2f}){problems}")
    fits = fit_all(inputs, settings, progress=progress)
    progress("")
    champion = _champion(specs, preferred, fits)
    draft = Draft(run, route, "live", inputs, fits, champion, preferred, inputs_hash, now)
    with step("publish"):
        issued = _publish(context, draft, newest.issue_id if newest else None)
    if not issued:
        return Outcome("skipped", "the same paths were published meanwhile")
    served = {fit.version for fit in fits.successful.values()}
    prune(settings.fitted_folder, inputs.leading, settings.keep_versions, served)
    weather_note = draft.weather_note
    reason = f"published {', '.join(issued)} with {len(fits.successful)} models, {champion} first"
    if weather_note["status"] == "missing":
        reason += f"; without the weather: {weather_note['reason']}"
    detail = {
        "issues": issued,
        "failures": fits.failures,
        "champion": champion,
        "weather": weather_note["status"],
        "weather_reason": weather_note["reason"],
    }
    return Outcome("done", reason + problems, detail)


def horizon_to_simulate(data_through: dt.date, today: dt.date, beyond: int) -> int:
    """Return the days to simulate: up to `beyond` days after today, at most `MOST_HORIZON`."""
    return min(max((today - data_through).days, 0) + beyond, MOST_HORIZON)


def _publish(context: Context, draft: Draft, before: str | None) -> list[str]:
    """Store the issues of `draft` with their notes, in one transaction; return their ids.

    `before` is the newest issue when the work started. Does nothing if another run has just stored
    the same.
    """
    notes = _notes(context, draft)
    with context.database.writing() as connection:
        if not run_store.is_current(connection, draft.run):
            raise JobError("this refit was stopped, or claimed by another process, meanwhile")
        newest = issue_store.get_latest_issue(connection, draft.inputs.leading)
        if newest and newest.inputs_hash == draft.inputs_hash and newest.issue_id != before:
            return []  # equal inputs give equal paths
        ids = insert_issues(connection, draft)
        for kind, content in notes.items():
            for series_id, note in content.items():
                note_store.save_note(connection, ids[series_id], kind, note)
    return list(ids.values())


def _notes(context: Context, draft: Draft) -> dict[str, dict[str, Any]]:
    """Return the explanation and changes; a forecast is published even without them."""
    notes: dict[str, dict[str, Any]] = {}
    if draft.inputs.weather.status != "off":
        notes[note_store.WEATHER] = dict.fromkeys(draft.inputs.figures, draft.weather_note)
    try:
        notes[note_store.EXPLANATION] = explanation(draft)
        with context.database.reading() as connection:
            before = read_earlier_issues(connection, draft)
        if before:
            notes[note_store.CHANGES] = changes(before, draft, context.settings)
    except DatabaseError:
        raise
    except Exception:  # a defect here must not prevent the forecast
        _log.exception("the issue is published without its explanation")
    return notes


def _issue_time(newest: Issue | None) -> dt.datetime:
    """Return now, but after the newest issue: a clock set back must not hide the next one."""
    now = utc_now()
    return max(now, newest.issued_at + dt.timedelta(seconds=1)) if newest else now


def _champion(specs: Mapping[str, Spec], first: str, fits: Fits) -> str:
    """Return `first` if it was fitted, otherwise the fitted model with the best role."""
    if not fits.successful:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in fits.failures.items())
        raise JobError(f"no model could be fitted: {reasons}")
    ranked = sorted(fits.successful, key=lambda name: (ROLES.index(specs[name].role), name))
    return first if first in fits.successful else ranked[0]


def _is_current(newest: Issue, inputs: str, now: dt.datetime, settings: Settings) -> bool:
    # A little less, since daily jobs do not start at the same second.
    most = _NEARLY * dt.timedelta(hours=settings.refit_hours)
    return newest.inputs_hash == inputs and now - newest.issued_at < most


def _largest_change(
    context: Context, newest: Issue, inputs: Inputs, progress: Progress, now: dt.datetime
) -> float:
    """Fit the champion of `newest` to the new weather; return the largest change of a day's chance.

    Only of the days with weather; infinite if it cannot be fitted.
    """
    fits = fit_all(inputs, context.settings, [newest.champion], progress)
    progress("")
    with context.database.reading() as connection:
        stored = issue_store.load_paths(connection, newest, newest.champion)
    if newest.champion not in fits.successful or stored is None or not inputs.weather.covariates:
        return math.inf
    paths = fits.successful[newest.champion].paths[newest.series_id]
    first = max((context.route.day(now) - newest.origin).days - 1, 0)
    days = slice(first, min(inputs.weather.covariates.n_ahead, paths.horizon, stored.horizon))
    return float(np.abs(paths.p_zero()[days] - stored.p_zero()[days]).max(initial=0.0))


def _inputs_hash(inputs: Inputs, champion: str, settings: Settings) -> str:
    """Return a hash of everything that determines an issue: equal inputs, equal paths."""
    decides = {
        "figures": observation_store.fingerprint(inputs.figures.values()),
        "champion": champion,
        "models": {name: declaration_hash(name, inputs.specs) for name in inputs.specs},
        "draw": [settings.paths, settings.horizon, settings.seed],
    }
    if inputs.weather.covariates is not None:
        decides["weather"] = inputs.weather.fingerprint
    if inputs.worse:
        decides["without_weather"] = sorted(inputs.worse)
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
