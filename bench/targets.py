"""The targets of our best forecaster, and whether a run reaches them."""

from __future__ import annotations

__all__ = [
    "BEST_OF",
    "ENSEMBLE",
    "OTHER_ENSEMBLE",
    "PERFECT",
    "Target",
    "against_peers",
    "best_peers",
    "with_weather",
    "within",
    "without_weather",
]

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
_WITHIN = {
    "in people, at most": {
        "day_1": (0, 51.0),
        "days_1_7": (0, 72.8),
        "total_7": (0, 265.0),
        "total_28": (0, 618.0),
    },
    "coverage between": {"cover_80_total_7": (0.70, 0.90), "cover_80_total_28": (0.70, 0.90)},
    "stretch: in people, at most": {
        "day_1": (0, 49.0),
        "days_1_7": (0, 71.5),
        "total_7": (0, 255.0),
        "total_28": (0, 590.0),
    },
    "stretch: coverage between": {
        "cover_80_total_7": (0.75, 0.87),
        "cover_80_total_28": (0.75, 0.87),
    },
}
_NONE = {"day_1": 74.7, "days_1_3": 70.6, "days_1_7": 74.2, "total_7": 295.0, "total_28": 692.0}


def _weather(
    ratios: tuple[float, ...], least: float, most: float
) -> dict[str, tuple[float, float]]:
    bounds = {column: (0.0, ratio) for column, ratio in zip(_NONE, ratios, strict=True)}
    return bounds | {f"cover_80_total_{days}": (least, most) for days in (7, 28)}


PERFECT = _weather((0.72, 0.64, 0.60, 0.64, 0.96), 0.75, 0.87)
ENSEMBLE = _weather((0.73, 0.69, 0.76, 0.80, 0.98), 0.75, 0.87)
OTHER_ENSEMBLE = _weather((0.90, 0.90, 0.95, 1.00, 1.00), 0.72, 0.90)
"""Least and most of each column with weather: ratios to the run without, and coverage."""


@dataclass(frozen=True)
class Target:
    """One cell of the table of targets: `found` must lie from `least` to `most`."""

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
        return not any(self.found.holds(bound) for bound in (self.least, self.most) if bound > 0)


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
    return [
        Target(group, column, least, most, bootstrap.mean(champion.columns[column]))
        for group, bounds in _WITHIN.items()
        for column, (least, most) in bounds.items()
        if column in champion.columns
    ]


def without_weather(without: Measured) -> list[Target]:
    """The champion without weather, in people."""
    return [
        Target("none, at most", column, 0, most, bootstrap.mean(without.columns[column]))
        for column, most in _NONE.items()
    ]


def with_weather(
    name: str, measured: Measured, without: Measured, bounds: Mapping[str, tuple[float, float]]
) -> list[Target]:
    """Ratios of a run with weather to the same forecaster without, and its coverage."""
    ours, theirs = together(measured, without)
    return [
        Target(
            name,
            column,
            least,
            most,
            bootstrap.mean(ours.columns[column])
            if column.startswith("cover")
            else bootstrap.ratio(ours.columns[column], theirs.columns[column]),
        )
        for column, (least, most) in bounds.items()
    ]
