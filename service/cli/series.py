"""``crossings series``: check whether a declared series can be read and forecast."""

from __future__ import annotations

__all__ = ["series", "verdict"]

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from service.cli.offline import show_backtest
from service.cli.options import pass_settings
from service.cli.output import Group, console, count_progress, print_table
from service.core.clock import utc_now

if TYPE_CHECKING:
    from forecast.bootstrap import Interval
    from forecast.series import DailySeries
    from service.core.declared_series import Route
    from service.core.settings import Settings
    from service.data.source import Document

T = TypeVar("T")
_EVERY, _SHOWN = 28, 3  # days between origins; rows at each end
_FEWEST, _MOST = 13, 26  # origins: one or two years
_MEASURES = {"days_1_7": "for days 1-7", "total_7": "for the 7-day total"}


@click.group(cls=Group)
def series() -> None:
    """Check a series of your own before serving it.

    \b
    Example:
      crossings series check series/italy.toml
    """


@series.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--no-scores", is_flag=True, help="Read the figures and stop.")
@pass_settings
def check(settings: Settings, file: Path, no_scores: bool) -> None:
    """Read the declaration FILE and its figures, and score forecasts of their last year.

    Needs no database and stores nothing. The champion and the baselines forecast at origins four
    weeks apart, each from the days up to it; the last line says whether to use the champion.

    \b
    Examples:
      crossings series check series/italy.toml
      crossings series check ferries/ferries.toml --no-scores
    """
    from service.core.route_files import read_route
    from service.data import collect

    route = read_route(file)
    document = collect.read_once(settings, route, route.day(utc_now()))
    _show_figures(route, document)
    if not no_scores:
        _score(settings, route, _forecast_from(route, document, file))


def _show_figures(route: Route, document: Document) -> None:
    """Print the first and last rows, a summary of each series, and days with several reports."""
    figures = {name: document.figures[name] for name in route.series if name in document.figures}
    days = sorted(document.reports or set().union(*figures.values()))
    click.echo(f"{route.title}, read from {document.name}")
    rows = [[day, *(_count(one.get(day)) for one in figures.values())] for day in days]
    print_table(("date", *figures), _ends(rows, ["…"]), numbers_from=1, is_dense=True)
    for name, counts in figures.items():
        left_out = [str(day) for day in days if day not in counts]
        which = f" ({', '.join(_ends(left_out, '…'))})" if left_out else ""
        zeros = sum(count == 0 for count in counts.values())
        click.echo(
            f"{name}: {len(days):,} days, {len(left_out):,} without a count{which}, "
            f"{zeros:,} with a count of 0"
        )
    repeated = [day for day in days if len(document.reports.get(day, ())) > 1]
    for name, counts in figures.items() if repeated else ():
        reports = {day: [row.get(name) for row in document.reports[day]] for day in repeated}
        revised = sum(len({*stated} - {None}) > 1 for stated in reports.values())
        click.echo(
            f"{name}: days reported more than once: {len(repeated):,}, "
            f"with different counts: {revised:,}"
        )
        rows = [
            [day, ", ".join(map(_count, stated)), _count(counts.get(day))]
            for day, stated in reports.items()
        ]
        columns = ("date", "reports", "the one that counts")
        print_table(columns, _ends(rows, ["…"]), numbers_from=1, is_dense=True)


def _ends(items: Sequence[T], gap: T) -> Sequence[T]:
    """Return `items`, or the first and last of many."""
    many = len(items) > 2 * _SHOWN
    return [*items[:_SHOWN], gap, *items[-_SHOWN:]] if many else items


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _forecast_from(route: Route, document: Document, file: Path) -> dict[str, DailySeries]:
    """Return the figures that the service would use: the days up to the first gap."""
    from forecast.series import ONE_DAY, DailySeries, as_date
    from service.data.source import SourceError

    figures = {}
    for name in filter(document.figures.get, route.forecast):
        counts = document.figures[name]
        days = sorted(counts)
        gap = next((at for at, day in enumerate(days) if (day - days[0]).days != at), len(days))
        figures[name] = DailySeries.from_days(name, days[:gap], [counts[day] for day in days[:gap]])
        if gap < len(days):
            after = as_date(figures[name].data_through + ONE_DAY)
            click.echo(f"{name}: no count on {after}; forecasts use only the days before it")
    if route.leading not in figures:
        raise SourceError(str(file), f"counts of {route.leading}", "none")
    first = max(one.start for one in figures.values())
    last = min(one.data_through for one in figures.values())
    days_needed = (_FEWEST + 1) * _EVERY
    number = (last - first) // ONE_DAY + 1
    if number <= days_needed:
        expected = f"more than {days_needed} days in a row to score forecasts, or --no-scores"
        raise SourceError(document.name, expected, str(max(number, 0)))
    return {name: one.between(first, last) for name, one in figures.items()}


def _score(settings: Settings, route: Route, figures: Mapping[str, DailySeries]) -> None:
    from forecast import backtest, specs
    from forecast.series import ONE_DAY
    from service.cli.inputs import select_models
    from service.issues.declared_models import declared

    champion = specs.champion(declared(settings.models_dir, route.models))
    baselines = [
        name
        for name, spec in declared(settings.models_dir).items()
        if spec.role == "baseline" and name != champion
    ]
    if not baselines:
        raise click.UsageError(f"{settings.models_dir}: expected a baseline, found none")
    models = select_models(settings, route, [champion, *baselines])
    leading = figures[route.leading]
    origins = min(len(leading) // _EVERY - 1, _MOST)
    last = leading.data_through - _EVERY * ONE_DAY
    first = last - (origins - 1) * _EVERY * ONE_DAY
    protocol = backtest.BacktestConfig(str(first), str(last), _EVERY, series=route.leading)
    click.echo()
    with count_progress("origins x models", origins * len(models)) as progress:
        scores, declined = backtest.rolling_origin(models, figures, protocol, progress)
    summary = backtest.summary(protocol, scores, declined)
    show_backtest(summary)
    coverage = summary["models"][champion]["coverage"]["total_7"]["80"]
    click.echo()
    console(100).print(
        verdict(champion, backtest.against_best(champion, baselines, scores), coverage)
    )


def verdict(champion: str, ratios: Mapping[str, tuple[str, Interval]], coverage: Any) -> str:
    """Say in one sentence whether the champion is worth using."""
    if not ratios:
        return (
            f"Cannot tell whether {champion} is worth using here: this needs 8 origins that every "
            "model forecast, and a baseline that is sometimes wrong."
        )
    is_better = all(ratio.hi < 1 for _, ratio in ratios.values())
    judged = "worth using here" if is_better else "not significantly better here"
    parts = [
        f"{ratio.value:.2f} ({ratio.lo:.2f} to {ratio.hi:.2f}) times that of {best} {what}"
        for (best, ratio), what in zip(ratios.values(), _MEASURES.values(), strict=True)
    ]
    return (
        f"{champion} is {judged}: its CRPS is {' and '.join(parts)} (the best baseline; "
        f"95% interval), and its 80% range of 7-day totals contained {coverage:.0%} of them."
    )
