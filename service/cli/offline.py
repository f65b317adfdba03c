"""The commands that need no database: forecast and backtest, on any CSV."""

from __future__ import annotations

__all__ = ["backtest", "forecast"]

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from service.cli.csv_options import csv_options
from service.cli.output import console, new_table, write_out
from service.cli.progress import counting
from service.cli.settings import pass_settings

if TYPE_CHECKING:
    from forecast.paths import Paths
    from service.core.settings import Settings
    from service.data.csv_rows import CsvFile

F = TypeVar("F", bound=Callable[..., Any])
_LEVELS = (50, 80, 95)
_DAY = click.DateTime(["%Y-%m-%d"])
_DATA = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV, or - for standard input: the column date and one for each series.",
)
_SERIES = click.option("--series", help="Column to forecast; unless given, the leading series.")
_SEED = click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
_COVARIATES = click.option(
    "--covariates",
    type=click.Path(path_type=Path),
    help="CSV of drivers: date, numeric columns, member for an ensemble of futures.",
)
_COVARIATE_FORECASTS = click.option(
    "--covariate-forecasts",
    type=click.Path(path_type=Path),
    help="CSV of their forecasts as issued: origin, member, date, the same columns.",
)
_PATHS = click.option("--paths", default=1000, show_default=True, type=click.IntRange(10, 100_000))
_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
)
# Of the table of a backtest, 80 wide: header, name and form. The rest is in JSON and CSV.
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


def _horizon(default: int) -> Callable[[F], F]:
    return click.option(
        "--horizon", default=default, show_default=True, type=click.IntRange(1, 400)
    )


@click.command()
@_DATA
@_SERIES
@click.option(
    "--as-of", type=_DAY, help="Last day that is used; the last of the file if not given."
)
@_horizon(28)
@click.option("--model", default="champion", show_default=True, help="A declared model.")
@_PATHS
@_SEED
@_COVARIATES
@_COVARIATE_FORECASTS
@csv_options("data", "covariates", "covariate_forecasts")
@_FORMAT
@click.option(
    "--paths-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="NPZ file for `paths` (n_paths, horizon) and `dates`.",
)
@pass_settings
def forecast(
    settings: Settings,
    data: CsvFile,
    series: str | None,
    as_of: Any,
    horizon: int,
    model: str,
    paths: int,
    seed: int,
    covariates: CsvFile | None,
    covariate_forecasts: CsvFile | None,
    form: str,
    paths_out: Path | None,
) -> None:
    """Forecast from a CSV file, with no database and no day after --as-of.

    \b
    Examples:
      crossings forecast --data figures.csv --horizon 14
      crossings forecast --data figures.csv --as-of 2024-10-18 --format json
      crossings forecast --data figures.csv --paths-out paths.npz --format csv > days.csv
      crossings forecast --data figures.csv --as-of 2024-10-18 --covariates wind.csv
    """
    from forecast import joint
    from forecast.covariates import CovariatesError
    from forecast.series import ONE_DAY, as_date
    from service.answers.ahead import Ahead
    from service.answers.bands import bands
    from service.answers.totals import between
    from service.cli import inputs
    from service.core.declared_series import read_route

    series, figures = inputs.figures(settings, data, series)
    if as_of is not None:
        figures = inputs.upto(figures, str(as_of.date()), data)
    name, forecaster = inputs.models(settings, [model])[0]
    rng = joint.generator(seed, name, figures[series].data_through)
    table = inputs.drivers(covariates, covariate_forecasts)
    try:
        drivers = table.at(figures[series].data_through, horizon) if table else None
    except CovariatesError as error:
        raise click.UsageError(f"{covariate_forecasts or covariates}: {error}") from error
    simulated = joint.fit(forecaster, figures, drivers).draw(horizon, paths, rng)[series]
    if paths_out:
        _write_paths(paths_out, simulated)
    route = read_route(settings.series_dir)
    declared = route.series[series] if series in route.forecast else None
    rows = bands(Ahead.of(simulated), horizon, _LEVELS, declared)
    history = figures[series]
    spans = [days for days in (7, 28) if days <= horizon]
    first = as_date(simulated.start)
    totals = [
        between(
            history, simulated, first, as_date(simulated.start + (days - 1) * ONE_DAY), _LEVELS
        )[0]
        for days in spans
    ]
    head = {
        "series_id": series,
        "model": name,
        "origin": str(history.data_through),
        "seed": seed,
        "n_paths": paths,
    }
    if form == "json":
        click.echo(json.dumps(head | {"rows": rows, "totals": totals}, indent=2))
    elif form == "csv":
        _write_csv(rows)
    else:
        _show_forecast(head, rows, totals)


@click.command()
@_DATA
@_SERIES
@click.option("--first", required=True, type=_DAY, help="First origin.")
@click.option("--last", required=True, type=_DAY, help="No origin is later.")
@click.option("--every", default=14, show_default=True, type=click.IntRange(1), help="Days.")
@_horizon(28)
@click.option("--models", default="champion", show_default=True, help="Declared models, or `all`.")
@_PATHS
@_SEED
@_COVARIATES
@_COVARIATE_FORECASTS
@csv_options("data", "covariates", "covariate_forecasts")
@click.option(
    "--covariate-days",
    type=click.IntRange(1, 400),
    help="Days ahead that they are forecast; the whole horizon if not given.",
)
@_FORMAT
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="JSON file.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Local.")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Scheduler of a Dask cluster.")
@pass_settings
def backtest(
    settings: Settings,
    data: CsvFile,
    series: str | None,
    first: Any,
    last: Any,
    every: int,
    horizon: int,
    models: str,
    paths: int,
    seed: int,
    covariates: CsvFile | None,
    covariate_forecasts: CsvFile | None,
    covariate_days: int | None,
    form: str,
    out: Path | None,
    workers: int,
    dask: str | None,
) -> None:
    """Score models at rolling origins: at each they see the days up to it and nothing later.

    Origins whose horizon is not wholly within the file are left out, and that is said. The scores
    are the same whatever --workers or --dask says.

    \b
    Examples:
      crossings backtest --data figures.csv --first 2023-01-01 --last 2025-12-01 \\
        --models hurdle,climatology --workers 2 --out scores.json
      crossings backtest --data figures.csv --first 2023-01-01 --last 2025-12-01 \\
        --dask tcp://scheduler:8786
    """
    from forecast import backtest as backtests
    from forecast.series import ONE_DAY, as_day
    from service.cli import inputs
    from service.cli.workers import choose

    series, figures = inputs.figures(settings, data, series)
    protocol = backtests.BacktestConfig(
        str(first.date()), str(last.date()), every, horizon, paths, seed, series=series
    )
    chosen = dict(inputs.models(settings, models.split(",")))
    through = figures[series].data_through
    requested = (as_day(protocol.last) - as_day(protocol.first)) // ONE_DAY // every + 1
    origins = protocol.origins(through)
    if not origins:
        raise click.UsageError(
            f"expected an origin with {horizon} days of figures after it, "
            f"found none: {data} ends on {through}"
        )
    if origins[0] < figures[series].start:
        raise click.UsageError(f"--first: expected a day from {figures[series].start} on")
    if len(origins) < requested:
        click.echo(
            f"{requested - len(origins)} of {requested} origins are left out: "
            f"{data} ends on {through}, less than {horizon} days after them",
            err=True,
        )
    mapper = choose(workers, dask)
    drivers = inputs.drivers(covariates, covariate_forecasts)
    with counting("origins x models", len(origins) * len(chosen)) as progress:
        run = backtests.rolling_origin(
            chosen, figures, protocol, progress, mapper, drivers, covariate_days
        )
    summary = backtests.summary(protocol, *run)
    if out:
        write_out(out, (json.dumps(summary, indent=2) + "\n").encode())
    if form == "json":
        click.echo(json.dumps(summary, indent=2))
    elif form == "csv":
        _write_csv(_backtest_rows(summary))
    else:
        _show_backtest(_backtest_rows(summary))
    for name, row in summary["models"].items():
        for reason in row["declined"]:
            click.echo(f"{name} declined at {reason}", err=True)


def _write_paths(file: Path, simulated: Paths) -> None:
    import numpy as np

    stream = io.BytesIO()
    np.savez_compressed(stream, paths=simulated.values, dates=simulated.dates.astype(str))
    named = file if file.suffix == ".npz" else file.with_name(f"{file.name}.npz")
    write_out(named, stream.getvalue())


def _write_csv(rows: list[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _show_forecast(
    head: dict[str, Any], rows: list[dict[str, Any]], totals: list[dict[str, Any]]
) -> None:
    shown = console(160)
    said = f"{head['series_id']} by {head['model']}, from the figures through {head['origin']}"
    shown.print(said)
    table = new_table("date", *("median", "mean", "P(0)", "crossings", "50%", "80%", "95%"))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            row["date"],
            f"{row['median']:,}",
            f"{row['mean']:,.1f}",
            f"{row['p_zero']:.2f}",
            row["likelihood"] or "–",
            *(f"{row[f'lo{level}']:,}–{row[f'hi{level}']:,}" for level in _LEVELS),
        )
    for row in totals:
        table.add_section()
        table.add_row(
            f"{row['simulated_days']} days",
            f"{row['median']:,}",
            f"{row['mean']:,.1f}",
            *("", ""),
            *(f"{row[f'lo{level}']:,}–{row[f'hi{level}']:,}" for level in _LEVELS),
        )
    shown.print(table)


def _backtest_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a model: how many origins, mean CRPS, and the share within each range."""
    return [
        {"model": name, "origins": row["origins"], "seconds_per_origin": row["seconds_per_origin"]}
        | {f"crps_{what}": value for what, value in row["crps"].items()}
        | {
            f"coverage{level}_{what}": value
            for what, levels in row["coverage"].items()
            for level, value in levels.items()
        }
        for name, row in summary["models"].items()
    ]


def _show_backtest(rows: list[dict[str, Any]]) -> None:
    shown = console(80)
    shown.print("Mean CRPS of days and totals at n origins; share within the 80% range")
    table = new_table("model", "n", *(head for head, _, _ in _SCORES), is_dense=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        cells = (_number(row[name], form) for _, name, form in _SCORES)
        table.add_row(row["model"], str(row["origins"]), *cells)
    shown.print(table)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, ",.0f" if value >= 100 else form)
