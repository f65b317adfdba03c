"""How good the forecasts are: ours and the peers' on the same past days, in one run.

``make bench`` prints the table of docs/models.md and every target, met or not.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bench import diagrams, report, weather
from bench.peers import PEERS, missing
from bench.runs import Entry, Run, run_all
from forecast import specs
from forecast.backtest import BacktestConfig
from forecast.series import DailySeries, as_day
from service.core.declared_series import read_route
from service.core.files import RegistryError
from service.core.settings import PROJECT
from service.data import embedded, figures_csv
from service.data.source import SourceError
from service.issues.declared_models import declared

_SLOW = ("monks_2023", "auto_arima", "auto_ets")
_DAY = click.DateTime(["%Y-%m-%d"])
_ROUTE = read_route(PROJECT / "series")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(path_type=Path), help="CSV; the embedded figures if not.")
@click.option("--first", type=_DAY, default="2023-01-01", show_default=True, help="First origin.")
@click.option("--last", type=_DAY, default="2025-12-01", show_default=True, help="None is later.")
@click.option("--every", type=click.IntRange(1), default=14, show_default=True, help="Days.")
@click.option("--paths", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--models",
    default="all",
    show_default=True,
    help="Of: all, ours, peers, champion, a declared model, " + ", ".join(PEERS) + ".",
)
@click.option("--models-dir", type=click.Path(path_type=Path), default=PROJECT / "models")
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "--weather",
    "weather_files",
    type=click.Path(path_type=Path),
    nargs=2,
    multiple=True,
    help="HISTORY FORECASTS: drivers as they came, and as forecast at each origin. Repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="For diagrams.")
@click.option("--json", "to", type=click.Path(path_type=Path, dir_okay=False), help="All scores.")
@click.option("--quick", is_flag=True, help="Four origins and few paths: a test of the program.")
def main(
    data: Path | None,
    first: Any,
    last: Any,
    every: int,
    paths: int,
    seed: int,
    models: str,
    models_dir: Path,
    processes: int,
    weather_files: tuple[tuple[Path, Path], ...],
    out: Path | None,
    to: Path | None,
    quick: bool,
) -> None:
    """Score our forecasters and the peers at rolling origins.

    \b
    Examples:
      make bench
      python -m bench.accuracy --models champion,climatology,auto_ets
      python -m bench.accuracy --data longer.csv --first 2026-01-01 --last 2026-12-31
    """
    began = time.monotonic()
    protocol = BacktestConfig(
        str(first.date()), str(last.date()), every, 28, paths, seed, series=_ROUTE.leading
    )
    if quick:
        print("QUICK: a test of the program; its numbers say nothing about anyone.\n")
        protocol = _quick(protocol)
    try:
        columns = figures_csv.read(data, (_ROUTE.leading,)) if data else embedded.read()
    except SourceError as error:
        raise click.UsageError(str(error)) from error
    known = {name: columns[name] for name in _ROUTE.forecast if name in columns}
    entries = _entries(models, models_dir)
    try:
        sets = [weather.read(history, forecasts) for history, forecasts in weather_files]
    except SourceError as error:
        raise click.UsageError(f"--weather: {error}") from error
    if not protocol.origins(known[protocol.series].data_through):
        raise click.UsageError(
            f"expected an origin with {protocol.horizon} days of figures after it, found none: "
            f"the figures end on {known[protocol.series].data_through}"
        )
    result = report.evaluate(protocol, entries, _run(entries, known, protocol, processes))
    print(report.as_text(result), flush=True)
    if sets and result.champion is not None:
        judged = weather.protocol_of(sets[0], _ROUTE.leading, paths, seed)
        judged = _quick(judged) if quick else judged
        ours = weather.entries(result.champion, sets, judged.horizon)
        runs = _run(ours, known, judged, processes)
        told, remark = weather.judge({entry.name: runs[entry.name] for entry in ours})
        print("\n" + report.weather_as_text(result.champion, ours, runs, told, remark))
        result = replace(
            result,
            targets=[*result.targets, *told],
            remarks=[*result.remarks, *([remark] if remark else [])],
        )
    if to:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps(report.as_json(result), indent=1) + "\n", "utf-8")
        print(f"\nwritten: {to}")
    if out:
        for path in diagrams.draw(result.entries, result.runs, out):
            print(f"drawn: {path}")
    print(f"\n{time.monotonic() - began:,.0f} s in all, {processes} processes at a time.")
    if any(run.failure for run in result.runs.values()):
        sys.exit(1)


def _quick(protocol: BacktestConfig) -> BacktestConfig:
    """The same with four origins and few paths."""
    span = int((as_day(protocol.last) - as_day(protocol.first)).astype(int))
    return replace(
        protocol,
        every=max(span // 3 // protocol.every, 1) * protocol.every,
        paths=min(protocol.paths, 200),
    )


def _entries(asked: str, folder: Path) -> list[Entry]:
    """Ours first, the champion before the others; then the peers."""
    try:
        there = declared(folder)
        shown = specs.published(there)
        best = specs.champion(there)
    except (RegistryError, specs.SpecError) as error:
        raise click.UsageError(str(error)) from error
    ours = sorted(shown, key=lambda name: name != best)
    groups = {"all": [*ours, *PEERS], "ours": ours, "peers": list(PEERS), "champion": [best]}
    wanted = {one for name in asked.split(",") for one in groups.get(name, [name])}
    unknown = wanted - set(groups["all"]) - set(there)
    if unknown:
        known = ", ".join([*groups, *groups["all"]])
        raise click.UsageError(f"--models: expected of {known}; found {', '.join(sorted(unknown))}")
    lacking = missing(peer for name, peer in PEERS.items() if name in wanted)
    if lacking:
        raise click.UsageError(
            f"not installed: {', '.join(lacking)}; `make bench` installs it beside the project, "
            "and --models ours does without"
        )
    return [
        Entry(
            name=name,
            title=there[name].title if name in there else PEERS[name].title,
            kind="champion" if name == best else "ours" if name in there else "peer",
            forecaster=specs.build(name, there) if name in there else PEERS[name],
            model=name,
        )
        for name in dict.fromkeys([*ours, *there, *PEERS])
        if name in wanted
    ]


def _run(
    entries: Sequence[Entry],
    known: Mapping[str, DailySeries],
    protocol: BacktestConfig,
    processes: int,
) -> dict[str, Run]:
    """Run all, the slow ones first so that they end with the others."""
    order = sorted(entries, key=lambda entry: entry.name not in _SLOW)

    def done(entry: Entry, run: Run) -> None:
        took = f"{sum(score.seconds for score in run.scores):,.0f} s"
        click.echo(f"{entry.name}: {run.failure or took}", err=True)

    return run_all(order, known, protocol, processes, done)


if __name__ == "__main__":
    main()
