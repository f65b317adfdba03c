"""Publish: one frozen issue a series, with what is said of it, all in one transaction."""

from __future__ import annotations

__all__ = ["Draft", "publish"]

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecast import joint
from forecast.covariates import Covariates
from forecast.joint import Joint
from forecast.series import DailySeries, as_date, as_day
from forecast.specs import Spec, reads_covariates
from service.core import run_store
from service.core.context import Context
from service.core.database import Connection, DatabaseError
from service.core.declared_series import Route
from service.core.job_runner import JobError
from service.core.run_store import Claim
from service.data.covariates import Drivers, as_known
from service.issues import issue_input_store, issue_store, note_store
from service.issues.explain_issue import changes, explanation, read_before
from service.issues.fit_task import Order, fitted
from service.issues.issue_store import Entry, Issue
from service.issues.model_fits import Fits, declaration_hash

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draft:
    """All that an issue is made of.

    Attributes
    ----------
    champion, preferred : str
        The model that is served, and the one that should be.
    inputs : str
        Hash of all that decides the paths.
    weather : Drivers
        What models that read the weather were given.
    horizon : int
        Days after the figures that are simulated.
    """

    run: Claim
    route: Route
    specs: Mapping[str, Spec]
    figures: Mapping[str, DailySeries]
    fits: Fits
    champion: str
    preferred: str
    inputs: str
    now: dt.datetime
    weather: Drivers
    horizon: int

    @property
    def waiting(self) -> int:
        """Days that are over, or under way, and have no figure."""
        leading = self.figures[joint.leading(self.figures)]
        return max((self.route.day(self.now) - as_date(leading.data_through)).days, 0)


def publish(context: Context, draft: Draft, before: str | None) -> list[str]:
    """Store the issues of `draft`; none if another run has just stored the same.

    Parameters
    ----------
    before : str | None
        The issue that was the newest when the work began.

    Returns
    -------
    list of str
        The ids, one for each series.
    """
    declared_as = declaration_hash(draft.champion, draft.specs)
    notes = _say(context, draft, declared_as)
    entries = {
        name: Entry(name, fit.version.name, draft.specs[name].role, draft.specs[name].title)
        for name, fit in draft.fits.standing.items()
    }
    published = []
    with context.database.writing() as connection:
        if not run_store.is_current(connection, draft.run):
            raise JobError("this refit was stopped, or claimed by another process, meanwhile")
        newest = issue_store.get_latest_issue(connection, joint.leading(draft.figures))
        if newest and newest.inputs_hash == draft.inputs:
            # Equal inputs, equal paths: by another run meanwhile, or in this very second.
            if newest.issue_id != before or newest.issued_at == draft.now:
                return []
        for series_id in draft.figures:
            issue = _issue(context, draft, series_id)
            rows = [
                (entries[name], fit.paths[series_id]) for name, fit in draft.fits.standing.items()
            ]
            issue_store.insert_issue(connection, issue, rows)
            issue_input_store.save_inputs(connection, issue, draft.figures[series_id], declared_as)
            for kind, content in notes.items():
                if series_id in content:
                    note_store.save_note(connection, issue.issue_id, kind, content[series_id])
            published.append(issue.issue_id)
    return published


def _say(context: Context, draft: Draft, declared_as: str) -> dict[str, dict[str, dict[str, Any]]]:
    """What drives the issue, and what changed; a forecast is published even if neither is known."""

    def again(history: Mapping[str, DailySeries], weather: Covariates | None) -> Joint:
        order = Order(champion, draft.specs, history, weather)
        return fitted(order, context.settings)[0]

    seed, champion, figures = context.settings.seed, draft.champion, draft.figures
    fit = draft.fits.standing[champion]
    notes: dict[str, dict[str, dict[str, Any]]] = {}
    if draft.weather.status != "off":
        used = draft.weather.said(
            draft.champion, draft.fits.with_weather, draft.fits.without_weather
        )
        notes[note_store.WEATHER] = dict.fromkeys(figures, used)
    try:
        notes[note_store.EXPLANATION] = explanation(
            fit.fitted, fit.paths, figures, seed, draft.waiting
        )
        with context.database.reading() as connection:
            before = read_before(connection, figures)
            lead = before and before.issues[joint.leading(figures)]
            weather = _weather(connection, draft, lead) if lead else (None, None)
        if before:
            model = champion, declared_as
            notes[note_store.CHANGES] = changes(
                before, again, model, fit.paths, figures, seed, draft.waiting, weather
            )
    except DatabaseError:
        raise
    except Exception:  # a defect here must not cost anybody the forecast
        _log.exception("the issue is published without its reasons")
    return notes


def _weather(
    connection: Connection, draft: Draft, before: Issue
) -> tuple[Covariates | None, Covariates | None]:
    """The weather at the origin of the issue `before`: as it used it, and as it is known now."""
    origin, horizon = as_day(before.data_through), before.horizon_days
    note = note_store.get_note(connection, before.issue_id, note_store.WEATHER) or {}
    then = now = None
    is_read = reads_covariates(draft.champion, draft.specs)
    if before.champion in note.get("models", ()) and is_read:
        then = as_known(connection, draft.route, origin, before.as_of, horizon).covariates
    if draft.champion in draft.fits.with_weather:
        now = as_known(connection, draft.route, origin, draft.now, horizon).covariates
    return then, now


def _issue(context: Context, draft: Draft, series_id: str) -> Issue:
    settings = context.settings
    day = as_date(draft.figures[series_id].data_through)
    return Issue(
        issue_id=issue_store.make_id(series_id, day, draft.now, draft.inputs),
        series_id=series_id,
        run_id=draft.run.run_id,
        kind="live",
        origin=day,
        data_through=day,
        as_of=draft.now,
        issued_at=draft.now,
        champion=draft.champion,
        wanted=draft.preferred,
        seed=settings.seed,
        n_paths=settings.paths,
        horizon_days=draft.horizon,
        inputs_hash=draft.inputs,
        failures=draft.fits.failures,
    )
