"""Repeat a past issue from the data known when it was made, and compare the paths."""

__all__ = ["reproduce_issue"]

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.series import as_day
from forecast.specs import SpecError
from service.core.clock import format_instant
from service.core.context import Context
from service.core.job_runner import JobError, Outcome, run_job
from service.data.covariates import drivers_as_of
from service.issues import issue_store, note_store
from service.issues.declared_models import declared
from service.issues.fit_task import FitTask, run_fit_task
from service.issues.issue_store import Issue


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
        readers, origin = note.get("models", ()), as_day(lead.data_through)
        drivers = drivers_as_of(connection, route, origin, lead.as_of, lead.horizon_days)
    others = {}
    for name in models:
        progress(name)
        task = FitTask(name, specs, figures, drivers.covariates if name in readers else None)
        if reason := _difference(context, task, issues):
            others[name] = reason
    progress("")
    if others:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in others.items())
        raise JobError(f"issue {lead.issue_id} cannot be reproduced: {reasons}")
    reason = f"issue {lead.issue_id} is reproduced bit for bit by all of its {len(models)} models"
    return Outcome("done", reason, {"issue": lead.issue_id, "models": models})


def _difference(context: Context, task: FitTask, issues: Sequence[Issue]) -> str:
    """Return why a model's paths differ from those of its `issues`; empty if they do not."""
    lead, name = issues[0], task.name
    try:
        fit = run_fit_task(task).restore()
        rng = joint.generator(lead.seed, name, as_day(lead.origin))
        simulated = fit.draw(lead.horizon_days, lead.n_paths, rng)
    except (FitError, SpecError) as error:
        return str(error)
    for issue in issues:
        with context.database.reading() as connection:
            stored = issue_store.load_paths(connection, issue, name)
        repeated = issue_store.trim_paths(issue, name, simulated[issue.series_id])
        if stored is None or not np.array_equal(stored.values, repeated.values):
            return "its paths differ: its declaration or a package has changed"
    return ""
