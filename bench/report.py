"""Reports of a benchmark: aligned Markdown for people, JSON for programs."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any, TypeAlias

from bench import targets
from bench.measures import COVERAGE, CRPS, Measured, measure, together
from bench.runs import CUT, Entry, Run
from forecast import bootstrap
from forecast.backtest import BacktestConfig
from forecast.scores import CRPS_ESTIMATOR

Entries: TypeAlias = Sequence[Entry]
Runs: TypeAlias = Mapping[str, Run]
Measures: TypeAlias = Mapping[str, Measured]
Targets: TypeAlias = Sequence[targets.Target]

_PACKAGES = (*("numpy", "pandas", "scipy", "statsmodels", "prophet", "statsforecast", "lightgbm"),)

_COMPARED = ("day_1", "days_1_7", "total_7", "total_28")
_COVERED = ("cover_80_total_7", "cover_80_total_28")
_TITLES = CRPS | COVERAGE | {"days_1_3": "days 1-3"}
_tenths, _share, _ratio = "{:,.1f}".format, "{:.2f}".format, "{:.3f}".format


@dataclass(frozen=True)
class Result:
    """Participants, their forecasts' scores, and the results."""

    protocol: BacktestConfig
    entries: Entries
    runs: Runs
    measured: Measures
    targets: Targets = ()
    remarks: Sequence[str] = ()

    @property
    def champion(self) -> Entry | None:
        """The champion, if it took part."""
        champions = [e for e in self.entries if e.kind == "champion" and e.name in self.measured]
        return champions[0] if champions else None


_HEADS = {
    False: "The best peer is, in each column, the best of "
    f"{', '.join(targets.BEST_OF)}; as drawn, and cut at zero. Bounds in people are meant for the "
    "origins of 2023-2025.",
    True: "Protocol I: the best is, in each column, the best of all peers, as drawn and cut at "
    f"zero, and of {', '.join(targets.BEST_OF_OURS)}.",
}
"""How to read the targets, without and with a second crossing."""


def evaluate(
    protocol: BacktestConfig, entries: Entries, runs: Runs, second: bool = False
) -> Result:
    """Measure every run, and judge the champion's targets that need no weather.

    `second`: the figures are of a second crossing, where it must beat all peers.
    """
    measured = {name: measure(run.scores) for name, run in runs.items() if run.scores}
    result = Result(protocol, _with_cut(entries, runs), runs, measured)
    if result.champion is None:
        return result
    champion_scores, remarks = measured[result.champion.name], [_HEADS[second]]
    if second:
        peers = [entry.name for entry in result.entries if entry.kind == "peer"]
        judged = targets.on_a_second_crossing(champion_scores, measured, peers)
    else:
        judged = [
            *targets.against_peers(champion_scores, measured),
            *targets.within(champion_scores),
        ]
    if lacking := [name for name in targets.BEST_OF if name not in measured]:
        remarks.append(f"Not run, so not among the best peers: {', '.join(lacking)}.")
    return replace(result, targets=judged, remarks=remarks)


def _with_cut(entries: Entries, runs: Runs) -> list[Entry]:
    pairs = [
        (entry, replace(entry, name=entry.name + CUT, title="– the same, cut at zero"))
        for entry in entries
    ]
    return [
        one
        for original, cut in pairs
        for one in (original, cut)
        if one is original or cut.name in runs
    ]


def as_text(result: Result) -> str:
    """Return the tables with explanations."""
    table = grid(protocol_rows(result.entries, result.runs, result.measured))
    judged = _judged(result, result.champion) if result.champion else ()
    troubles = _troubles(result.entries, result.runs)
    return "\n\n".join([_head(result), table, *troubles, *judged])


def _head(result: Result) -> str:
    config, versions = result.protocol, _versions()
    n = max((len(measured.origins) for measured in result.measured.values()), default=0)
    return (
        f"{n} origins every {config.every} days from {config.first} to {config.last}, "
        f"{config.horizon} days ahead, {config.paths:,} paths. CRPS in people (estimator "
        f"`{CRPS_ESTIMATOR}`), lower is better.\n"
        "Totals are sums along simulated paths. Peers' paths are as their packages draw them, "
        "below zero too; and again cut at zero.\n"
        "Seconds are the median of the origins, memory is the peak of a process of its own.\n"
        f"{os.cpu_count()} cores; {', '.join(map(' '.join, versions.items()))}."
    )


def _troubles(entries: Entries, runs: Runs) -> Iterator[str]:
    for entry in entries:
        run = runs[entry.name]
        if run.failure:
            yield f"{entry.name} failed: {run.failure}"
        elif run.declined and not entry.name.endswith(CUT):
            yield f"{entry.name} declined {len(run.declined)} origins; {run.declined[0]}"


def _judged(result: Result, champion: Entry) -> Iterator[str]:
    n = len(result.measured[champion.name].origins)
    yield (
        f"Ratios of CRPS at the same origins, and how many totals the other's 80 % intervals hold, "
        f"with {bootstrap.LEVEL} % intervals of a paired block bootstrap "
        f"({bootstrap.block_length(n)} origins a block):\n"
        "< the champion is better, > it is worse, = the interval holds 1 and nobody wins."
    )
    yield grid(comparison_rows(champion, result.entries, result.measured))
    yield (
        f"Targets of {champion.name}. `surely`: the whole interval lies on the same side of the "
        "bound."
    )
    yield from result.remarks
    yield grid(target_rows(sorted(result.targets, key=lambda target: target.stretch)))
    yield _count(result.targets)


def weather_text(
    champion: Entry, entries: Entries, runs: Runs, judged: Targets, remark: str
) -> str:
    """Compare the champion with and without each weather, and with peers, or say why not."""
    measured = {name: measure(run.scores) for name, run in runs.items() if run.scores}
    ours = [entry for entry in entries if entry.kind != "peer"]
    peers = _with_cut([entry for entry in entries if entry.kind == "peer"], runs)
    n = max((len(one.origins) for one in measured.values()), default=0)
    head = f"Protocol W at {n} origins: {champion.name} without and with the weather. "
    head += "Targets are ratios to none."
    parts = [head, grid(protocol_rows([*ours, *peers], runs, measured))]
    parts += [remark] if remark else [grid(target_rows(judged)), _count(judged)]
    parts += _troubles(peers, runs)
    for entry in ours:
        same = [peer for peer in peers if peer.weather is entry.weather and peer.name in measured]
        if same and entry.name in measured:
            parts.append(grid(comparison_rows(entry, same, measured)))
    return "\n\n".join(parts)


def _count(judged: Targets) -> str:
    required = [target for target in judged if not target.stretch]
    return (
        f"{sum(target.met for target in required)} of {len(required)} targets met, stretch apart."
    )


def _versions() -> dict[str, str]:
    installed = [package for package in _PACKAGES if importlib.util.find_spec(package)]
    return {"python": platform.python_version()} | {one: metadata.version(one) for one in installed}


def as_json(result: Result) -> dict[str, Any]:
    """Return all measurements, including those of each origin."""
    forecasters: dict[str, dict[str, Any]] = {}
    for entry in result.entries:
        run, measured = result.runs[entry.name], result.measured.get(entry.name, Measured((), {}))
        row = {"title": entry.title, "kind": entry.kind, "seconds_per_origin": run.seconds}
        row |= {"peak_mb": run.peak_mb, "declined": run.declined, "failure": run.failure}
        row["mean"] = {name: float(values.mean()) for name, values in measured.columns.items()}
        row["origins"] = list(measured.origins)
        row["per_origin"] = {name: values.tolist() for name, values in measured.columns.items()}
        forecasters[entry.name] = row
    return {
        "protocol": asdict(result.protocol) | {"crps_estimator": CRPS_ESTIMATOR},
        "versions": _versions(),
        "forecasters": forecasters,
        "targets": [asdict(one) | {"met": one.met, "sure": one.sure} for one in result.targets],
        "remarks": list(result.remarks),
    }


def grid(rows: Sequence[Sequence[str]]) -> str:
    """Lay out `rows` with a header; all but the first column are right-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(rows[0]), "| " + " | ".join(rule) + " |", *map(line, rows[1:])])


def protocol_rows(entries: Entries, runs: Runs, measured: Measures) -> list[list[str]]:
    """Return every forecaster's scores, coverage, seconds and memory."""
    header = ["forecaster", *CRPS.values(), *COVERAGE.values(), "s/origin", "peak MB"]
    return [header] + [
        [
            entry.title + ("" if entry.kind == "peer" else f" ({entry.kind})"),
            *(_average(measured[entry.name], column, _people) for column in CRPS),
            *(_average(measured[entry.name], column, _share) for column in COVERAGE),
            f"{runs[entry.name].seconds:.3f}",
            f"{runs[entry.name].peak_mb:,.0f}",
        ]
        for entry in entries
        if entry.name in measured
    ]


def comparison_rows(champion: Entry, entries: Entries, measured: Measures) -> list[list[str]]:
    """Return ratios of the champion to each other model, and whether the interval excludes 1."""
    rows = [[f"{champion.name} against", *(_TITLES[column] for column in (*_COMPARED, *_COVERED))]]
    for entry in entries:
        if entry.name != champion.name and entry.name in measured:
            ours, theirs = together(measured[champion.name], measured[entry.name])
            row = [entry.title, *(_compared(ours, theirs, column) for column in _COMPARED)]
            rows.append([*row, *(_covered(theirs, column) for column in _COVERED)])
    return rows


def target_rows(judged: Targets) -> list[list[str]]:
    """Return every target, whether it is met, and whether its interval agrees."""
    rows = [["target", "column", "bound", "found", f"{bootstrap.LEVEL} % interval", "", "surely"]]
    for target in judged:
        result, number = target.result, _tenths if target.least == 0 and target.most > 2 else _ratio
        bounds = f"{_share(target.least)}-{_share(target.most)}"
        name = target.group + (f" ({target.note})" if target.note else "")
        row = [name, _TITLES[target.column], bounds if target.least else number(target.most)]
        row += [number(result.value), f"{number(result.lo)}-{number(result.hi)}"]
        rows.append([*row, "met" if target.met else "MISSED", "yes" if target.sure else "no"])
    return rows


def _average(measured: Measured, column: str, number: Callable[[float], str]) -> str:
    values = measured.columns.get(column)
    return "–" if values is None or not len(values) else number(values.mean())


def _compared(ours: Measured, theirs: Measured, column: str) -> str:
    if column not in ours.columns or not ours.origins:
        return "–"
    ratio = bootstrap.ratio(ours.columns[column], theirs.columns[column])
    # An interval that contains 1 decides nothing.
    verdict = "=" if ratio.holds(1.0) else "<" if ratio.hi < 1 else ">"
    return f"{_ratio(ratio.value)} ({_ratio(ratio.lo)}-{_ratio(ratio.hi)}) {verdict}"


def _covered(measured: Measured, column: str) -> str:
    if column not in measured.columns or not measured.origins:
        return "–"
    coverage = bootstrap.mean(measured.columns[column])
    return f"{_share(coverage.value)} ({_share(coverage.lo)}-{_share(coverage.hi)})"


def _people(value: float) -> str:
    return f"{value:,.1f}" if value < 150 else f"{value:,.0f}"
