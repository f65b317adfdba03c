"""What is said of an issue as it is made: what drives it, and what changed since the last one."""

from __future__ import annotations

__all__ = ["Before", "changes", "explanation", "read_before"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import joint
from forecast.covariates import Covariates
from forecast.explain import METHOD, attribution
from forecast.joint import Joint
from forecast.paths import Paths
from forecast.series import DailySeries
from service.core.clock import instant
from service.core.database import Connection
from service.data import observation_store
from service.issues import issue_input_store, issue_store, note_store
from service.issues.issue_store import Issue

EXPLAINED_DAYS = 35
COMPARED_DAYS = 90
"""Days from the day of issue on: a week more than is shown, for an issue that is not renewed."""

_PATHS, _LEAST_PATHS = 1000, 200
_YEAR_DAYS = 365
_PLACES = 3
Array = npt.NDArray[np.float64]
Fit = Callable[[Mapping[str, DailySeries], Covariates | None], Joint]


@dataclass(frozen=True, eq=False)
class Before:
    """The issues that are the newest but for the one that is being made, read in one go.

    Attributes
    ----------
    issues, figures, paths : dict by series_id
        The issues, what they were made of, and the paths of their champions.
    declaration : str or None
        Hash of the leading issue's champion.
    """

    issues: dict[str, Issue]
    figures: dict[str, DailySeries]
    paths: dict[str, Paths]
    declaration: str | None


def read_before(connection: Connection, figures: Mapping[str, DailySeries]) -> Before | None:
    """The newest issues of the series of `figures`; None unless each has one."""
    newest = {name: issue_store.latest(connection, name) for name in figures}
    found = {name: issue for name, issue in newest.items() if issue is not None}
    if len(found) < len(figures):
        return None
    paths = {name: issue_store.paths(connection, one, one.champion) for name, one in found.items()}
    return Before(
        found,
        {name: issue_input_store.of(connection, one) for name, one in found.items()},
        {name: one for name, one in paths.items() if one is not None},
        issue_input_store.declaration(connection, found[joint.leading(figures)]),
    )


def explanation(
    fitted: Joint,
    paths: Mapping[str, Paths],
    figures: Mapping[str, DailySeries],
    seed: int,
    waiting: int = 0,
) -> dict[str, dict[str, Any]]:
    """Split each series' mean forecast into what drives it, in its own unit.

    Boats follow from people, and so do their reasons: a factor's share of the boats is its share
    of the people, at the boats that these people come in.

    Parameters
    ----------
    waiting : int
        Days after the figures that come before those which are looked ahead.

    Returns
    -------
    dict of series_id to dict
        ``method yearly_mean mean factors``, the latter by name a list by day.
    """
    horizon = min(waiting + EXPLAINED_DAYS, paths[fitted.series].horizon)
    lead = paths[fitted.series].upto(horizon).mean()
    level = _yearly_mean(figures[fitted.series])
    # Figures that are a year old must not make a start ten times as long.
    n_paths = min(max(_PATHS * EXPLAINED_DAYS // horizon, _LEAST_PATHS), _PATHS)
    shares = attribution(fitted.fitted, lead, level, n_paths, seed)
    found = {}
    for name, drawn in paths.items():
        mean = drawn.upto(horizon).mean()
        ratio = mean / np.where(lead > 0, lead, 1.0)
        own = {factor: share * ratio for factor, share in shares.items()}
        base = _yearly_mean(figures[name])
        own["other"] = own["other"] + mean - base - sum(own.values(), np.zeros(horizon))
        found[name] = {
            "method": METHOD,
            "yearly_mean": round(base, _PLACES),
            "mean": _listed(mean),
            "factors": {factor: _listed(share) for factor, share in own.items()},
        }
    return found


def changes(
    before: Before,
    fit: Fit,
    champion: tuple[str, str],
    paths: Mapping[str, Paths],
    figures: Mapping[str, DailySeries],
    seed: int,
    waiting: int = 0,
    weather: tuple[Covariates | None, Covariates | None] = (None, None),
) -> dict[str, dict[str, Any]]:
    """Split the change of each day's mean since the issues `before` into its causes.

    The causes are let in one after the other: the model as it now is, on the figures as they were
    then known; the revisions since; the weather as it is now foreseen; the new figures. What a
    cause changes is the difference that it makes at its turn, so that they add up.

    Parameters
    ----------
    before : Before
        As it was read: no connection is held while the champion is fitted.
    fit : callable
        (figures, covariates) -> the champion fitted to them.
    champion : (name, hash of its declaration)
        What is served now.
    waiting : int
        As of `explanation`.
    weather : (Covariates | None, Covariates | None)
        At the origin of the issues before: as they used it, and as it is known now.

    Returns
    -------
    dict of series_id to dict
        ``since since_issued_at champion declaration from before after causes``, the latter by
        name a list by day from ``from`` on. The weather is no cause where neither used any.
    """
    name, declaration = champion
    leading = joint.leading(figures)
    lead = before.issues[leading]
    then = before.figures
    now = {series_id: one.upto(lead.data_through) for series_id, one in figures.items()}
    n_paths, horizon = paths[leading].n_paths, paths[leading].horizon
    # Drawn alike and from the same seed, or chance itself would look like a cause.
    drawn_as = (name, declaration, seed, n_paths, joint.drawn_days(horizon))
    same_model = drawn_as == (
        *(lead.champion, before.declaration),
        *(lead.seed, lead.n_paths, joint.drawn_days(lead.horizon_days)),
    )
    revised = observation_store.fingerprint(then.values()) != observation_store.fingerprint(
        now.values()
    )
    origin = then[leading].data_through

    def drawn(known: Mapping[str, DailySeries], foreseen: Covariates | None) -> dict[str, Paths]:
        rng = joint.generator(seed, name, origin)
        return fit(known, foreseen).draw(horizon, n_paths, rng)

    before_it, after_it = weather
    moved = (before_it and before_it.fingerprint) != (after_it and after_it.fingerprint)
    after_model = None if same_model else drawn(then, before_it)
    after_revision = drawn(now, before_it) if revised else after_model
    after_weather = drawn(now, after_it) if moved else after_revision
    causes = [c for c in note_store.CAUSES if c != "weather" or before_it or after_it]
    days = waiting + COMPARED_DAYS
    found = {}
    for series_id, issue in before.issues.items():
        if series_id not in paths:
            continue
        old = before.paths[series_id]
        target = paths[series_id]
        after = {
            "model": after_model,
            "revision": after_revision,
            "weather": after_weather,
            "new_figures": paths,
        }
        steps = {cause: _on(p[series_id], target, days) if (p := after[cause]) else None
                 for cause in causes}  # fmt: skip
        found[series_id] = _split(_on(old, target, days), steps) | {
            "since": issue.issue_id,
            "since_issued_at": instant(issue.issued_at),
            "champion": name,
            "declaration": declaration,
            "from": str(paths[series_id].start),
        }
    return found


def _split(before: Array, steps: Mapping[str, Array | None]) -> dict[str, Any]:
    """The means of each day `before`, after all `steps`, and what each of them changed."""
    days = min(len(step) for step in (before, *steps.values()) if step is not None)
    at = before
    causes = {}
    for cause, step in steps.items():
        causes[cause] = np.zeros(days) if step is None else step[:days] - at[:days]
        at = at if step is None else step
    return {
        "before": _listed(before[:days]),
        "after": _listed(at[:days]),
        "causes": {cause: _listed(change) for cause, change in causes.items()},
    }


def _on(paths: Paths, target: Paths, most: int) -> Array:
    """Mean of `paths` on the days of `target` that both have, at most so many."""
    skip = int((target.start - paths.start).astype(int))
    return paths.mean()[skip : skip + min(most, target.horizon)]


def _yearly_mean(series: DailySeries) -> float:
    return float(series.values[-_YEAR_DAYS:].mean())


def _listed(values: Array) -> list[float]:
    return [float(value) for value in np.round(values, _PLACES)]
