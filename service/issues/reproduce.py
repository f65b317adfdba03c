"""Repeat: a past issue made again from what was known when it was made, and held against it."""

from __future__ import annotations

__all__ = ["repeat"]

import datetime as dt
from collections.abc import Callable, Mapping

import numpy as np

from forecast import joint
from forecast.covariates import Covariates
from forecast.forecasters.base import FitError
from forecast.series import DailySeries, as_day
from forecast.specs import Spec, SpecError, build
from service.core.clock import instant
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.job_runner import JobError, Outcome, perform
from service.data.covariates import as_known
from service.issues import issue_store, note_store
from service.issues.declared_models import declared
from service.issues.issue_store import Issue


def repeat(
    context: Context, moment: dt.datetime, progress: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Fit and draw again the issue that stood at `moment`; nothing of it is published.

    Every model of it is fitted anew on the figures, and the weather if it used any, as they were
    known when it was made, and drawn with its seed.

    Parameters
    ----------
    progress : callable
        Called with the name of each model before its fit, and with "" at the end.

    Raises
    ------
    JobError
        When no issue stood then, or a model now draws other paths.
    """
    return perform(context, "repeat", lambda _: _repeat(context, moment, progress))


def _repeat(context: Context, moment: dt.datetime, progress: Callable[[str], None]) -> Outcome:
    specs, route = declared(context.settings.models_dir, context.route.models), context.route
    with context.database.reading() as connection:
        lead = issue_store.get_latest_issue(connection, route.leading, moment)
        if lead is None:
            raise JobError(f"no issue of {route.leading} stood at {instant(moment)}")
        beside = {
            name: issue_store.get_sibling_issue(connection, lead, name) for name in route.forecast
        }
        together = {name: issue for name, issue in beside.items() if issue is not None}
        figures = {
            name: note_store.get_figures(connection, issue) for name, issue in together.items()
        }
        models = [entry.model for entry in issue_store.list_entries(connection, lead.issue_id)]
        note = note_store.get_note(connection, lead.issue_id, note_store.WEATHER) or {}
        weather = _weather(connection, context.route, lead) if note.get("models") else None
    others = {}
    for name in models:
        progress(name)
        given = weather if name in note.get("models", ()) else None
        reason = _other(context, name, specs, together, figures, given)
        if reason:
            others[name] = reason
    progress("")
    if others:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in others.items())
        raise JobError(f"issue {lead.issue_id} is not repeated: {reasons}")
    reason = f"issue {lead.issue_id} is repeated bit for bit by all of its {len(models)} models"
    return Outcome("done", reason, {"issue": lead.issue_id, "models": models})


def _weather(connection: Connection, route: Route, issue: Issue) -> Covariates | None:
    origin = as_day(issue.data_through)
    return as_known(connection, route, origin, issue.as_of, issue.horizon_days).covariates


def _other(
    context: Context,
    name: str,
    specs: Mapping[str, Spec],
    together: Mapping[str, Issue],
    figures: Mapping[str, DailySeries],
    weather: Covariates | None,
) -> str:
    """Why a model does not draw the paths of its issues; empty when it does."""
    issue = together[context.route.leading]
    rng = joint.generator(issue.seed, name, as_day(issue.origin))
    try:
        fit = joint.fit(build(name, specs), figures, weather)
        simulated = fit.draw(issue.horizon_days, issue.n_paths, rng)
    except (FitError, SpecError) as error:
        return str(error)
    for series_id, one in together.items():
        with context.database.reading() as connection:
            stored = issue_store.load_paths(connection, one, name)
        same = issue_store.kept(one, name, simulated[series_id])
        if stored is None or not np.array_equal(stored.values, same.values):
            return "it draws other paths: its declaration or a package is another than then"
    return ""
