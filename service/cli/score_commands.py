"""The commands of the track record: score and hindcast."""

from __future__ import annotations

__all__ = ["hindcast", "score"]

from typing import TYPE_CHECKING, Any

import click

from service.cli.progress import counting
from service.cli.settings import open_for_command, pass_settings

if TYPE_CHECKING:
    from service.core.settings import Settings


@click.command()
@pass_settings
def score(settings: Settings) -> None:
    """Score every published issue against the figures that have come since.

    \b
    Example:
      crossings score
    """
    from service.issues.score import score as job

    click.echo(job(open_for_command(settings)).reason)


@click.command()
@click.option("--since", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First origin.")
@click.option("--every", default=7, show_default=True, type=click.IntRange(1, 365), help="Days.")
@click.option("--models", default="", help="Declared models; champion and baselines if not given.")
@click.option("--horizon", default=28, show_default=True, type=click.IntRange(1, 400))
@click.option("--paths", default=1000, show_default=True, type=click.IntRange(100, 20_000))
@pass_settings
def hindcast(
    settings: Settings, since: Any, every: int, models: str, horizon: int, paths: int
) -> None:
    """Replay the past as it would have run, and score it; kept apart from live issues.

    Each hindcast sees what was known on the day after its origin, and is marked for ever.
    Those that are there already are not made again.

    \b
    Example:
      crossings hindcast --since 2024-01-01
    """
    from service.issues.hindcast import hindcast as job
    from service.issues.hindcast import origins
    from service.issues.score import score as scoring

    context = open_for_command(settings)
    days = origins(context, since.date(), every)
    if not days:
        raise click.UsageError("--since: expected a day with figures after it")
    chosen = [name for name in models.split(",") if name]
    with counting("hindcasts", len(days)) as progress:
        outcome = job(context, days, chosen, horizon, paths, progress)
    click.echo(outcome.reason)
    click.echo(scoring(context).reason)
