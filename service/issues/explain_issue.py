"""Explain an issue: its drivers, and the causes of change since the previous one."""

__all__ = ["changes", "explanation"]

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import joint
from forecast.explain import METHOD, attribution
from forecast.paths import Paths
from forecast.series import DailySeries, as_day
from forecast.specs import reads_covariates
from service.core.clock import format_instant
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.data import observation_store
from service.data.covariates import Drivers, drivers_as_of
from service.issues import issue_store, note_store
from service.issues.declared_models import declaration_hash
from service.issues.issue_store import Issue
from service.issues.model_fits import Fits, fit_all

EXPLAINED_DAYS = 35
COMPARED_DAYS = 90
"""Days from the day of issue: a week more than shown, in case the next issue is late."""

_PATHS, _LEAST_PATHS = 1000, 200
_YEAR_DAYS = 365
_PLACES = 3
Array = npt.NDArray[np.float64]


def explanation(fits: Fits) -> dict[str, dict[str, Any]]:
    """Return ``method yearly_mean mean factors`` by series; `factors` has a list by day by name.

    They attribute the mean forecast to its drivers. Boats are simulated from people, so each
    contribution to boats is that to people, scaled by the ratio of the two means.
    """
    inputs, joint_fit, paths = fits.inputs, fits.served.fitted, fits.served.paths
    horizon = min(inputs.waiting + EXPLAINED_DAYS, inputs.horizon_days)
    lead = paths[inputs.leading].upto(horizon).mean()
    level = _yearly_mean(inputs.figures[inputs.leading])
    # Limits the run time when the figures are old and the horizon is long.
    n_paths = min(max(_PATHS * EXPLAINED_DAYS // horizon, _LEAST_PATHS), _PATHS)
    shares = attribution(joint_fit.fitted, lead, level, n_paths, inputs.seed)
    result = {}
    for name, series_paths in paths.items():
        mean = series_paths.upto(horizon).mean()
        ratio = mean / np.where(lead > 0, lead, 1.0)
        contributions = {factor: share * ratio for factor, share in shares.items()}
        base = _yearly_mean(inputs.figures[name])
        contributions["other"] = (
            contributions["other"] + mean - base - sum(contributions.values(), np.zeros(horizon))
        )
        result[name] = {
            "method": METHOD,
            "yearly_mean": round(base, _PLACES),
            "mean": _to_list(mean),
            "factors": {factor: _to_list(share) for factor, share in contributions.items()},
        }
    return result


def changes(context: Context, fits: Fits, now: dt.datetime) -> dict[str, dict[str, Any]]:
    """Split the change of each day's mean since the newest issues into its causes.

    The causes are applied in turn: the current model on the figures of that time; the revisions
    since; the current weather forecast; the new figures. Each is credited with the difference at
    its step, so that they add up.

    Returns ``since since_issued_at champion declaration from before after causes`` by series;
    `causes` has a list by day from ``from`` by name. Weather is left out if neither used any.
    Returns nothing unless each series has an issue.
    """
    inputs, name = fits.inputs, fits.champion
    issues, before, figures = {}, {}, {}
    with context.database.reading() as connection:
        for series_id in inputs.figures:
            issue = issue_store.get_latest_issue(connection, series_id)
            if issue is None:
                return {}
            paths = issue_store.load_paths(connection, issue, issue.champion)
            assert paths is not None  # in the same transaction
            issues[series_id], before[series_id] = issue, paths
            figures[series_id] = note_store.get_figures(connection, issue)
        lead = issues[inputs.leading]
        declaration_then = note_store.get_declaration_hash(connection, lead)
        weather, weather_now = _weather(connection, context.route, lead, fits, now)
    declaration = declaration_hash(name, inputs.specs)
    # Same seed and draw settings; otherwise sampling noise would look like a cause. The last step
    # has some: paths of another origin have other random numbers.
    days_drawn = joint.drawn_days(inputs.horizon_days)
    is_same_model = (name, declaration, inputs.seed, inputs.n_paths, days_drawn) == (
        *(lead.champion, declaration_then),
        *(lead.seed, lead.n_paths, joint.drawn_days(lead.horizon_days)),
    )
    revised = {series: one.upto(lead.data_through) for series, one in inputs.figures.items()}
    fingerprint = observation_store.fingerprint
    is_revised = fingerprint(figures.values()) != fingerprint(revised.values())

    def simulate(history: Mapping[str, DailySeries], foreseen: Drivers) -> dict[str, Paths]:
        inputs_then = replace(inputs, models=[name], figures=history, weather=foreseen, worse={})
        return fit_all(inputs_then, context.settings, keeps=False).served.paths

    has_new_weather = weather.fingerprint != weather_now.fingerprint
    after = {"model": before if is_same_model else simulate(figures, weather)}
    after["revision"] = simulate(revised, weather) if is_revised else after["model"]
    if weather.fingerprint or weather_now.fingerprint:
        after["weather"] = simulate(revised, weather_now) if has_new_weather else after["revision"]
    after["new_figures"] = fits.served.paths
    result = {}
    for series_id, issue in issues.items():
        target = fits.served.paths[series_id]
        steps = [paths[series_id] for paths in (before, *after.values())]
        means = _means_on(target, steps, inputs.waiting + COMPARED_DAYS)
        result[series_id] = {
            "since": issue.issue_id,
            "since_issued_at": format_instant(issue.issued_at),
            "champion": name,
            "declaration": declaration,
            "from": str(target.start),
            "before": _to_list(means[0]),
            "after": _to_list(means[-1]),
            "causes": dict(zip(after, map(_to_list, np.diff(means, axis=0)), strict=True)),
        }
    return result


def _weather(
    connection: Connection, route: Route, lead: Issue, fits: Fits, now: dt.datetime
) -> tuple[Drivers, Drivers]:
    """Return the weather at the origin of `lead`: the version that it used, and the current one."""
    note = note_store.get_note(connection, lead.issue_id, note_store.WEATHER) or {}
    can_use = reads_covariates(fits.champion, fits.inputs.specs)
    used = lead.champion in note.get("models", ()) and can_use
    uses = fits.champion in fits.with_weather
    origin = as_day(lead.data_through)
    before, current = (
        drivers_as_of(connection, route, origin, moment, lead.horizon_days)
        if is_used
        else Drivers("off", "")
        for moment, is_used in ((lead.as_of, used), (now, uses))
    )
    return before, current


def _means_on(target: Paths, steps: Sequence[Paths], most: int) -> Array:
    """Return the daily means of the `steps` on the days of `target` that all have, at most `most`.

    Shape (n_steps, n_days).
    """
    means = [paths.mean()[(target.start - paths.start).astype(int) :][:most] for paths in steps]
    days = min(map(len, means))
    return np.array([mean[:days] for mean in means])


def _yearly_mean(series: DailySeries) -> float:
    return float(series.values[-_YEAR_DAYS:].mean())


def _to_list(values: Array) -> list[float]:
    return [float(value) for value in np.round(values, _PLACES)]
