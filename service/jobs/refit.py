"""Refit: every declared model on the figures as they stand, published as one frozen issue."""

from __future__ import annotations

__all__ = ["refit"]

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.series import DailySeries, Day, as_date
from forecast.specs import ROLES, Spec, build
from service.clock import utc_now
from service.context import Context
from service.jobs.champion import wanted
from service.jobs.fits import Fits, declaration_hash, fit_all
from service.jobs.notes import changes, explanation
from service.jobs.record import JobError, Outcome, perform
from service.registry import declared
from service.settings import Settings
from service.store import issues, notes, observations
from service.store.issues import Entry, Issue

Progress = Callable[[str], None]
_log = logging.getLogger(__name__)


def refit(
    context: Context,
    force: bool = False,
    progress: Progress = lambda _: None,
    period: str | None = None,
) -> Outcome:
    """Fit, draw and publish; skipped when the newest issue is current.

    Parameters
    ----------
    force : bool
        Publish a new issue even though nothing changed.
    progress : callable
        Called with the name of each model before its fit, and with "" at the end.

    Raises
    ------
    JobError
        When there are no figures, or no model stands.
    """
    return perform(context, "refit", lambda run: _refit(context, run, force, progress), period)


def _refit(context: Context, run_id: int, force: bool, progress: Progress) -> Outcome:
    settings, now = context.settings, utc_now()
    specs = declared(settings.models_dir)
    with context.database.reading() as connection:
        figures = observations.known_together(connection, now)
        newest = issues.latest(connection, joint.leading(figures)) if figures else None
    if not figures:
        raise JobError("no figures are stored: run `crossings ingest` first")
    first = wanted(specs, settings)
    inputs = _inputs_hash(figures, specs, first, settings)
    if not force and newest and _is_current(newest, inputs, now, settings):
        return Outcome("skipped", f"issue {newest.issue_id} is current")
    fits = fit_all(specs, figures, settings, progress)
    progress("")
    champion = _champion(specs, first, fits)
    published = _publish(context, run_id, specs, figures, fits, champion, inputs, now)
    reason = f"published {', '.join(published)} with {len(fits.standing)} models, {champion} first"
    detail = {"issues": published, "failures": fits.failures, "champion": champion}
    return Outcome("done", reason, detail)


def _publish(
    context: Context,
    run_id: int,
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    fits: Fits,
    champion: str,
    inputs: str,
    now: dt.datetime,
) -> list[str]:
    """Draw from every fit and store one issue a series, all in one transaction."""
    settings = context.settings
    origin = figures[joint.leading(figures)].data_through
    drawn: dict[str, tuple[Entry, dict[str, Paths]]] = {}
    for name, (version, fitted) in fits.standing.items():
        spec, rng = specs[name], joint.generator(settings.seed, name, origin)
        entry = Entry(name, version.name, spec.role, spec.title)
        drawn[name] = entry, fitted.draw(settings.horizon, settings.paths, rng)
    said = _say(context, specs, figures, fits, champion, drawn[champion][1])
    published = []
    with context.database.writing() as connection:
        for series_id in figures:
            issue = _issue(series_id, origin, run_id, champion, inputs, now, settings, fits)
            rows = [(entry, paths[series_id]) for entry, paths in drawn.values()]
            issues.publish(connection, issue, rows)
            for kind, content in said.items():
                if series_id in content:
                    notes.put(connection, issue.issue_id, kind, content[series_id])
            published.append(issue.issue_id)
    return published


def _say(
    context: Context,
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    fits: Fits,
    champion: str,
    paths: Mapping[str, Paths],
) -> dict[str, dict[str, dict[str, Any]]]:
    """What drives the issue, and what changed; a forecast is published even if neither can be."""
    seed, said = context.settings.seed, {}
    try:
        _, fitted = fits.standing[champion]
        said[notes.EXPLANATION] = explanation(fitted, paths, figures, seed)
        with context.database.reading() as connection:
            found = {name: issues.latest(connection, name) for name in figures}
            before = {name: issue for name, issue in found.items() if issue is not None}
            if len(before) == len(figures):
                said[notes.CHANGES] = changes(
                    connection,
                    before,
                    build(champion, specs),
                    (champion, declaration_hash(champion, specs)),
                    paths,
                    figures,
                    seed,
                )
    except (FitError, ValueError, KeyError) as error:
        _log.exception("the issue is published without its reasons: %s", error)
    return said


def _champion(specs: Mapping[str, Spec], first: str, fits: Fits) -> str:
    """`first` if it stands, and else the best role that does."""
    if not fits.standing:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in fits.failures.items())
        raise JobError(f"no model stands: {reasons}")
    ranked = sorted(fits.standing, key=lambda name: (ROLES.index(specs[name].role), name))
    return first if first in fits.standing else ranked[0]


def _issue(
    series_id: str,
    origin: Day,
    run_id: int,
    champion: str,
    inputs: str,
    now: dt.datetime,
    settings: Settings,
    fits: Fits,
) -> Issue:
    day = as_date(origin)
    return Issue(
        issue_id=issues.make_id(series_id, day, now, inputs),
        series_id=series_id,
        run_id=run_id,
        kind="live",
        origin=day,
        data_through=day,
        as_of=now,
        issued_at=now,
        champion=champion,
        seed=settings.seed,
        n_paths=settings.paths,
        horizon_days=settings.horizon,
        inputs_hash=inputs,
        failures=fits.failures,
    )


def _is_current(newest: Issue, inputs: str, now: dt.datetime, settings: Settings) -> bool:
    age = now - newest.issued_at
    return newest.inputs_hash == inputs and age < dt.timedelta(hours=settings.refit_hours)


def _inputs_hash(
    figures: Mapping[str, DailySeries],
    specs: Mapping[str, Spec],
    champion: str,
    settings: Settings,
) -> str:
    """Hash of all that decides an issue: equal inputs, equal paths."""
    text = json.dumps(
        {
            "figures": observations.fingerprint(figures.values()),
            "champion": champion,
            "models": [asdict(spec) for spec in specs.values()],
            "draw": [settings.paths, settings.horizon, settings.seed],
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()
