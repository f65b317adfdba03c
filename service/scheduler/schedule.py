"""The schedule: each job with its times in the route's time zone."""

__all__ = ["Scheduled", "schedule"]

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from service.core import run_store
from service.core.context import Context
from service.core.declared_series import Route
from service.core.job_runner import Outcome
from service.core.settings import Settings
from service.data import observation_store
from service.issues.daily_pipeline import run_after_weather, run_daily
from service.mail.weekly import send_due_mail
from service.scheduler.prune import prune

_SECOND = dt.timedelta(seconds=1)
_WEEKEND = "sat,sun"
_AGAIN_MINUTES = 20
_UNTIL_HOUR = 21  # local time
_WEATHER_TIMES = "05:25,11:25,17:25,23:25"
_PRUNE_TIME = "03:40"
Work = Callable[[Context, str], Outcome | None]


@dataclass(frozen=True)
class Scheduled:
    """A job and the times at which it runs."""

    name: str
    zone: ZoneInfo  # of the times
    crons: tuple[str, ...]  # five-field expressions
    work: Work  # called with the context and the period
    about: str
    # Called first, with the due time; if False no row is written, and it is called again until the
    # time is too old to catch up.
    is_needed: Callable[[Context, dt.datetime], bool] = lambda *_: True
    # Each time has its own row and a missed time is caught up, unless it tracks its own due work.
    is_recorded: bool = True
    fits: bool = False  # models, which takes minutes: such jobs do not delay the others

    @cached_property
    def _triggers(self) -> list[CronTrigger]:
        return [CronTrigger.from_crontab(one, timezone=self.zone) for one in self.crons]

    def next_due(self, after: dt.datetime) -> dt.datetime | None:
        """Return its first time after that moment, in UTC."""
        times = [one.get_next_fire_time(None, after + _SECOND) for one in self._triggers]
        # In UTC: local times of one zone are compared by the clock, which may go back.
        return min((at.astimezone(dt.UTC) for at in times if at), default=None)

    def last_due(self, now: dt.datetime, since: dt.datetime) -> dt.datetime | None:
        """Return its last time after `since` and up to `now` in UTC, or None."""
        last, at = None, self.next_due(since)
        while at is not None and at <= now:
            last, at = at, self.next_due(at)
        return last


def schedule(settings: Settings, route: Route, is_first: bool = True) -> tuple[Scheduled, ...]:
    """Return the jobs of `route`; for the first route also the shared jobs."""
    zone = route.zone
    reads = (*_crons(route.read_times), *_crons(route.read_times_weekend, _WEEKEND))
    again = (*_again(route.read_times), *_again(route.read_times_weekend, _WEEKEND))
    items = (
        # First: at a start, what is learned from new figures uses the weather.
        Scheduled(
            "read-weather",
            zone,
            _crons(_WEATHER_TIMES) if settings.reads_weather and route.weather_points else (),
            run_after_weather,
            "read the weather, and refit if it changes the forecast",
            fits=True,
        ),
        Scheduled(
            "renew",
            zone,
            reads,
            run_daily,
            "read the figures, refit, publish, score and compare",
            fits=True,
        ),
        Scheduled(
            "renew-again",
            zone,
            again if settings.source == "declared" and route.is_followed else (),
            run_daily,
            "the same, while the figure of the day before is missing",
            _lacks_day_before,
            fits=True,
        ),
        Scheduled(
            "tidy",
            zone,
            _crons(_PRUNE_TIME) if is_first else (),
            lambda context, period: prune(context, period=period),
            "delete old data",
        ),
        Scheduled(
            "post",
            zone,
            ("* * * * *",) if settings.smtp_host else (),
            send_due_mail,
            "send due emails",
            is_recorded=False,
        ),
    )
    return tuple(item for item in items if item.crons)


def _clocks(times: str) -> list[dt.time]:
    return [dt.time.fromisoformat(time) for time in times.split(",") if time]


def _crons(times: str, days: str = "*") -> tuple[str, ...]:
    return tuple(f"{clock.minute} {clock.hour} * * {days}" for clock in _clocks(times))


def _again(times: str, days: str = "*") -> tuple[str, ...]:
    """Repeat every few minutes from the hour after the first of `times`.

    Not before three: an hour of the night occurs twice once a year.
    """
    begin = max(min((clock.hour for clock in _clocks(times)), default=24) + 1, 3)
    is_early = begin < _UNTIL_HOUR
    return (f"*/{_AGAIN_MINUTES} {begin}-{_UNTIL_HOUR - 1} * * {days}",) if is_early else ()


def _lacks_day_before(context: Context, due: dt.datetime) -> bool:
    """Whether the source answers but has no figure for the day before yet.

    Sources that do not answer are retried with back-off; see `service.scheduler.scheduler`.
    """
    with context.database.reading() as connection:
        span = observation_store.get_span(connection, context.route.leading)
        readings = run_store.list_ended(
            connection, "ingest", context.settings.source, context.route.name
        )
    if readings and readings[0].outcome == "failed":
        return False
    return span is None or span[1] < context.route.day(due) - dt.timedelta(days=1)
