"""Refit: fit every declared model on the current figures, and publish one immutable issue."""

__all__ = ["WEATHER_STEP", "horizon_to_simulate", "refit"]

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecast import joint
from forecast.series import as_date
from forecast.specs import ROLES, Spec
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError, Outcome, run_job
from service.core.run_store import Claim
from service.core.settings import Settings
from service.core.timings import step
from service.data import observation_store
from service.data.covariates import drivers
from service.data.weather_store import WeatherReadings
from service.issues import issue_store
from service.issues.champion import choose_champion, last_comparison
from service.issues.declared_models import declaration_hash, declared, find_problems
from service.issues.fitted_models import prune
from service.issues.issue_draft import Draft
from service.issues.issue_store import MOST_HORIZON, Issue
from service.issues.model_fits import Fit, Fits, Inputs, fit_all
from service.issues.publish import publish

_ONE_SECOND = dt.timedelta(seconds=1)
_NEARLY = 0.95
WEATHER_STEP = 0.1
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
        old_weather, spared = None, set[str]()
        if newest:
            reached = newest.horizon_days
            old_weather = drivers(
                connection, context, specs, origin, newest.as_of, readings, reached
            )
            entries = issue_store.list_entries(connection, newest.issue_id)
            spared = {entry.version for entry in entries}
    preferred = choose_champion(specs, comparison)
    inputs_hash = _inputs_hash(inputs, preferred, settings)
    problems = "".join(f"; {name}: {detail}" for name, detail in find_problems(context))
    if not force and newest and _is_current(newest, inputs_hash, now, settings):
        return Outcome("skipped", f"issue {newest.issue_id} is current{problems}")

    def fit(names: Sequence[str] = ()) -> Fits:
        fits = fit_all(inputs, settings, names, progress)
        progress("")
        in_use = spared | {fit.version for fit in fits.successful.values()}
        prune(settings.fitted_folder, inputs.leading, settings.keep_versions, in_use)
        return fits

    if not force and newest and old_weather and old_weather.covariates and weather.covariates:
        old_hash = _inputs_hash(replace(inputs, weather=old_weather), preferred, settings)
        if _is_current(newest, old_hash, now, settings):  # only the weather is new
            trial = fit([newest.champion]).successful.get(newest.champion)
            largest_change = _largest_change(
                context, newest, trial, weather.covariates.n_ahead, now
            )
            if largest_change is not None and largest_change <= WEATHER_STEP:
                reason = f"the new weather changes no day's chance by more than {WEATHER_STEP}"
                return Outcome("skipped", f"{reason} (at most {largest_change:.2f}){problems}")
    fits = fit()
    champion = _champion(specs, preferred, fits)
    draft = Draft(run, route, "live", inputs, fits, champion, preferred, inputs_hash, now)
    with step("publish"):
        issued = publish(context, draft, newest.issue_id if newest else None)
    if not issued:
        return Outcome("skipped", "the same paths were published meanwhile")
    reason = f"published {', '.join(issued)} with {len(fits.successful)} models, {champion} first"
    if draft.weather_note["status"] == "missing":
        reason += f"; without the weather: {draft.weather_note['reason']}"
    reason += "".join(f"; fitted again: {fault}" for fault in fits.remade.values()) + problems
    detail = {
        "issues": issued,
        "failures": fits.failures,
        "unkept": fits.unkept,
        "remade": fits.remade,
        "champion": champion,
        "weather": draft.weather_note["status"],
        "weather_reason": draft.weather_note["reason"],
    }
    return Outcome("done", reason, detail)


def horizon_to_simulate(data_through: dt.date, today: dt.date, beyond: int) -> int:
    """Return the days to simulate: up to `beyond` days after today, at most `MOST_HORIZON`."""
    return min(max((today - data_through).days, 0) + beyond, MOST_HORIZON)


def _issue_time(newest: Issue | None) -> dt.datetime:
    """Return now, but after the newest issue: a clock set back must not hide the next one."""
    now = utc_now()
    if newest is None or now > newest.issued_at:
        return now
    if newest.issued_at - now > _ONE_SECOND:
        _log.warning("the clock was set back: the newest issue is from %s", newest.issued_at)
    return newest.issued_at + _ONE_SECOND


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
    context: Context, newest: Issue, trial: Fit | None, n_ahead: int, now: dt.datetime
) -> float | None:
    """Return the largest change of a day's chance of arrivals on the days with weather.

    None if the two cannot be compared.
    """
    if trial is None:
        return None
    try:
        with context.database.reading() as connection:
            stored = issue_store.load_paths(connection, newest, newest.champion)
    except ValueError as error:
        _log.error("the paths of %s cannot be read: %s", newest.issue_id, error)
        return None
    if stored is None:
        return None
    paths = trial.paths[newest.series_id]
    skip = max((context.route.day(now) - newest.origin).days - 1, 0)
    days = slice(skip, min(n_ahead, paths.horizon, stored.horizon))
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
