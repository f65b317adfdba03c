"""What forecast and backtest are given: figures, drivers and declared models."""

from __future__ import annotations

__all__ = ["drivers", "figures", "models", "upto"]

from dataclasses import replace

import click

from forecast import specs
from forecast.covariates import CovariateTable
from forecast.forecasters.base import Forecaster
from forecast.series import DailySeries, as_day
from service.core.declared_series import read_route
from service.core.settings import Settings
from service.data import covariate_csv
from service.data.csv_rows import CsvFile
from service.data.figures_csv import read
from service.issues.declared_models import declared


def drivers(covariates: CsvFile | None, forecasts: CsvFile | None) -> CovariateTable | None:
    """The history of the drivers, with their forecasts as issued when those are given."""
    if covariates is None:
        if forecasts is not None:
            raise click.UsageError("--covariate-forecasts: expected --covariates beside it")
        return None
    table = covariate_csv.read(covariates)
    if forecasts is None:
        return table
    return replace(table, archive=covariate_csv.read_forecasts(forecasts, table.names))


def figures(
    settings: Settings, data: CsvFile, series: str | None
) -> tuple[str, dict[str, DailySeries]]:
    """The column `series` of the file `data`, and those that are drawn with it.

    None is the leading series of the route.
    """
    route = read_route(settings.series_dir)
    series = (series or route.leading).casefold()  # as the names of columns are read
    columns = read(data, (series,), route.forecast)
    if series in route.forecast and route.leading in columns:
        return series, {name: columns[name] for name in route.forecast if name in columns}
    return series, {series: columns[series]}


def upto(columns: dict[str, DailySeries], day: str, data: CsvFile) -> dict[str, DailySeries]:
    """The columns of the file `data` to `day`, a day of theirs."""
    for one in columns.values():
        if as_day(day) not in one:
            raise click.UsageError(
                f"--as-of: expected a day of {data}, {one.start} to {one.data_through}, found {day}"
            )
    return {name: one.upto(day) for name, one in columns.items()}


def models(settings: Settings, names: list[str]) -> list[tuple[str, Forecaster]]:
    """The declared models of these names, where `champion` is one and `all` is every one."""
    declarations = declared(settings.models_dir)
    if names == ["all"]:
        names = list(declarations)
    chosen = [specs.champion(declarations) if name == "champion" else name for name in names]
    try:
        return [(name, specs.build(name, declarations)) for name in chosen]
    except specs.SpecError as error:
        raise click.UsageError(str(error)) from error
