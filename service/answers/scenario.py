"""Scenarios: more arrivals, fuller boats or a calm sea, compared with the forecast.

Scenarios are computed on request and not stored.
"""

__all__ = ["LEVEL_PERCENT", "PEOPLE_PER_BOAT", "scenario"]

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from forecast import joint, scenarios
from forecast.paths import Paths
from forecast.series import as_day
from service.answers.bands import bands
from service.answers.errors import BadQuestion, NotPossible
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.totals import periods
from service.issues import note_store

LEVEL_PERCENT, PEOPLE_PER_BOAT = (-100, 400), (1, 300)
"""Minimum and maximum of each assumption."""

_PERIODS = ("next_7_days", "next_28_days")
_LEAST_DAYS = 28


def scenario(
    loader: IssueLoader,
    view: IssueView,
    horizon: int,
    levels: Sequence[int],
    *,
    level_percent: float = 0.0,
    people_per_boat: float | None = None,
    weather: Mapping[dt.date, str] | None = None,
) -> dict[str, Any]:
    """Return the scenario together with the unchanged forecast.

    The `weather` of a day is ``calm``, ``mixed`` or ``rough``: it is drawn from that third of the
    past days of the season, by wind. Raises `NotPossible` if the model does not use it.
    """
    weather = weather or {}
    if not (level_percent or people_per_boat or weather):
        raise BadQuestion("level_percent", "something that is assumed", "nothing")
    base = _simulate_with_weather(loader, view, weather, horizon) if weather else view.paths
    plain = _summarise(view, view.paths, horizon, levels)
    load = _mean_load(loader, view, horizon)
    factor = 1 + level_percent / 100
    if people_per_boat is not None and view.issue.series_id == loader.route.leading:
        if not load:
            units = (loader.route.series[name].unit for name in loader.route.followers)
            raise NotPossible(
                f"people_per_boat: no {next(units, 'others')} are drawn with the "
                f"{view.declared.unit} of this issue"
            )
        factor *= people_per_boat / load
    rng = joint.generator(view.issue.seed, "scenario", view.paths.start)
    changed = base if math.isclose(factor, 1) else scenarios.scaled(base, factor, rng)
    return {
        "kind": "scenario",
        "assumed": {
            "level_percent": level_percent,
            "people_per_boat": people_per_boat,
            "weather": {str(day): sea for day, sea in sorted(weather.items())},
        },
        "people_per_boat_forecast": round(load, 2) if load else None,
        "horizon": horizon,
        "levels": list(levels),
        **_summarise(view, changed, horizon, levels),
        "forecast": plain,
    }


def _simulate_with_weather(
    loader: IssueLoader, view: IssueView, weather: Mapping[dt.date, str], horizon: int
) -> Paths:
    """Simulate new paths from the fitted model of `view` under other weather."""
    issue, model = view.issue, view.entry.model
    with loader.context.database.reading() as connection:
        note = note_store.get_note(connection, issue.issue_id, note_store.WEATHER) or {}
    if model not in note.get("models", ()):
        why = f" ({note['reason']})" if note.get("status") == "missing" else ""
        raise NotPossible(
            f"weather: the model {model} of issue {issue.issue_id} uses no weather{why}, "
            "so calm or rough days do not change it"
        )
    end = view.ahead.end(horizon)
    days = view.paths.dates[:end].tolist()
    for day in weather:
        if day not in days:
            raise BadQuestion("weather", f"days from {days[0]} to {days[-1]}", day)
    fit = loader.fitted(view).with_weather({days.index(day): sea for day, sea in weather.items()})
    rng = joint.generator(issue.seed, model, as_day(issue.origin))
    # Use the issue's full horizon, so that days before the first assumed one stay the same.
    paths = fit.draw(issue.horizon_days, issue.n_paths, rng)[issue.series_id]
    return paths.upto(min(max(end, view.ahead.skipped + _LEAST_DAYS), issue.horizon_days))


def _summarise(
    view: IssueView, paths: Paths, horizon: int, levels: Sequence[int]
) -> dict[str, Any]:
    ahead = replace(view.ahead, paths=paths)
    return {
        "rows": bands(ahead, horizon, levels, view.declared),
        "totals": periods(view.observed, ahead, _PERIODS, levels),
    }


def _mean_load(loader: IssueLoader, view: IssueView, horizon: int) -> float | None:
    """Return the mean of the leading series per unit of the following series on these days."""
    both = [
        view if name == view.issue.series_id else loader.joint_view(view, name)
        for name in loader.route.forecast[:2]
    ]
    paths = [replace(view.ahead, paths=one.paths).upto(horizon) for one in both if one]
    return scenarios.people_per_boat(*paths) if len(paths) == 2 else None
