"""The commands that need no database: forecast and backtest, on any CSV file."""

from __future__ import annotations

__all__ = ["backtest", "forecast", "show_backtest"]

import io
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import csv_options, form_option, pass_settings
from service.cli.output import console, count_progress, print_json, print_table, write_out
from service.core.files import csv_text

if TYPE_CHECKING:
    from service.cli.inputs import Inputs
    from service.core.settings import Settings

_LEVELS = (50, 80, 95)
_DAY = click.DateTime(["%Y-%m-%d"])
_CSV = click.Path(path_type=Path)
# Columns of the backtest table, 80 wide: header, name, format. JSON and CSV have the rest.
_SCORES = (
    ("day\n1", "crps_day_1", ".1f"),
    ("days\n1-7", "crps_days_1_7", ".1f"),
    ("days\n8-14", "crps_days_8_14", ".1f"),
    ("days\n15-28", "crps_days_15_28", ".1f"),
    ("total\n7", "crps_total_7", ".1f"),
    ("total\n28", "crps_total_28", ".1f"),
    ("80%\nday", "coverage80_day", ".0%"),
    ("80%\n7", "coverage80_total_7", ".0%"),
    ("80%\n28", "coverage80_total_28", ".0%"),
)


def _offline(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of both commands; the files are read and passed as `inputs`."""

    @click.option(
        "--data",
        required=True,
        type=_CSV,
        help="CSV with a column date and one for each series; - for standard input.",
    )
    @click.option("--series", help="Column to forecast. Default: the leading series.")
    @click.option("--horizon", default=28, show_default=True, type=click.IntRange(1, 400))
    @click.option("--paths", default=1000, show_default=True, type=click.IntRange(10, 100_000))
    @click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
    @click.option(
        "--covariates",
        type=_CSV,
        help="CSV of covariates: date, numeric columns, and member for an ensemble.",
    )
    @click.option(
        "--covariate-forecasts",
        type=_CSV,
        help="CSV of covariate forecasts: origin, member, date and the same columns.",
    )
    @csv_options("data", "covariates", "covariate_forecasts")
    @form_option("table", "json", "csv")
    @pass_settings
    @wraps(command)
    def call(settings: Settings, **options: Any) -> None:
        from service.cli.inputs import read_inputs

        names = ("data", "series", "covariates", "covariate_forecasts")
        inputs = read_inputs(settings, **{name: options.pop(name) for name in names})
        command(settings, inputs, **options)

    return call


@click.command()
@_offline
@click.option("--as-of", type=_DAY, help="Last day to use. Default: the last in the file.")
@click.option("--model", default="champion", show_default=True, help="A declared model.")
@click.option(
    "--paths-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="NPZ file for `paths` (n_paths, horizon) and `dates`.",
)
def forecast(
    settings: Settings,
    inputs: Inputs,
    as_of: Any,
    horizon: int,
    model: str,
    paths: int,
    seed: int,
    form: str,
    paths_out: Path | None,
) -> None:
    """Forecast from a CSV file, without a database, using no data after --as-of.

    \b
    Examples:
      crossings forecast --data figures.csv --horizon 14
      crossings forecast --data figures.csv --as-of 2024-10-18 --format json
      crossings forecast --data figures.csv --paths-out paths.npz --format csv > days.csv
      crossings forecast --data figures.csv --as-of 2024-10-18 --covariates wind.csv
    """
    import numpy as np

    from forecast import joint
    from forecast.covariates import CovariatesError
    from service.answers.ahead import Ahead
    from service.answers.bands import bands
    from service.answers.totals import periods
    from service.cli.inputs import select_models

    series, route = inputs.series, inputs.route
    figures = inputs.upto(str(as_of.date())) if as_of else inputs.figures
    history = figures[series]
    if model == "all":
        raise click.UsageError("--model: expected one declared model, found all")
    ((name, forecaster),) = select_models(settings, route, [model]).items()
    rng = joint.generator(seed, name, history.data_through)
    try:
        drivers = inputs.drivers.at(history.data_through, horizon) if inputs.drivers else None
    except CovariatesError as error:
        raise click.UsageError(f"{inputs.drivers_file}: {error}") from error
    simulated = joint.fit(forecaster, figures, drivers).draw(horizon, paths, rng)[series]
    if paths_out:
        stream = io.BytesIO()
        np.savez_compressed(stream, paths=simulated.values, dates=simulated.dates.astype(str))
        write_out(paths_out, stream.getvalue())
    declared = route.series[series] if series in route.forecast else None
    ahead = Ahead.of(simulated)
    rows = bands(ahead, horizon, _LEVELS, declared)
    totals = [
        total | {"period": f"{total['from']}/{total['to']}"}
        for total in periods(history, ahead, ("next_7_days", "next_28_days"), _LEVELS)
        if total["note"] is None  # within the horizon
    ]
    origin = str(history.data_through)
    if form == "json":
        head: dict[str, Any] = {"series_id": series, "model": name, "origin": origin, "seed": seed}
        print_json(head | {"n_paths": paths, "rows": rows, "totals": totals})
    elif form == "csv":
        click.echo(csv_text(rows, rows[0]), nl=False)
    else:
        console().print(f"{series} by {name}, from the figures to {origin}")
        _show_forecast(rows, totals)


@click.command()
@_offline
@click.option("--first", required=True, type=_DAY, help="First origin.")
@click.option("--last", required=True, type=_DAY, help="Last possible origin.")
@click.option("--every", default=14, show_default=True, type=click.IntRange(1), help="Days.")
@click.option("--models", default="champion", show_default=True, help="Declared models, or `all`.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="JSON file.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Local.")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Scheduler of a Dask cluster.")
def backtest(
    settings: Settings,
    inputs: Inputs,
    first: Any,
    last: Any,
    every: int,
    horizon: int,
    models: str,
    paths: int,
    seed: int,
    form: str,
    out: Path | None,
    workers: int,
    dask: str | None,
) -> None:
    """Score models at rolling origins, each seeing only the days up to it.

    Origins whose horizon extends beyond the file are skipped and reported. --workers and
    --dask do not change the scores.

    \b
    Examples:
      crossings backtest --data figures.csv --first 2023-01-01 --last 2025-12-01 \\
        --models hurdle,climatology --workers 2 --out scores.json
      crossings backtest --data figures.csv --first 2023-01-01 --last 2025-12-01 \\
        --dask tcp://scheduler:8786
    """
    from forecast import backtest as backtests
    from forecast.series import ONE_DAY, as_day
    from service.cli.inputs import select_models
    from service.cli.workers import choose_mapper

    protocol = backtests.BacktestConfig(
        str(first.date()), str(last.date()), every, horizon, paths, seed, series=inputs.series
    )
    chosen = select_models(settings, inputs.route, models.split(","))
    judged, data = inputs.figures[inputs.series], inputs.data
    requested = (as_day(protocol.last) - as_day(protocol.first)) // ONE_DAY // every + 1
    origins = protocol.origins(judged.data_through)
    if not origins or origins[0] < judged.start:
        raise click.UsageError(
            f"--first, --last: expected an origin from {judged.start} with {horizon} days of "
            f"figures after it, found none: {data} ends on {judged.data_through}"
        )
    if left_out := requested - len(origins):
        why = f"{data} ends on {judged.data_through}, less than {horizon} days after them"
        click.echo(f"{left_out} of {requested} origins are left out: {why}", err=True)
    mapper = choose_mapper(workers, dask)
    with count_progress("origins x models", len(origins) * len(chosen)) as progress:
        run = backtests.rolling_origin(
            chosen, inputs.figures, protocol, progress, mapper, inputs.drivers
        )
    summary = backtests.summary(protocol, *run)
    if out:
        write_out(out, (json.dumps(summary, indent=2) + "\n").encode())
    show_backtest(summary, form)


def _show_forecast(rows: list[dict[str, Any]], totals: list[dict[str, Any]]) -> None:
    def cells(row: dict[str, Any], name: str, *between: str) -> list[str]:
        ranges = (f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}" for level in _LEVELS)
        return [name, f"{row['median']:,}", f"{row['mean']:,.1f}", *between, *ranges]

    columns = ("date", "median", "mean", "P(0)", "crossings", "50%", "80%", "95%")
    table = [
        cells(row, row["date"], f"{row['p_zero']:.2f}", row["likelihood"] or "–") for row in rows
    ]
    for row in totals:
        table += [[], cells(row, f"{row['simulated_days']} days", "", "")]
    print_table(columns, table, width=160, numbers_from=1)


def show_backtest(summary: dict[str, Any], form: str = "table") -> None:
    """Print the scores of a backtest in `form`, then the origins that a model declined."""
    rows = [
        {"model": name, "origins": row["origins"], "seconds_per_origin": row["seconds_per_origin"]}
        | {f"crps_{what}": value for what, value in row["crps"].items()}
        | {
            f"coverage{level}_{what}": value
            for what, levels in row["coverage"].items()
            for level, value in levels.items()
        }
        for name, row in summary["models"].items()
    ]
    if form == "json":
        print_json(summary)
    elif form == "csv":
        click.echo(csv_text(rows, rows[0]), nl=False)
    else:
        _print_scores(rows)
    for name, row in summary["models"].items():
        for reason in row["declined"]:
            click.echo(f"{name} declined at {reason}", err=True)


def _print_scores(rows: list[dict[str, Any]]) -> None:
    def number(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, ",.0f" if value >= 100 else form)

    console(80).print("Mean CRPS of days and totals at n origins; share within the 80% range")
    print_table(
        ("model", "n", *(head for head, _, _ in _SCORES)),
        (
            [row["model"], row["origins"], *(number(row[key], form) for _, key, form in _SCORES)]
            for row in rows
        ),
        width=80,
        numbers_from=1,
        is_dense=True,
    )
