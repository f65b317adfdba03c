"""Explain an issue: its drivers, and the causes of change since the previous one."""

__all__ = ["EarlierIssues", "changes", "explanation", "read_earlier_issues"]

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import joint
from forecast.covariates import Covariates
from forecast.explain import METHOD, attribution
from forecast.paths import Paths
from forecast.series import DailySeries, as_day
from forecast.specs import reads_covariates
from service.core.clock import format_instant
from service.core.database import Connection
from service.core.settings import Settings
from service.data import observation_store
from service.data.covariates import drivers_as_of
from service.issues import issue_store, note_store
from service.issues.fit_task import FitTask, fit_within_limits
from service.issues.issue_draft import Draft
from service.issues.issue_store import Issue

EXPLAINED_DAYS = 35
COMPARED_DAYS = 90
"""Days from the day of issue: a week more than shown, in case the next issue is late."""

_PATHS, _LEAST_PATHS = 1000, 200
_YEAR_DAYS = 365
_PLACES = 3
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EarlierIssues:
    """The newest published issues by series, read together before the next is published."""

    issues: dict[str, Issue]
    figures: dict[str, DailySeries]  # that they used
    paths: dict[str, Paths]  # of their champions
    declaration: str  # hash of the leading issue's champion
    # At their origin: the version they used, and the current one.
    weather: tuple[Covariates | None, Covariates | None]


def read_earlier_issues(connection: Connection, draft: Draft) -> EarlierIssues | None:
    """Read the newest issue of each series of `draft`; None unless all have one."""
    issues, figures, paths = {}, {}, {}
    for series_id in draft.inputs.figures:
        issue = issue_store.get_latest_issue(connection, series_id)
        if issue is None:
            return None
        stored = issue_store.load_paths(connection, issue, issue.champion)
        assert stored is not None  # in the same transaction
        issues[series_id], paths[series_id] = issue, stored
        figures[series_id] = note_store.get_figures(connection, issue)
    lead = issues[draft.inputs.leading]
    declaration = note_store.get_declaration_hash(connection, lead)
    note = note_store.get_note(connection, lead.issue_id, note_store.WEATHER) or {}

    def weather_at(moment: dt.datetime) -> Covariates | None:
        origin = as_day(lead.data_through)
        return drivers_as_of(connection, draft.route, origin, moment, lead.horizon_days).covariates

    can_use = reads_covariates(draft.champion, draft.inputs.specs)
    used = lead.champion in note.get("models", ()) and can_use
    weather = (
        weather_at(lead.as_of) if used else None,
        weather_at(draft.now) if draft.champion in draft.fits.with_weather else None,
    )
    return EarlierIssues(issues, figures, paths, declaration, weather)


def explanation(draft: Draft) -> dict[str, dict[str, Any]]:
    """Return ``method yearly_mean mean factors`` by series; `factors` has a list by day by name.

    They attribute the mean forecast to its drivers. Boats are simulated from people, so each
    contribution to boats is that to people, scaled by the ratio of the two means.
    """
    fitted, paths, figures = draft.fit.fitted, draft.fit.paths, draft.inputs.figures
    horizon = min(draft.waiting + EXPLAINED_DAYS, draft.inputs.horizon)
    lead = paths[fitted.series].upto(horizon).mean()
    level = _yearly_mean(figures[fitted.series])
    # Limits the run time when the figures are old and the horizon is long.
    n_paths = min(max(_PATHS * EXPLAINED_DAYS // horizon, _LEAST_PATHS), _PATHS)
    shares = attribution(fitted.fitted, lead, level, n_paths, draft.inputs.seed)
    result = {}
    for name, series_paths in paths.items():
        mean = series_paths.upto(horizon).mean()
        ratio = mean / np.where(lead > 0, lead, 1.0)
        contributions = {factor: share * ratio for factor, share in shares.items()}
        base = _yearly_mean(figures[name])
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


def changes(before: EarlierIssues, draft: Draft, settings: Settings) -> dict[str, dict[str, Any]]:
    """Split the change of each day's mean since the issues `before` into its causes.

    The causes are applied in turn: the current model on the figures of that time; the revisions
    since; the current weather forecast; the new figures. Each is credited with the difference at
    its step, so that they add up.

    Returns ``since since_issued_at champion declaration from before after causes`` by series;
    `causes` has a list by day from ``from`` by name. Weather is left out if neither used any.
    """
    inputs, name, paths = draft.inputs, draft.champion, draft.fit.paths
    lead, figures_before = before.issues[inputs.leading], before.figures
    figures_now = {
        series_id: one.upto(lead.data_through) for series_id, one in inputs.figures.items()
    }
    # Same seed and draw settings; otherwise sampling noise would look like a cause. The last step
    # has some: paths of another origin have other random numbers.
    days_drawn = joint.drawn_days(inputs.horizon)
    draw_settings = (name, draft.declared_as, inputs.seed, inputs.n_paths, days_drawn)
    same_model = draw_settings == (
        *(lead.champion, before.declaration),
        *(lead.seed, lead.n_paths, joint.drawn_days(lead.horizon_days)),
    )
    revised = observation_store.fingerprint(
        figures_before.values()
    ) != observation_store.fingerprint(figures_now.values())
    origin = figures_before[inputs.leading].data_through

    def simulate(
        history: Mapping[str, DailySeries], foreseen: Covariates | None
    ) -> dict[str, Paths]:
        fit = fit_within_limits(FitTask(name, inputs.specs, history, foreseen), settings).restore()
        rng = joint.generator(inputs.seed, name, origin)
        return fit.draw(inputs.horizon, inputs.n_paths, rng)

    weather_before, weather_after = before.weather
    has_new_weather = (weather_before and weather_before.fingerprint) != (
        weather_after and weather_after.fingerprint
    )
    after_model = before.paths if same_model else simulate(figures_before, weather_before)
    after_revision = simulate(figures_now, weather_before) if revised else after_model
    after_weather = simulate(figures_now, weather_after) if has_new_weather else after_revision
    after = {
        "model": after_model,
        "revision": after_revision,
        "weather": after_weather,
        "new_figures": paths,
    }
    causes = [c for c in note_store.CAUSES if c != "weather" or weather_before or weather_after]
    days = draft.waiting + COMPARED_DAYS
    result = {}
    for series_id, issue in before.issues.items():
        target = paths[series_id]
        steps = {cause: _mean_on(after[cause][series_id], target, days) for cause in causes}
        result[series_id] = _split(_mean_on(before.paths[series_id], target, days), steps) | {
            "since": issue.issue_id,
            "since_issued_at": format_instant(issue.issued_at),
            "champion": name,
            "declaration": draft.declared_as,
            "from": str(target.start),
        }
    return result


def _split(before: Array, steps: Mapping[str, Array]) -> dict[str, Any]:
    """Return the daily means before and after all `steps`, and the change at each step."""
    days = min(map(len, (before, *steps.values())))
    at, causes = before, {}
    for cause, step in steps.items():
        causes[cause] = _to_list(step[:days] - at[:days])
        at = step
    return {"before": _to_list(before[:days]), "after": _to_list(at[:days]), "causes": causes}


def _mean_on(paths: Paths, target: Paths, most: int) -> Array:
    """Return the mean of `paths` on the days shared with `target`, at most `most`."""
    skip = int((target.start - paths.start).astype(int))
    return paths.mean()[skip : skip + min(most, target.horizon)]


def _yearly_mean(series: DailySeries) -> float:
    return float(series.values[-_YEAR_DAYS:].mean())


def _to_list(values: Array) -> list[float]:
    return [float(value) for value in np.round(values, _PLACES)]
