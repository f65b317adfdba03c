"""The targets of our best forecaster, and whether a run reaches them."""

from __future__ import annotations

__all__ = ["BEST_OF", "Target", "against_peers", "best_peers", "of_weather", "within"]

from collections.abc import Mapping
from dataclasses import dataclass

from bench import bootstrap
from bench.bootstrap import Interval
from bench.measures import Measured, together
from bench.runs import CUT

BEST_OF = ("prophet_defaults", "auto_ets", "auto_arima")
"""The best of these in the same run, column by column, is the best peer."""

_GROUPS = {"": "against the best peer, at most", CUT: "against the best, cut at 0, at most"}

_RATIOS = {"day_1": 0.72, "days_1_7": 0.84, "total_7": 0.79, "total_28": 0.75}
_PEOPLE = {"day_1": 51.0, "days_1_7": 72.8, "total_7": 265.0, "total_28": 618.0}
_COVERAGE = {"cover_80_total_7": (0.70, 0.90), "cover_80_total_28": (0.70, 0.90)}
_STRETCH_PEOPLE = {"day_1": 49.0, "days_1_7": 71.5, "total_7": 255.0, "total_28": 590.0}
_STRETCH_COVERAGE = {"cover_80_total_7": (0.75, 0.87), "cover_80_total_28": (0.75, 0.87)}
_WEATHER = {"day_1": 0.98, "days_1_7": 0.92, "total_7": 0.87}


@dataclass(frozen=True)
class Target:
    """One cell of the table of targets.

    Attributes
    ----------
    group : str
        What is asked: ``against the best peer`` and so on.
    column : str
    least, most : float
        The value must lie between them, bounds included.
    found : Interval
    note : str
        Such as which peer was the best.
    """

    group: str
    column: str
    least: float
    most: float
    found: Interval
    note: str = ""

    @property
    def stretch(self) -> bool:
        """Whether it is asked beyond what must be reached."""
        return self.group.startswith("stretch")

    @property
    def met(self) -> bool:
        """Whether the value is where it should be."""
        return self.least <= self.found.value <= self.most

    @property
    def sure(self) -> bool:
        """Whether the whole interval of the value says the same."""
        bounds = [bound for bound in (self.least, self.most) if bound > 0]
        return not any(self.found.holds(bound) for bound in bounds)


def best_peers(runs: Mapping[str, Measured], ending: str = "") -> dict[str, str]:
    """Name of the best peer in each column, of those that were run; `ending` is that of names."""
    names = [name + ending for name in BEST_OF]
    there = [name for name in names if name in runs and runs[name].origins]
    if not there:
        return {}
    return {
        column: min(there, key=lambda name: runs[name].columns[column].mean())
        for column in _RATIOS
        if all(column in runs[name].columns for name in there)
    }


def against_peers(champion: Measured, runs: Mapping[str, Measured]) -> list[Target]:
    """Ratios of the champion to the best peer of each column, peers as drawn and cut at zero."""
    found = []
    for ending, group in _GROUPS.items():
        for column, peer in best_peers(runs, ending).items():
            ours, theirs = together(champion, runs[peer])
            value = bootstrap.ratio(ours.columns[column], theirs.columns[column])
            note = peer.removesuffix(ending)
            found.append(Target(group, column, 0, _RATIOS[column], value, note))
    return found


def within(champion: Measured) -> list[Target]:
    """The champion's scores in people, and its coverage; the stretch ones last."""
    values = {column: bootstrap.mean(scores) for column, scores in champion.columns.items()}
    asked: list[tuple[str, Mapping[str, tuple[float, float]]]] = [
        ("in people, at most", _at_most(_PEOPLE)),
        ("coverage between", _COVERAGE),
        ("stretch: in people, at most", _at_most(_STRETCH_PEOPLE)),
        ("stretch: coverage between", _STRETCH_COVERAGE),
    ]
    return [
        Target(group, column, least, most, values[column])
        for group, bounds in asked
        for column, (least, most) in bounds.items()
        if column in values
    ]


def of_weather(without: Measured, exact: Measured, noisy: Measured) -> list[Target]:
    """Ratios of the champion that is told the weather to itself without it.

    Parameters
    ----------
    without, exact, noisy : Measured
        With no covariates; with the days' actual values as their forecast; with noise added to
        them that grows with the lead.
    """
    found = []
    for column, most in _WEATHER.items():
        told, untold = together(exact, without)
        value = bootstrap.ratio(told.columns[column], untold.columns[column])
        found.append(Target("with the wind proxy, at most", column, 0, most, value))
    told, untold = together(noisy, without)
    value = bootstrap.ratio(told.columns["days_1_3"], untold.columns["days_1_3"])
    found.append(Target("with a noisy proxy, below", "days_1_3", 0, 1, value))
    return found


def _at_most(bounds: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {column: (0.0, most) for column, most in bounds.items()}
