"""Load issues for the answers, with the state of the service.

Issues never change, so they are cached in memory; a newer one is found within a second.
"""

__all__ = ["IssueLoader", "IssueView"]

import datetime as dt
from collections.abc import Callable, Hashable, Iterator
from copy import copy
from threading import Condition
from typing import Self, TypeVar

from cachetools import LRUCache, TTLCache, cached

from forecast.joint import Joint
from service.answers.ahead import IssueView
from service.answers.errors import BadQuestion, NotFound, NotPossible, NotReady
from service.answers.state import NEEDED_JOBS, Facts, State, state_of
from service.core import run_store
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.files import RegistryError
from service.core.run_store import Run
from service.data import weather_store
from service.data.observation_store import AsOf
from service.issues import fitted_models, issue_store, note_store
from service.issues.declared_models import find_problems
from service.issues.issue_store import Issue

_READ_SECONDS = 1.0  # the clock shows whole seconds
_CACHE_SIZE, _DAY = 40, dt.timedelta(days=1)
T = TypeVar("T")


class IssueLoader:
    """Load and cache issue views. Thread-safe."""

    def __init__(self, context: Context, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.context = context
        self.route = context.route
        self.clock = clock
        self._compute_once = cached(
            LRUCache(_CACHE_SIZE), key=lambda key, _: key, condition=Condition()
        )(lambda _, make: make())
        self._read_once = cached(
            TTLCache(_CACHE_SIZE, _READ_SECONDS),
            key=lambda key, _: (key, context.database.commits),
            condition=Condition(),
        )(lambda _, read: read())

    def each_route(self) -> Iterator[Self]:
        """Yield a loader for each enabled route; they share one cache."""
        return map(self._for, self.context.routes)

    def for_series(self, series_id: str) -> Self:
        """Return the loader for the route of a series; this one if no route has it."""
        owner = (one for one in self.context.routes if series_id in one.series)
        return self._for(next(owner, self.route))

    def _for(self, route: Route) -> Self:
        if route is self.route:
            return self
        other = copy(self)
        other.context, other.route = self.context.for_route(route), route
        return other

    def today(self) -> dt.date:
        """Current day of the route."""
        return self.route.day(self.clock())

    def view(
        self,
        series_id: str,
        issue_id: str = "latest",
        model: str = "champion",
        as_of: AsOf | None = None,
        first: dt.date | None = None,
    ) -> IssueView:
        """Load an issue by its id, or the newest at `as_of` (for a date, at the end of the day).

        `first` is the first day of the answer, by default `IssueView.today`.

        Raises `BadQuestion` if both an issue and `as_of` are given; `NotFound` if the series, the
        issue or the model does not exist; `NotReady` if nothing is published yet.
        """
        self.check_series(series_id)
        self.check_past(as_of)
        now = self.clock()
        if as_of is not None and issue_id != "latest":
            raise BadQuestion("as_of", "`issue` or `as_of`, not both", as_of)
        if issue_id == "latest" and as_of is None:

            def read(connection: Connection) -> IssueView:
                newest = issue_store.get_latest_issue(connection, series_id)
                if newest is None:
                    raise NotReady
                return self._view(connection, newest, model, now, self.route.day(now), first, now)

            return self.read_recent((series_id, model, first, now), read)
        with self.context.database.reading() as connection:
            if as_of is None:
                issue = self.issue(connection, series_id, issue_id)
                moment, day = issue.issued_at, issue.data_through
            else:
                at = as_of if isinstance(as_of, dt.datetime) else self.route.end_of_day(as_of)
                moment = min(at, now)
                known = issue_store.get_latest_issue(connection, series_id, moment)
                if known is None:
                    raise NotFound(f"there was no issue of {series_id} at {format_instant(moment)}")
                issue, day = known, self.route.day(moment)
                if at is not as_of:  # a date
                    day += _DAY
            return self._view(connection, issue, model, moment, day, first, now)

    def _view(
        self,
        connection: Connection,
        issue: Issue,
        model: str,
        moment: dt.datetime,
        day: dt.date,
        first: dt.date | None,
        now: dt.datetime,
    ) -> IssueView:
        entries = issue_store.list_entries(connection, issue.issue_id)
        by_model = {entry.model: entry for entry in entries}
        model = issue.champion if model == "champion" else model
        if model not in by_model:
            allowed = ", ".join(["champion", *by_model])
            raise NotFound(f"expected a model of this issue ({allowed}), found {model!r}")
        paths = self.compute_once(
            ("paths", issue.issue_id, model),
            lambda: issue_store.load_paths(connection, issue, model),
        )
        assert paths is not None  # both rows are in one table
        observed = self.compute_once(
            ("known", issue.issue_id), lambda: note_store.get_figures(connection, issue)
        )
        state = self.state(connection, issue.series_id, now, issue)
        today = max(day, issue.data_through + _DAY)
        first = first or today
        is_past, entry = first < self.route.day(now), by_model[model]
        return IssueView(
            self.route, issue, entry, paths, observed, state, moment, today, first, is_past
        )

    def joint_view(self, view: IssueView, series_id: str) -> IssueView | None:
        """Return the view of another series whose paths were drawn jointly with those of `view`."""
        with self.context.database.reading() as connection:
            other = issue_store.get_sibling_issue(connection, view.issue, series_id)
        if other is None:
            return None
        return self.view(series_id, other.issue_id, view.entry.model, first=view.first)

    def issue(self, connection: Connection, series_id: str, issue_id: str) -> Issue:
        """Return an issue by its id; raises `NotFound` if it is not one of the series."""
        issue = issue_store.get_issue(connection, issue_id)
        if issue is None or issue.series_id != series_id:
            raise NotFound(f"expected an issue of {series_id}, found {issue_id!r}")
        return issue

    def check_series(self, series_id: str, is_stored: bool = False) -> None:
        """Raise `NotFound` unless the series is forecast, or its figures are stored."""
        if series_id not in (self.route.stored if is_stored else self.route.forecast):
            served = [one.stored if is_stored else one.forecast for one in self.context.routes]
            names = ", ".join(name for of_route in served for name in of_route)
            raise NotFound(f"expected one of the series {names}, found {series_id!r}")

    def check_past(self, as_of: AsOf | None) -> None:
        """Raise `BadQuestion` if `as_of` is on a day after today."""
        if as_of is not None:
            today = self.today()
            is_instant = isinstance(as_of, dt.datetime)
            if as_of > (self.route.end_of_day(today) if is_instant else today):
                raise BadQuestion("as_of", f"today, {today}, or before", as_of)

    def state(
        self, connection: Connection, series_id: str, now: dt.datetime, issue: Issue | None = None
    ) -> State:
        """Return the state of `issue`, by default the newest of the series, if any, at `now`."""
        newest = issue_store.get_latest_issue(connection, series_id)
        new_at, unused = None, ""
        if self.context.reads_weather:
            read = weather_store.get_last_read(connection, self.route, "ensemble")
            new_at = read[0] if read else None
            note = newest and note_store.get_note(connection, newest.issue_id, note_store.WEATHER)
            unused = note["reason"] if note and note["status"] == "missing" else ""
        last: list[Run] = []
        for job in NEEDED_JOBS:  # an ingest counts only if it read the configured source
            source = self.context.settings.source if job == "ingest" else None
            last += run_store.list_ended(connection, job, source, self.route.name)[:1]
        key = ("problems", self.route.name)
        of_models = self._read_once(key, lambda: find_problems(self.context))
        of_database = self.context.database.write_problem(connection)
        facts = Facts(newest, last, new_at, unused, of_database, of_models)
        return state_of(issue or newest, facts, now, self.context.settings, self.route)

    def latest_state(self, series_id: str) -> State:
        """Return the state of the newest issue of a series, or of the leading one."""
        series_id = series_id if series_id in self.route.forecast else self.route.leading
        with self.context.database.reading() as connection:
            return self.state(connection, series_id, self.clock())

    def read_recent(self, key: Hashable, read: Callable[[Connection], T]) -> T:
        """Return a result of `read` at most a second old, and after all commits of this process."""

        def read_now() -> T:
            with self.context.database.reading() as connection:
                return read(connection)

        result: T = self._read_once(key, read_now)
        return result

    def fitted(self, view: IssueView) -> Joint:
        """Load the fitted model that simulated the paths of `view`, if it is still stored here."""
        root, entry = self.context.settings.fitted_folder, view.entry
        home = fitted_models.folder_of(root, view.route.leading, entry.model)
        file = fitted_models.version_file(home, entry.version)
        try:
            return self.compute_once(("fitted", file), lambda: fitted_models.load(file))
        except RegistryError as error:
            raise NotPossible(
                f"the fitted version {entry.version} of {entry.model} is no longer kept or its "
                "file is broken; ask for the latest issue"
            ) from error

    def compute_once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return `make()`, computed once per key while recently used; concurrent callers wait."""
        result: T = self._compute_once(key, make)
        return result
