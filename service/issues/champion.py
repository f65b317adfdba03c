"""Choose the served model: the declared champion, until a challenger proves better."""

__all__ = ["Verdict", "choose_champion", "judge", "last_comparison", "worse_with_weather"]

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from forecast import bootstrap
from forecast.specs import Spec, champion
from service.core import run_store
from service.core.database import Connection
from service.core.declared_series import Route

MEASURES = ("days_1_7", "total_7", "total_28")
"""Measures compared: the CRPS of the days and totals that planners use."""

_MARGIN, _LEAST_SHARE, _FEWEST = 0.03, 0.75, 4
_OVERLAP = 3  # weekly origins: 4 for one of the three measures, 1 for the others (record 0084)
_FEWEST_FOR_INTERVAL = bootstrap.fewest_origins(_OVERLAP)
Scores = Mapping[str, Mapping[str, float]]


class Verdict(NamedTuple):
    """The new champion, and why."""

    champion: str
    reason: str
    # Geometric mean, over `MEASURES`, of each model's mean score relative to the champion's.
    ratios: dict[str, float]


def last_comparison(connection: Connection, route: Route) -> dict[str, Any]:
    """Return what the last comparison of `route` stored; empty before the first."""
    run = run_store.get_latest_run(connection, "compare", "done", route.name)
    return run.detail if run else {}


def choose_champion(specs: Mapping[str, Spec], comparison: Mapping[str, Any]) -> str:
    """Return the model to serve: from the last comparison, otherwise the declared champion.

    Declaring another champion, or removing the chosen one, overrides the comparison.
    """
    declared, chosen = champion(specs), str(comparison.get("champion"))
    return chosen if chosen in specs and comparison.get("declared") == declared else declared


def judge(current: str, specs: Mapping[str, Spec], record: Mapping[str, Scores]) -> Verdict:
    """Compare each model with the champion `current` on their common origins.

    A model that lacks more than a quarter of the champion's origins, or has fewer than four, is not
    judged: it may have skipped the hard ones. A challenger, never a baseline, replaces the champion
    if it is better by more than 3%, with the whole 95% interval of its ratio below
    1, on at least ten origins. `record` has the CRPS by model, origin and measure.
    """
    reference = record.get(current, {})
    shared = {name: sorted(set(record.get(name, {})) & set(reference)) for name in specs}
    intervals = {
        name: interval
        for name, origins in shared.items()
        if len(origins) >= max(_FEWEST, _LEAST_SHARE * len(reference))
        and (interval := _ratio(record[name], reference, origins)) is not None
    }
    ratios = {name: interval.value for name, interval in intervals.items()}
    others = [name for name in ratios if specs[name].role != "baseline" and name != current]
    rivals = sorted(others, key=ratios.__getitem__)
    for name in rivals:
        is_proven = ratios[name] < 1.0 - _MARGIN and intervals[name].hi < 1.0
        if is_proven and len(shared[name]) >= _FEWEST_FOR_INTERVAL:
            score = _shown(intervals[name])
            reason = (
                f"{name} replaces {current}: its score is {score} of the champion's on "
                f"{len(shared[name])} weekly origins, better by more than {_MARGIN:.0%}"
            )
            return Verdict(name, reason, ratios)
    reason = f"{current} stays champion on {len(reference)} origins"
    if rivals:
        has_interval = len(shared[rivals[0]]) >= _FEWEST_FOR_INTERVAL
        score = _shown(intervals[rivals[0]]) if has_interval else f"{ratios[rivals[0]]:.3f}"
        reason += f"; nearest is {rivals[0]} at {score}"
    return Verdict(current, reason, ratios)


def worse_with_weather(scores_with: Scores, scores_without: Scores) -> str:
    """Say how much worse a model is with weather than without; empty unless significant.

    It is worse if the whole 95% interval (paired block bootstrap) of the ratio of scores is above
    1, on at least ten common origins.
    """
    shared = sorted(set(scores_with) & set(scores_without))
    if len(shared) < _FEWEST_FOR_INTERVAL:
        return ""
    ratio = _ratio(scores_with, scores_without, shared)
    if ratio is None or not ratio.lo > 1.0:
        return ""
    return (
        f"is worse with it: its score is {_shown(ratio)} times that without, on {len(shared)} "
        "weekly origins"
    )


def _ratio(scores: Scores, reference: Scores, shared: Sequence[str]) -> bootstrap.Interval | None:
    """Return the geometric mean over `MEASURES` of the ratios of mean scores at `shared`."""
    ours, theirs = (
        np.array([[record[origin][name] for name in MEASURES] for origin in shared])
        for record in (scores, reference)
    )
    # No ratio if a measure is always 0.
    return bootstrap.ratio(ours, theirs, _OVERLAP) if theirs.mean(axis=0).all() else None


def _shown(ratio: bootstrap.Interval) -> str:
    return f"{ratio.value:.3f} ({ratio.lo:.3f} to {ratio.hi:.3f})"
