"""Choose the served model, and whether it uses weather.

The declared champion is served until a challenger proves better. A model that can use weather gets
it until it proves worse with it.
"""

__all__ = ["Verdict", "choose_champion", "judge", "last_comparison", "worse_with_weather"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast import bootstrap
from forecast.specs import Spec, champion
from service.core import run_store
from service.core.database import Connection
from service.core.declared_series import Route

MEASURES = ("days_1_7", "total_7", "total_28")
"""Measures compared: the CRPS of the days and totals that planners use."""

_LEAST_SHARE, _FEWEST, _FEWEST_WITH_WEATHER = 0.75, 4, 8
Scores = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Verdict:
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


def judge(
    current: str, specs: Mapping[str, Spec], record: Mapping[str, Scores], margin: float
) -> Verdict:
    """Compare on the common origins of the champion `current` and a challenger.

    A challenger that lacks more than a quarter of the champion's origins, or has fewer than four,
    is not judged: it may have skipped the hard ones.
    It must be better by more than the share `margin`; baselines never become champion. `record` has
    the CRPS by model, origin and measure.
    """
    reference = record.get(current, {})
    shared = {name: sorted(set(record.get(name, {})) & set(reference)) for name in specs}
    ratios = {
        name: ratio
        for name, origins in shared.items()
        if len(origins) >= max(_FEWEST, _LEAST_SHARE * len(reference))
        and (ratio := _ratio(record[name], reference, origins)) is not None
    }
    rivals = {n: r for n, r in ratios.items() if specs[n].role != "baseline" and n != current}
    best = min(rivals, key=lambda name: rivals[name], default=None)
    if best is None or rivals[best] >= 1.0 - margin:
        nearest = f"; nearest is {best} at {rivals[best]:.3f}" if best else ""
        reason = f"{current} stays champion on {len(reference)} origins{nearest}"
        return Verdict(current, reason, ratios)
    reason = (
        f"{best} replaces {current}: its score is {rivals[best]:.3f} of the champion's on "
        f"{len(shared[best])} weekly origins, better by more than {margin:.0%}"
    )
    return Verdict(best, reason, ratios)


def worse_with_weather(scores_with: Scores, scores_without: Scores) -> str:
    """Say how much worse a model is with weather than without; empty unless significant.

    Uses their common origins, at least eight: it is worse if the whole 95% interval (paired block
    bootstrap) of the ratio of scores, over `MEASURES`, is above 1.
    `scores_with` use the weather forecast at the origin, `scores_without` none: CRPS by origin and
    measure.
    """
    shared = sorted(set(scores_with) & set(scores_without))
    if len(shared) < _FEWEST_WITH_WEATHER:
        return ""
    ours, theirs = (
        np.array([[record[origin][name] for name in MEASURES] for origin in shared])
        for record in (scores_with, scores_without)
    )
    if not theirs.mean(axis=0).all():
        return ""  # no ratio if a measure is always 0
    ratio = bootstrap.ratio(ours, theirs)
    if not ratio.lo > 1.0:
        return ""
    return (
        f"is worse with it: its score is {ratio.value:.3f} ({ratio.lo:.3f} to {ratio.hi:.3f}) of "
        f"that without, on {len(shared)} weekly origins"
    )


def _ratio(scores: Scores, reference: Scores, shared: Sequence[str]) -> float | None:
    ours, theirs = (
        np.array([[record[origin][name] for origin in shared] for name in MEASURES]).mean(axis=1)
        for record in (scores, reference)
    )
    if (theirs <= 0).any():
        return None
    return float(np.exp(np.log(np.maximum(ours, 1e-12) / theirs).mean()))
