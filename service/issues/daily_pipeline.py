"""Jobs run in sequence: the daily cycle, and the weather with its refit."""

__all__ = ["run_after_weather", "run_daily"]

from collections.abc import Callable

from service.core.context import Context
from service.core.database import DatabaseError, Unavailable
from service.core.job_runner import JobError, Outcome
from service.data.ingest import ingest
from service.data.ingest_weather import weather
from service.issues.compare import compare
from service.issues.hindcast import replay
from service.issues.refit import refit
from service.issues.score import score


def run_daily(context: Context, period: str) -> Outcome:
    """Read the figures, refit and publish, score, compare; replay at a first start.

    Each part has its own run, once for each `period`. The refit decides whether it is needed.
    """
    return _each(
        ("ingest", lambda: ingest(context, period=period)),
        ("refit", lambda: refit(context, period=period)),
        ("score", lambda: score(context, period=period)),
        # Before comparing, which takes as long: a new installation soon has a track record.
        ("replay", lambda: replay(context)),
        ("compare", lambda: compare(context, period=period)),
        # Publishes again if comparing changed the champion.
        ("refit", lambda: refit(context, period=f"{period} after comparing")),
    )


def run_after_weather(context: Context, period: str) -> Outcome:
    """Read the weather, and refit, which publishes if a day's chance changes enough."""
    return _each(
        ("weather", lambda: weather(context, period=period)),
        ("refit", lambda: refit(context, period=f"{period} after the weather")),
    )


def _each(*parts: tuple[str, Callable[[], Outcome]]) -> Outcome:
    """Run the parts in order.

    A failed part does not stop the next: if a site is down, there is still a forecast.

    Raises `JobError` at the end, if a part has failed; `Unavailable` likewise, if the database did
    not answer a part, which must be run again.
    """
    reasons, failed, is_away = [], [], False
    for name, work in parts:
        try:
            reasons.append(f"{name}: {work().reason}")
        except (JobError, DatabaseError) as error:
            failed.append(f"{name}: {error}")
            is_away |= isinstance(error, Unavailable)
    if failed:
        raise (Unavailable if is_away else JobError)("; ".join(failed))
    return Outcome("done", "; ".join(reasons))
