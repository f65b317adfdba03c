"""Accuracy of our forecasts and the peers' on the same past days, in one run.

``make bench`` prints the table of docs/models.md and every target, met or not.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bench import report, weather, weather_peers
from bench.peers import PEERS, missing
from bench.runs import Entry, run_all
from forecast import specs
from forecast.backtest import BacktestConfig
from forecast.series import as_day
from service.core.files import RegistryError
from service.core.route_files import enabled_routes
from service.core.settings import PROJECT
from service.data.csv_rows import read_series
from service.data.source import SourceError
from service.issues.declared_models import declared

_DAY, _PATH = click.DateTime(["%Y-%m-%d"]), click.Path(path_type=Path)
_MODELS = "Of: all, ours, peers, champion, a declared model, "
_MODELS += ", ".join([*PEERS, *weather_peers.PEERS]) + "; the last three with --weather."
_WEATHER = "HISTORY FORECASTS: drivers as they came, and as forecast at each origin. Repeatable."
_SECOND = "CSV of a second crossing, scored in place of the figures: protocol I."
_SPANS = {False: ("2023-01-01", "2025-12-01"), True: ("2022-01-01", "2024-12-01")}
"""First and last origin, without and with a second crossing."""

_STEP = "Score at every n-th of the archive's origins."
_ROUTE = enabled_routes(PROJECT / "series")[0]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=_PATH, help="CSV; the embedded figures if not.")
@click.option("--second", type=_PATH, help=_SECOND)
@click.option("--first", type=_DAY, help="First origin: 2023-01-01, with --second 2022-01-01.")
@click.option("--last", type=_DAY, help="None is later: 2025-12-01, with --second 2024-12-01.")
@click.option("--every", type=click.IntRange(1), default=14, show_default=True, help="Days.")
@click.option("--paths", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--models", default="all", show_default=True, help=_MODELS)
@click.option("--models-dir", type=_PATH, default=PROJECT / "models")
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--weather", "drivers", type=_PATH, nargs=2, multiple=True, help=_WEATHER)
@click.option("--weather-step", type=click.IntRange(1), default=1, help=_STEP)
@click.option("--json", "to", type=_PATH, help="All scores.")
@click.option("--quick", is_flag=True, help="Four origins and few paths: a test of the program.")
def main(quick: bool, processes: int, paths: int, seed: int, to: Path | None, **given: Any) -> None:
    """Score our forecasters and the peers at rolling origins.

    \b
    Examples:
      make bench
      python -m bench.accuracy --models champion,climatology,auto_ets
      python -m bench.accuracy --data longer.csv --first 2026-01-01 --last 2026-12-31
      python -m bench.accuracy --second another_crossing.csv
    """
    began = time.monotonic()
    second = given["second"] is not None
    if second and (given["data"] or given["drivers"]):
        raise click.UsageError("--second takes neither --data nor --weather")
    limits, spans = (given["first"], given["last"]), _SPANS[second]
    first, last = (str(d.date()) if d else usual for d, usual in zip(limits, spans, strict=True))
    protocol = BacktestConfig(first, last, given["every"], 28, paths, seed, series=_ROUTE.leading)
    if quick:
        print("QUICK: a test of the program; its numbers say nothing about anyone.\n")
        protocol = _quick(protocol)
    option = "--second" if second else "--data"
    try:
        data = given["second"] or given["data"] or _ROUTE.folder / _ROUTE.figures
        leading, every = (_ROUTE.leading,), _ROUTE.forecast
        columns = read_series(data, leading, every)
        series = {name: columns[name] for name in every if name in columns}
        entries, peers = _entries(given["models"], given["models_dir"], bool(given["drivers"]))
        option = "--weather"
        sets = [weather.read(*files) for files in given["drivers"]]
    except SourceError as error:
        raise click.UsageError(f"{option}: {error}") from error
    end = series[protocol.series].data_through
    if not protocol.origins(end):
        raise click.UsageError(
            f"expected an origin with {protocol.horizon} days of figures after it, found none: "
            f"the figures end on {end}"
        )
    runs = run_all(entries, series, protocol, processes)
    result = report.evaluate(protocol, entries, runs, second)
    print(report.as_text(result), flush=True)
    if sets and result.champion is not None:
        judged = weather.protocol_of(sets[0], _ROUTE.leading, paths, seed, given["weather_step"])
        judged = _quick(judged) if quick else judged
        shown = weather.entries(result.champion, peers, sets, judged.horizon)
        runs = run_all(shown, series, judged, processes)
        ours = [entry.name for entry in shown if entry.kind != "peer"]
        weather_targets, remark = weather.judge({name: runs[name] for name in ours})
        print("\n" + report.weather_text(result.champion, shown, runs, weather_targets, remark))
        remarks = [*result.remarks, *filter(None, [remark])]
        result = replace(result, targets=[*result.targets, *weather_targets], remarks=remarks)
    if to:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps(report.as_json(result), indent=1) + "\n", "utf-8")
        print(f"\nwritten: {to}")
    print(f"\n{time.monotonic() - began:,.0f} s in all, {processes} processes at a time.")
    sys.exit(any(run.failure for run in result.runs.values()))


def _quick(protocol: BacktestConfig) -> BacktestConfig:
    """Return a copy with four origins and few paths."""
    span = int((as_day(protocol.last) - as_day(protocol.first)).astype(int))
    every = max(span // 3 // protocol.every, 1) * protocol.every
    return replace(protocol, every=every, paths=min(protocol.paths, 200))


def _entries(names: str, folder: Path, with_weather: bool) -> tuple[list[Entry], list[Entry]]:
    """Return our models (champion first) and the peers; and those with weather."""
    try:
        declarations = declared(folder)
        shown = specs.published(declarations)
        best = specs.champion(declarations)
    except (RegistryError, specs.SpecError) as error:
        raise click.UsageError(str(error)) from error
    ours = sorted(shown, key=lambda name: name != best)
    peers = PEERS | (weather_peers.PEERS if with_weather else {})
    groups = {"all": [*ours, *peers], "ours": ours, "peers": list(peers), "champion": [best]}
    chosen_names = {one for name in names.split(",") for one in groups.get(name, [name])}
    unknown = chosen_names - set(groups["all"]) - set(declarations)
    if unknown:
        valid = ", ".join([*groups, *groups["all"]])
        raise click.UsageError(f"--models: expected of {valid}; found {', '.join(sorted(unknown))}")
    lacking = missing(peer for name, peer in peers.items() if name in chosen_names)
    if lacking:
        raise click.UsageError(
            f"not installed: {', '.join(lacking)}; `make bench` installs it beside the project, "
            "and --models ours does without"
        )
    available: dict[str, Entry] = {}
    for name, spec in declarations.items():
        kind = "champion" if name == best else "ours"
        available[name] = Entry(name, spec.title, kind, specs.build(name, declarations), name)
    available |= {name: Entry(name, one.title, "peer", one, name) for name, one in peers.items()}
    chosen = [
        available[name] for name in dict.fromkeys([*ours, *available]) if name in chosen_names
    ]
    given = [entry for entry in chosen if entry.name in weather_peers.PEERS]
    return [entry for entry in chosen if entry not in given], given


if __name__ == "__main__":
    main()
