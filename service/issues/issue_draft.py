"""The draft of a run's issues, one per series, and how it is stored."""

__all__ = ["Draft", "insert_issues"]

import datetime as dt
from dataclasses import dataclass
from typing import Any

from forecast.series import as_date
from forecast.specs import ROLES
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.run_store import Claim
from service.issues import issue_store, note_store
from service.issues.declared_models import declaration_hash
from service.issues.issue_store import Entry, Issue
from service.issues.model_fits import Fit, Fits, Inputs


@dataclass(frozen=True, eq=False)
class Draft:
    """Everything needed to create the issues of a run; at least one model has been fitted."""

    run: Claim
    route: Route
    kind: str  # ``live`` or ``hindcast``
    inputs: Inputs
    inputs_hash: str
    fits: Fits
    now: dt.datetime  # time of issue

    @property
    def champion(self) -> str:
        """The model served: the preferred one, otherwise the fitted one with the best role."""

        def rank(name: str) -> tuple[bool, int, str]:
            role = ROLES.index(self.inputs.specs[name].role)
            return name != self.inputs.preferred, role, name

        return min(self.fits.successful, key=rank)

    @property
    def fit(self) -> Fit:
        """The served fit."""
        return self.fits.successful[self.champion]

    @property
    def declared_as(self) -> str:
        """Hash of the served model's declaration."""
        return declaration_hash(self.champion, self.inputs.specs)

    @property
    def weather_note(self) -> dict[str, Any]:
        """Whether the served model used weather, and which."""
        fits = self.fits
        return self.inputs.weather.note_for(self.champion, fits.with_weather, fits.without_weather)

    @property
    def waiting(self) -> int:
        """Number of days that have started but have no figure."""
        return max((self.route.day(self.now) - as_date(self.inputs.origin)).days, 0)


def insert_issues(connection: Connection, draft: Draft) -> dict[str, str]:
    """Store the issues of `draft` with their inputs; return their ids by series."""
    inputs, specs, declared_as = draft.inputs, draft.inputs.specs, draft.declared_as
    ids = {}
    for series_id, figures in inputs.figures.items():
        day = as_date(figures.data_through)
        issue_id = issue_store.make_id(series_id, day, draft.now, draft.inputs_hash)
        issue = Issue(
            issue_id=issue_id if draft.kind == "live" else f"{draft.kind}-{issue_id}",
            series_id=series_id,
            run_id=draft.run.run_id,
            kind=draft.kind,
            origin=day,
            data_through=day,
            as_of=draft.now,
            issued_at=draft.now,
            champion=draft.champion,
            wanted=inputs.preferred,
            seed=inputs.seed,
            n_paths=inputs.n_paths,
            horizon_days=inputs.horizon,
            inputs_hash=draft.inputs_hash,
            failures=draft.fits.failures,
        )
        rows = [
            (Entry(name, specs[name].title, specs[name].role, fit.version), fit.paths[series_id])
            for name, fit in draft.fits.successful.items()
        ]
        issue_store.insert_issue(connection, issue, rows)
        note_store.save_inputs(connection, issue, figures, declared_as)
        ids[series_id] = issue.issue_id
    return ids
