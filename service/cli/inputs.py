"""Inputs of forecast and backtest: figures, covariates and declared models."""

__all__ = ["Inputs", "select_models", "read_inputs"]

from dataclasses import dataclass, replace

import click

from forecast import specs
from forecast.covariates import CovariateTable
from forecast.forecasters.base import Forecaster
from forecast.series import DailySeries, as_day
from service.core.declared_series import Route
from service.core.route_files import enabled_routes
from service.core.settings import Settings
from service.data import covariate_csv
from service.data.csv_rows import CsvFile, read_series
from service.issues.declared_models import declared


@dataclass(frozen=True)
class Inputs:
    """The column `series` of the file `data`, the series drawn with it, and the covariates."""

    route: Route
    data: CsvFile
    series: str
    figures: dict[str, DailySeries]
    drivers: CovariateTable | None
    drivers_file: CsvFile | None

    def upto(self, day: str) -> dict[str, DailySeries]:
        """Return the figures up to `day`, which must be among them."""
        for one in self.figures.values():
            if as_day(day) not in one:
                raise click.UsageError(
                    f"--as-of: expected a day in {self.data}, {one.start} to {one.data_through}, "
                    f"found {day}"
                )
        return {name: one.upto(day) for name, one in self.figures.items()}


def read_inputs(
    settings: Settings,
    data: CsvFile,
    series: str | None,
    covariates: CsvFile | None,
    covariate_forecasts: CsvFile | None,
) -> Inputs:
    """Read the files, of the route that has `series`, else the first; default: its leading one."""
    routes = enabled_routes(settings.series_dir, settings.routes)
    series = (series or routes[0].leading).casefold()  # column names are read in lower case
    route = next((one for one in routes if series in one.series), routes[0])
    columns = read_series(data, (series,), route.forecast)
    is_route = series in route.forecast and route.leading in columns
    used = [name for name in route.forecast if name in columns] if is_route else [series]
    columns = {name: columns[name] for name in used}
    drivers = None
    if covariates is not None:
        drivers = covariate_csv.read(covariates)
        if covariate_forecasts is not None:
            archive = covariate_csv.read_forecasts(covariate_forecasts, drivers.names)
            drivers = replace(drivers, archive=archive)
    elif covariate_forecasts is not None:
        raise click.UsageError("--covariate-forecasts: expected --covariates with it")
    return Inputs(route, data, series, columns, drivers, covariate_forecasts or covariates)


def select_models(settings: Settings, route: Route, names: list[str]) -> dict[str, Forecaster]:
    """Return the declared models of these names; ``champion`` and ``all`` are of the route."""
    declarations = declared(settings.models_dir)
    of_route = declared(settings.models_dir, route.models)
    if names == ["all"]:
        names = list(of_route)
    chosen = [specs.champion(of_route) if name == "champion" else name for name in names]
    return {name: specs.build(name, declarations) for name in chosen}
