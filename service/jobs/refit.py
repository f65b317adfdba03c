"""Refit: every declared model on the figures as they stand, published as one frozen issue."""

from __future__ import annotations

__all__ = ["refit"]

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict

import sqlalchemy as sa

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.series import DailySeries
from forecast.specs import ROLES, Spec, build
from service.clock import utc_now
from service.context import Context
from service.jobs.record import JobError, Outcome, perform
from service.registry import declared
from service.settings import Settings
from service.sources.base import SERIES
from service.store import issues, observations
from service.store.issues import Entry, Issue

Progress = Callable[[str], None]
Drawn = dict[str, dict[str, Paths]]
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
        figures = _figures(connection, now)
        newest = issues.latest(connection, joint.leading(figures)) if figures else None
    if not figures:
        raise JobError("no figures are stored: run `crossings ingest` first")
    inputs = _inputs_hash(figures, specs, settings)
    if not force and newest and _is_current(newest, inputs, now, settings):
        return Outcome("skipped", f"issue {newest.issue_id} is current")
    drawn, failures = _draw(figures, specs, settings, progress)
    progress("")
    champion = _champion(specs, drawn, failures)
    published = []
    with context.database.writing() as connection:
        for series_id, series in figures.items():
            issue = _issue(series_id, series, run_id, champion, inputs, now, settings, failures)
            entries = [
                (Entry(name, _version(specs[name], inputs), specs[name].role, specs[name].title), p)
                for name, p in ((name, drawn[name][series_id]) for name in drawn)
            ]
            issues.publish(connection, issue, entries)
            published.append(issue.issue_id)
    reason = f"published {', '.join(published)} with {len(drawn)} models, champion {champion}"
    return Outcome("done", reason, {"issues": published, "failures": failures})


def _figures(connection: sa.Connection, now: dt.datetime) -> dict[str, DailySeries]:
    """Every series, cut to the days that all of them have."""
    found = {name: observations.series(connection, name, now) for name in SERIES}
    there = {name: series for name, series in found.items() if series is not None}
    if not there:
        return {}
    through = min(series.data_through for series in there.values())
    first = max(series.start for series in there.values())
    return {name: series.between(first, through) for name, series in there.items()}


def _draw(
    figures: Mapping[str, DailySeries],
    specs: Mapping[str, Spec],
    settings: Settings,
    progress: Progress,
) -> tuple[Drawn, dict[str, str]]:
    """Paths of each model and series, and why a model has none."""
    drawn: Drawn = {}
    failures: dict[str, str] = {}
    lead = figures[joint.leading(figures)]
    for name in specs:
        progress(name)
        rng = joint.generator(settings.seed, name, lead.data_through)
        try:
            fitted = build(name, specs).fit(lead)
            drawn[name] = joint.draw(fitted, figures, settings.horizon, settings.paths, rng)
        except FitError as error:
            failures[name] = str(error)
        except Exception as error:  # one model's defect must not cost the others their issue
            failures[name] = f"{type(error).__name__}: {error}"
            _log.exception("model %s failed", name)
        else:
            continue
        _log.warning("model %s is left out of the issue: %s", name, failures[name])
    return drawn, failures


def _champion(specs: Mapping[str, Spec], drawn: Drawn, failures: Mapping[str, str]) -> str:
    """The declared champion, or else the best role that stands."""
    standing = sorted(drawn, key=lambda name: (ROLES.index(specs[name].role), name))
    if not standing:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise JobError(f"no model stands: {reasons}")
    return standing[0]


def _issue(
    series_id: str,
    series: DailySeries,
    run_id: int,
    champion: str,
    inputs: str,
    now: dt.datetime,
    settings: Settings,
    failures: dict[str, str],
) -> Issue:
    origin: dt.date = series.data_through.item()  # type: ignore[assignment]
    return Issue(
        issue_id=issues.make_id(series_id, origin, now, inputs),
        series_id=series_id,
        run_id=run_id,
        kind="live",
        origin=origin,
        data_through=origin,
        as_of=now,
        issued_at=now,
        champion=champion,
        seed=settings.seed,
        n_paths=settings.paths,
        horizon_days=settings.horizon,
        inputs_hash=inputs,
        failures=failures,
    )


def _is_current(newest: Issue, inputs: str, now: dt.datetime, settings: Settings) -> bool:
    age = now - newest.issued_at
    return newest.inputs_hash == inputs and age < dt.timedelta(hours=settings.refit_hours)


def _inputs_hash(
    figures: Mapping[str, DailySeries], specs: Mapping[str, Spec], settings: Settings
) -> str:
    """Hash of all that decides the paths: equal inputs, equal paths."""
    text = json.dumps(
        {
            "figures": observations.fingerprint(figures.values()),
            "models": [asdict(spec) for spec in specs.values()],
            "draw": [settings.paths, settings.horizon, settings.seed],
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _version(spec: Spec, inputs: str) -> str:
    return hashlib.sha256(f"{spec.name} {inputs}".encode()).hexdigest()[:12]
