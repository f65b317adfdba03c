"""Calibration seen: histograms of the randomised PIT, and reliability diagrams."""

from __future__ import annotations

__all__ = ["draw"]

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from bench import bootstrap
from bench.runs import CUT, Entry, Run
from bench.targets import BEST_OF
from forecast.backtest import OriginScore

Array = npt.NDArray[np.float64]

_BINS, _CLASSES = 10, 8
_PARTS: dict[str, Callable[[OriginScore], Array]] = {
    "Days 1-7": lambda score: score.pit[:7],
    "Days 8-28": lambda score: score.pit[7:28],
    "7-day totals": lambda score: np.array([score.totals["total_7"]["pit"]]),
    "28-day totals": lambda score: np.array([score.totals["total_28"]["pit"]]),
}


def draw(entries: Sequence[Entry], runs: Mapping[str, Run], folder: Path) -> list[Path]:
    """Draw the diagrams of all that have scores into `folder`; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    scored = [e for e in entries if runs[e.name].scores and not e.name.endswith(CUT)]
    figures = {
        "pit-ours.png": (_pit, [e for e in scored if e.kind != "peer"]),
        "pit-peers.png": (_pit, [e for e in scored if e.kind == "peer"]),
        "reliability.png": (
            _reliability,
            [e for e in scored if e.kind == "champion" or e.name in BEST_OF],
        ),
    }
    files = []
    for name, (drawing, group) in figures.items():
        if group:
            files.append(folder / name)
            drawing(group, runs).savefig(files[-1], dpi=160)
    return files


def _pit(group: Sequence[Entry], runs: Mapping[str, Run]) -> Figure:
    """A row a forecaster: the share of truths in each tenth, relative to what is expected."""
    figure = Figure(figsize=(11, 1 + 1.8 * len(group)), layout="constrained")
    axes = figure.subplots(len(group), len(_PARTS), squeeze=False, sharex=True, sharey=True)
    edges = np.linspace(0, 1, _BINS + 1)
    for row, entry in zip(axes, group, strict=True):
        for axis, (part, pick) in zip(row, _PARTS.items(), strict=True):
            pits = [pick(score) for score in runs[entry.name].scores]
            shares = np.array([np.histogram(pit, edges)[0] / len(pit) for pit in pits]) * _BINS
            height, whiskers = _intervals([bootstrap.mean(column) for column in shares.T])
            axis.bar(edges[:-1] + 0.5 / _BINS, height, width=0.9 / _BINS, yerr=whiskers)
            axis.axhline(1, color="black", linestyle="--", linewidth=0.8)
            axis.set(ylim=(0, 4), title=part if axis in axes[0] else None)
        row[0].set_ylabel(entry.name)
    figure.suptitle("Randomised PIT, with block-bootstrap intervals: flat at 1 is calibrated")
    return figure


def _reliability(group: Sequence[Entry], runs: Mapping[str, Run]) -> Figure:
    """Quantiles of days and of totals, and the probability of any arrivals on a day."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    axes = figure.subplots(1, 4)
    parts = {"Days": lambda score: score.pit, **{k: v for k, v in _PARTS.items() if "total" in k}}
    levels = np.linspace(0, 1, 41)
    for entry in group:
        scores = runs[entry.name].scores
        style: dict[str, Any] = {
            "label": entry.name,
            "linewidth": 2.4 if entry.kind == "champion" else 1.2,
        }
        for axis, (part, pick) in zip(axes, parts.items(), strict=False):
            shares = np.array([(pick(one)[:, None] <= levels).mean(axis=0) for one in scores])
            axis.plot(levels, shares.mean(axis=0), **style)
            axis.set(title=part, xlabel="Forecast probability", ylabel="Share at or below")
        x, came = _events(scores)
        axes[3].errorbar(x, *_intervals(came), marker="o", markersize=3.5, **style)
    axes[3].set(title="Will anyone arrive?", xlabel="Forecast probability", ylabel="Share of days")
    for axis in axes:
        axis.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=0.8)
    axes[0].legend()
    figure.suptitle("Reliability: on the diagonal a forecast means what it says")
    return figure


def _events(scores: Sequence[OriginScore]) -> tuple[list[float], list[bootstrap.Interval]]:
    """Forecast probability of arrivals in classes of as many days, and how often any came."""
    stated = np.array([1 - score.p_zero for score in scores])  # (n_origins, horizon)
    came = np.array([score.truth > 0 for score in scores])
    edges = np.unique(np.quantile(stated, np.linspace(0, 1, _CLASSES + 1)))
    place = np.clip(np.searchsorted(edges, stated, side="right") - 1, 0, max(len(edges) - 2, 0))
    classes = [(place == one).astype(np.float64) for one in np.unique(place)]
    return (
        [float((stated * inside).sum() / inside.sum()) for inside in classes],
        [bootstrap.ratio((came * inside).sum(axis=1), inside.sum(axis=1)) for inside in classes],
    )


def _intervals(values: Sequence[bootstrap.Interval]) -> tuple[Array, Array]:
    """Values, and how far their intervals reach below and above."""
    height = np.array([one.value for one in values])
    return height, np.abs(np.array([[one.lo, one.hi] for one in values]).T - height)
