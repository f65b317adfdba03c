"""Calibration seen: histograms of the randomised PIT, and reliability diagrams."""

from __future__ import annotations

__all__ = ["draw"]

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

mpl.use("agg")

import matplotlib.pyplot as plt

from bench import bootstrap
from bench.runs import CUT, Entry, Run
from bench.targets import BEST_OF
from forecast.backtest import OriginScore

Array = npt.NDArray[np.float64]

_BINS = 10
_TOP = 4.0
_CLASSES = 8
_INK, _GREY, _PAPER = "#1d2733", "#8a94a0", "#ffffff"
_CHAMPION = "#0b6fb8"
# Colours that the colour-blind can tell apart: Okabe and Ito (2008).
_COLOURS = {"prophet_defaults": "#d55e00", "auto_ets": "#009e73", "auto_arima": "#cc79a7"}
_STYLE = {
    "figure.facecolor": _PAPER,
    "savefig.facecolor": _PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": "#c3cad1",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "#5b6570",
    "ytick.color": "#5b6570",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}

_PARTS: dict[str, Callable[[OriginScore], Array]] = {
    "Days 1-7": lambda score: score.pit[:7],
    "Days 8-28": lambda score: score.pit[7:28],
    "7-day totals": lambda score: np.array([score.totals["total_7"]["pit"]]),
    "28-day totals": lambda score: np.array([score.totals["total_28"]["pit"]]),
}


def draw(entries: Sequence[Entry], runs: Mapping[str, Run], folder: Path) -> list[Path]:
    """Draw the diagrams of all that have scores into `folder`; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    there = [e for e in entries if runs[e.name].scores and not e.name.endswith(CUT)]
    groups = {
        "pit-ours.png": ("Our forecasters", [e for e in there if e.kind != "peer"]),
        "pit-peers.png": ("Peers", [e for e in there if e.kind == "peer"]),
    }
    files = []
    with plt.rc_context(_STYLE):
        for name, (title, group) in groups.items():
            if group:
                files.append(_save(_pit_figure(title, group, runs), folder / name))
        shown = [e for e in there if e.kind == "champion" or e.name in BEST_OF]
        if shown:
            files.append(_save(_reliability_figure(shown, runs), folder / "reliability.png"))
    return files


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=160)
    plt.close(figure)
    return path


def _pit_figure(title: str, group: Sequence[Entry], runs: Mapping[str, Run]) -> Any:
    figure, axes = plt.subplots(
        len(group), len(_PARTS), figsize=(11, 1.2 + 1.65 * len(group)), sharey=True, squeeze=False
    )
    for place, (row, entry) in enumerate(zip(axes, group, strict=True)):
        colour = _CHAMPION if entry.kind == "champion" else "#7f8fa0"
        for axis, (part, pick) in zip(row, _PARTS.items(), strict=True):
            _histogram(axis, [pick(score) for score in runs[entry.name].scores], colour)
            if place == 0:
                axis.set_title(part, fontsize=10, pad=8)
            if place < len(group) - 1:
                axis.tick_params(labelbottom=False)
        row[0].set_ylabel(_wrapped(entry), fontsize=9, rotation=0, ha="right", va="center")
        row[0].yaxis.set_label_coords(-0.22, 0.5)
    _heading(
        figure,
        f"{title}: where the truth fell in the forecast distribution",
        "Randomised probability integral transform, relative to what is expected in each tenth. "
        "Flat at 1 is calibrated; a valley is a forecast too sure of\nitself, a hill one too "
        f"unsure, a slope one that is biased. Whiskers: {bootstrap.LEVEL} % block bootstrap over "
        f"{len(runs[group[0].name].scores)} origins.",
    )
    return figure


def _histogram(axis: Any, pits: Sequence[Array], colour: str) -> None:
    edges = np.linspace(0, 1, _BINS + 1)
    shares = np.array([np.histogram(pit, edges)[0] / len(pit) for pit in pits]) * _BINS
    found = [bootstrap.mean(column) for column in shares.T]
    middle = (edges[:-1] + edges[1:]) / 2
    height = np.array([one.value for one in found])
    axis.axhline(1, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=3)
    axis.bar(middle, height, width=0.9 / _BINS, color=colour, alpha=0.85, zorder=2)
    whiskers = np.abs(np.array([[one.lo, one.hi] for one in found]).T - height)
    axis.errorbar(
        middle, height, whiskers, fmt="none", ecolor=_INK, elinewidth=0.7, alpha=0.55, zorder=4
    )
    for x, value in zip(middle, height, strict=True):
        if value > _TOP:  # too high to show: say how high
            where = {"ha": "center", "va": "top", "color": _PAPER, "fontsize": 7}
            axis.text(x, _TOP - 0.1, f"{value:.0f}", **where)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, _TOP)
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axis.set_yticks([0, 1, 2, 3])


def _reliability_figure(shown: Sequence[Entry], runs: Mapping[str, Run]) -> Any:
    figure, axes = plt.subplots(1, 4, figsize=(13.2, 4.75))
    parts = {
        "Days": lambda score: score.pit,
        "7-day totals": _PARTS["7-day totals"],
        "28-day totals": _PARTS["28-day totals"],
    }
    # The champion last, so that it lies on top.
    order = sorted(shown, key=lambda entry: entry.kind == "champion")
    for axis, (part, pick) in zip(axes, parts.items(), strict=False):
        _square(axis, part, "Forecast probability", "Share of truths at or below")
        for entry in order:
            _quantile_line(axis, entry, [pick(score) for score in runs[entry.name].scores])
    _square(axes[3], "Will anyone arrive?", "Forecast probability of arrivals", "Share of days")
    for entry in order:
        _event_line(axes[3], entry, runs[entry.name].scores)
    handles = [
        plt.Line2D([], [], color=_colour(e), linewidth=_width(e), label=_short(e)) for e in shown
    ]
    figure.legend(
        handles=handles, loc="lower center", ncols=len(shown), frameon=False, fontsize=9.5
    )
    _heading(
        figure,
        "Reliability: what was said, and how often it came true",
        "On the diagonal a forecast means what it says. First three: quantiles of days and of "
        "totals (randomised); last: the probability of any arrivals on a day.\n"
        f"Bands and whiskers: {bootstrap.LEVEL} % block bootstrap over "
        f"{len(runs[shown[0].name].scores)} origins, the champion's alone.",
        bottom=0.09,
    )
    return figure


def _square(axis: Any, title: str, x: str, y: str) -> None:
    axis.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axis.set_title(title, fontsize=10.5, pad=8)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_aspect("equal")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axis.set_xticks(ticks, ["0", "¼", "½", "¾", "1"])
    axis.set_yticks(ticks, ["0", "¼", "½", "¾", "1"])
    axis.grid(color="#eef1f4", linewidth=0.8)
    axis.set_axisbelow(True)


def _quantile_line(axis: Any, entry: Entry, pits: Sequence[Array]) -> None:
    levels = np.linspace(0, 1, 41)
    shares = np.array([(pit[:, None] <= levels).mean(axis=0) for pit in pits])
    axis.plot(levels, shares.mean(axis=0), color=_colour(entry), linewidth=_width(entry), zorder=3)
    if entry.kind == "champion":
        found = [bootstrap.mean(column) for column in shares.T]
        axis.fill_between(
            levels,
            [one.lo for one in found],
            [one.hi for one in found],
            color=_colour(entry),
            alpha=0.16,
            linewidth=0,
            zorder=2,
        )


def _event_line(axis: Any, entry: Entry, scores: Sequence[OriginScore]) -> None:
    said = np.array([1 - score.p_zero for score in scores])  # (n_origins, horizon)
    came = np.array([score.truth > 0 for score in scores]).astype(np.float64)
    edges = np.unique(np.quantile(said, np.linspace(0, 1, _CLASSES + 1)))
    if len(edges) < 2:
        return
    place = np.clip(np.searchsorted(edges, said, side="right") - 1, 0, len(edges) - 2)
    points = []
    for one in range(len(edges) - 1):
        inside = (place == one).astype(np.float64)
        if inside.sum():
            share = bootstrap.ratio((came * inside).sum(axis=1), inside.sum(axis=1))
            points.append((float((said * inside).sum() / inside.sum()), share))
    x = [point for point, _ in points]
    y = np.array([share.value for _, share in points])
    axis.plot(
        x, y, color=_colour(entry), linewidth=_width(entry), marker="o", markersize=3.5, zorder=3
    )
    if entry.kind == "champion":
        bounds = np.array([[share.lo, share.hi] for _, share in points]).T
        axis.errorbar(
            x, y, np.abs(bounds - y), fmt="none", ecolor=_colour(entry), elinewidth=0.9, alpha=0.6
        )


def _heading(figure: Any, title: str, text: str, bottom: float = 0.0) -> None:
    """Title and text at the left, the axes below them whatever the figure's height."""
    inches = figure.get_size_inches()[1]
    figure.text(0.012, 1 - 0.30 / inches, title, fontsize=13, fontweight="bold", va="center")
    figure.text(0.012, 1 - 0.52 / inches, text, fontsize=8.8, color="#5b6570", va="top")
    figure.tight_layout(rect=(0, bottom, 1, 1 - 0.92 / inches), h_pad=0.8)


def _colour(entry: Entry) -> str:
    return _CHAMPION if entry.kind == "champion" else _COLOURS.get(entry.name, _GREY)


def _width(entry: Entry) -> float:
    return 2.4 if entry.kind == "champion" else 1.4


def _short(entry: Entry) -> str:
    name = entry.title.split(",")[0].split(":")[0]
    return f"{name} (champion)" if entry.kind == "champion" else name


def _wrapped(entry: Entry) -> str:
    words, lines = entry.title.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 18:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join([*lines, *(["(champion)"] if entry.kind == "champion" else [])])
