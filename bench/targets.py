"""Targets for our best forecaster, and whether a run meets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.measures import Measured, together
from bench.runs import CUT
from forecast import bootstrap
from forecast.bootstrap import Interval

BEST_OF = ("prophet_defaults", "auto_ets", "auto_arima")
"""Models whose best result in a run, column by column, is the best peer."""

BEST_OF_OURS = ("sarimax", "prophet", "climatology", "seasonal_naive")
"""Declared models that count as peers on a second crossing."""

Bounds: TypeAlias = Mapping[str, tuple[float, float]]
"""Minimum and maximum of each column."""

_GROUPS = {"": "against the best peer, at most", CUT: "against the best, cut at 0, at most"}
_RATIOS = {"day_1": 0.72, "days_1_7": 0.84, "total_7": 0.79, "total_28": 0.75}


def _most(**bounds: float) -> Bounds:
    return {column: (0.0, most) for column, most in bounds.items()}


def _covers(least: float, most: float) -> Bounds:
    return {"cover_80_total_7": (least, most), "cover_80_total_28": (least, most)}


def _weather(most: Sequence[float], covers: Bounds) -> Bounds:
    return {**_most(**dict(zip(_NONE, most, strict=True))), **covers}


_WITHIN = {
    "in people, at most": _most(day_1=51.0, days_1_7=72.8, total_7=265.0, total_28=618.0),
    "coverage between": _covers(0.70, 0.90),
    "stretch: in people, at most": _most(day_1=49.0, days_1_7=71.5, total_7=255.0, total_28=590.0),
    "stretch: coverage between": _covers(0.75, 0.87),
}
_NONE = _most(day_1=74.7, days_1_3=70.6, days_1_7=74.2, total_7=295.0, total_28=692.0)
PERFECT = _weather((0.72, 0.64, 0.60, 0.64, 0.96), _covers(0.75, 0.87))
ENSEMBLE = _weather((0.73, 0.69, 0.76, 0.80, 0.98), _covers(0.75, 0.87))
OTHER_ENSEMBLE = _weather((0.90, 0.90, 0.95, 1.00, 1.00), _covers(0.72, 0.90))
"""Minimum and maximum of each column with weather: ratios to the run without, and coverage."""


@dataclass(frozen=True)
class Target:
    """One cell of the table of targets: `result` must be from `least` to `most`."""

    group: str
    column: str
    least: float
    most: float
    result: Interval
    note: str = ""

    @property
    def stretch(self) -> bool:
        """Whether it is a stretch target."""
        return self.group.startswith("stretch")

    @property
    def met(self) -> bool:
        """Whether the value is in the target range."""
        return self.least <= self.result.value <= self.most

    @property
    def sure(self) -> bool:
        """Whether the whole interval of the value agrees."""
        return not any(self.result.holds(bound) for bound in (self.least, self.most) if bound > 0)


def best_peers(
    runs: Mapping[str, Measured], ending: str = "", names: Sequence[str] = BEST_OF
) -> dict[str, str]:
    """Return the best of `names` in each column among the runs; `ending` is the suffix of names."""
    names = [name + ending for name in names]
    finished = [name for name in names if name in runs and runs[name].origins]
    return {
        column: min(finished, key=lambda name: runs[name].columns[column].mean())
        for column in _RATIOS
        if finished and all(column in runs[name].columns for name in finished)
    }


def against_peers(champion: Measured, runs: Mapping[str, Measured]) -> list[Target]:
    """Ratios of the champion to the best peer of each column, peers as drawn and cut at zero."""
    judged = []
    for ending, group in _GROUPS.items():
        for column, peer in best_peers(runs, ending).items():
            bounds = {column: (0.0, _RATIOS[column])}
            judged += _ratios(group, champion, runs[peer], bounds, peer.removesuffix(ending))
    return judged


def on_a_second_crossing(
    champion: Measured, runs: Mapping[str, Measured], peers: Sequence[str]
) -> list[Target]:
    """Ratios to the best of all `peers` and of our peer models; and coverage."""
    group, judged = "against the best of all, below", []
    for column, peer in best_peers(runs, names=[*peers, *BEST_OF_OURS]).items():
        if column != "day_1":
            judged += _ratios(group, champion, runs[peer], {column: (0.0, 1.0)}, peer)
    return judged + _means("coverage between", champion, _WITHIN["coverage between"])


def within(champion: Measured) -> list[Target]:
    """The champion's scores in people, and its coverage; stretch targets last."""
    return [one for group, bounds in _WITHIN.items() for one in _means(group, champion, bounds)]


def without_weather(without: Measured) -> list[Target]:
    """The champion without weather, in people."""
    return _means("none, at most", without, _NONE)


def _means(group: str, measured: Measured, bounds: Bounds) -> list[Target]:
    return [
        Target(group, column, least, most, bootstrap.mean(measured.columns[column]))
        for column, (least, most) in bounds.items()
        if column in measured.columns
    ]


def with_weather(name: str, measured: Measured, without: Measured, bounds: Bounds) -> list[Target]:
    """Ratios of a run with weather to the same forecaster without, and its coverage."""
    ratios = {column: bound for column, bound in bounds.items() if column in _NONE}
    shares = {column: bound for column, bound in bounds.items() if column not in _NONE}
    ours, _ = together(measured, without)
    return _ratios(name, measured, without, ratios) + _means(name, ours, shares)


def _ratios(
    group: str, measured: Measured, other: Measured, bounds: Bounds, note: str = ""
) -> list[Target]:
    ours, theirs = (one.columns for one in together(measured, other))
    return [
        Target(group, column, *bound, bootstrap.ratio(ours[column], theirs[column]), note)
        for column, bound in bounds.items()
    ]
