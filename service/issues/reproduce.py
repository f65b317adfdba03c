"""Repeat a past issue from the data known when it was made, and compare the paths."""

__all__ = ["reproduce_issue"]

import datetime as dt
from collections.abc import Callable

import numpy as np

from forecast.series import as_day
from service.core.clock import format_instant
from service.core.context import Context
from service.core.job_runner import JobError, Outcome, run_job
from service.data.covariates import drivers_as_of
from service.issues import issue_store, note_store
from service.issues.declared_models import declared
from service.issues.issue_store import Issue
from service.issues.model_fits import Fit, Inputs, fit_all


def reproduce_issue(
    context: Context, moment: dt.datetime, progress: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Refit and simulate the issue current at `moment`; publish nothing.

    Calls `progress` with the name of each model before its fit, and with "" at the end.

    Raises `JobError` if there was no issue then, or a model's paths differ.
    """
    return run_job(context, "repeat", lambda _: _reproduce(context, moment, progress))


def _reproduce(context: Context, moment: dt.datetime, progress: Callable[[str], None]) -> Outcome:
    specs, route = declared(context.settings.models_dir, context.route.models), context.route
    with context.database.reading() as connection:
        lead = issue_store.get_latest_issue(connection, route.leading, moment)
        if lead is None:
            raise JobError(f"there was no issue of {route.leading} at {format_instant(moment)}")
        siblings = (
            issue_store.get_sibling_issue(connection, lead, name) for name in route.forecast
        )
        issues = [issue for issue in siblings if issue is not None]
        figures = {issue.series_id: note_store.get_figures(connection, issue) for issue in issues}
        models = [entry.model for entry in issue_store.list_entries(connection, lead.issue_id)]
        note = note_store.get_note(connection, lead.issue_id, note_store.WEATHER) or {}
        origin = as_day(lead.data_through)
        weather = drivers_as_of(connection, route, origin, lead.as_of, lead.horizon_days)
    declared_still = [name for name in models if name in specs]
    reasons = {name: "it is no longer declared" for name in models if name not in specs}
    blind = {name: "" for name in models if name not in note.get("models", ())}
    simulation = (lead.horizon_days, lead.n_paths, lead.seed, weather, blind)
    inputs = Inputs(specs, declared_still, lead.wanted, figures, *simulation)
    fits = fit_all(inputs, context.settings, progress, keeps=False)
    reasons |= fits.failures
    for name, fit in fits.successful.items():
        if not all(_is_equal(context, issue, name, fit) for issue in issues):
            reasons[name] = "its paths differ: its declaration or a package has changed"
    if reasons:
        text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise JobError(f"issue {lead.issue_id} cannot be reproduced: {text}")
    reason = f"issue {lead.issue_id} is reproduced bit for bit by all of its {len(models)} models"
    return Outcome("done", reason, {"issue": lead.issue_id, "models": models})


def _is_equal(context: Context, issue: Issue, name: str, fit: Fit) -> bool:
    with context.database.reading() as connection:
        stored = issue_store.load_paths(connection, issue, name)
    repeated = issue_store.trim_paths(issue, name, fit.paths[issue.series_id])
    return stored is not None and np.array_equal(stored.values, repeated.values)
