"""Load issues for the answers, with the state of the service.

Issues are immutable, so their paths and the figures that they are based on are cached in memory.
Each request checks with one short read whether the newest issue or the state has changed.
"""

__all__ = ["IssueLoader", "IssueView"]

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from copy import copy
from dataclasses import replace
from typing import Any, Self, TypeAlias, TypeVar

from cachetools import LRUCache

from forecast.joint import Joint
from forecast.paths import Paths
from forecast.series import DailySeries
from service.answers.ahead import IssueView
from service.answers.errors import BadQuestion, NotFound, NotPossible, NotReady
from service.answers.state import STATE_JOBS, Facts, State, state_of
from service.core import run_store
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.files import RegistryError
from service.core.run_store import Run
from service.data import observation_store, weather_store
from service.data.observation_store import AsOf
from service.issues import fitted_models, issue_store, note_store
from service.issues.declared_models import find_problems
from service.issues.issue_store import Entry, Issue

_LOOK_SECONDS = 5.0
"""How long a check of the model files stays valid."""

_CACHE_SIZE, _DAY = 40, dt.timedelta(days=1)
T = TypeVar("T")
_Stored: TypeAlias = tuple[Issue, Entry, Paths, DailySeries, Facts]


class IssueLoader:
    """Load and cache issue views. Thread-safe."""

    def __init__(self, context: Context, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.context = context
        self.route = context.route
        self.clock = clock
        self._cache: LRUCache[object, tuple[object, Future[Any]]] = LRUCache(_CACHE_SIZE)
        self._lock = threading.Lock()

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
        self.check_past("as_of", as_of)
        now = self.clock()
        if as_of is not None and issue_id != "latest":
            raise BadQuestion("as_of", "`issue` or `as_of`, not both", as_of)
        if issue_id == "latest" and as_of is None:
            return self._newest_view(series_id, model, first, now)
        with self.context.database.reading() as connection:
            if as_of is None:
                issue = self.issue(connection, series_id, issue_id)
                moment, day = issue.issued_at, issue.data_through
            else:
                end_of_day = self.route.end_of_day
                at = as_of if isinstance(as_of, dt.datetime) else end_of_day(as_of)
                moment = min(at, now)
                standing = issue_store.get_latest_issue(connection, series_id, moment)
                if standing is None:
                    when = format_instant(moment)
                    raise NotFound(f"there was no issue of {series_id} at {when}")
                issue = standing
                day = self.route.day(moment) + (dt.timedelta() if at is as_of else _DAY)
            stored = self._read(connection, issue, model)
        return self._view(stored, moment, day, first, now)

    def _newest_view(
        self, series_id: str, model: str, first: dt.date | None, now: dt.datetime
    ) -> IssueView:
        """Return a view of the newest issue, cached until the second or the database changes."""

        def read() -> _Stored:
            with self.context.database.reading() as connection:
                issue = issue_store.get_latest_issue(connection, series_id)
                if issue is None:
                    raise NotReady
                return self._read(connection, issue, model)

        def view() -> IssueView:
            stored = self.compute_once(("newest", series_id, model), read, token)
            return self._view(stored, now, self.route.day(now), first, now)

        # Read the token first: the cached value is at least as new.
        token = self._read_cached(
            ("token", series_id),
            lambda connection: issue_store.read_change_token(
                connection, self.route.name, series_id, STATE_JOBS
            ),
        )
        if first is not None:  # any of many days, which would drive out other results
            return view()
        slot = _time_slot()
        problem = self.compute_once("write problem", self.context.database.write_problem, slot)
        moment = now, problem, slot
        return self.compute_once(("view", series_id, model), view, (token, moment))

    def _read(self, connection: Connection, issue: Issue, model: str) -> _Stored:
        """Return what is stored for a view, with the facts about the service."""
        by_model = {entry.model: entry for entry in self.entries(connection, issue)}
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
        return issue, by_model[model], paths, observed, self._facts(connection, issue.series_id)

    def _view(
        self,
        stored: _Stored,
        moment: dt.datetime,
        day: dt.date,
        first: dt.date | None,
        now: dt.datetime,
    ) -> IssueView:
        issue, entry, paths, observed, facts = stored
        state = self._state_of(issue, facts, now)
        today = max(day, issue.data_through + _DAY)
        first = first or today
        is_past = first < self.route.day(now)
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
            raise NotFound(f"expected 'latest' or an issue of {series_id}, found {issue_id!r}")
        return issue

    def check_series(self, series_id: str, is_stored: bool = False) -> None:
        """Raise `NotFound` unless the series is forecast, or its figures are stored."""
        if series_id not in (self.route.stored if is_stored else self.route.forecast):
            served = [one.stored if is_stored else one.forecast for one in self.context.routes]
            names = ", ".join(name for of_route in served for name in of_route)
            raise NotFound(f"expected one of the series {names}, found {series_id!r}")

    def check_past(self, name: str, moment: AsOf | None) -> None:
        """Raise `BadQuestion` if `moment` is on a day after today."""
        if moment is not None:
            today = self.today()
            is_instant = isinstance(moment, dt.datetime)
            if moment > (self.route.end_of_day(today) if is_instant else today):
                raise BadQuestion(name, f"today, {today}, or before", moment)

    def state(
        self, connection: Connection, series_id: str, issue: Issue | None, now: dt.datetime
    ) -> State:
        """Return the state of `issue`, or of a series without one, at `now`."""
        return self._state_of(issue, self._facts(connection, series_id), now)

    def _state_of(self, issue: Issue | None, facts: Facts, now: dt.datetime) -> State:
        """Add the current problems, which the database does not record."""
        key = "model problems", self.route.name
        problems = self.compute_once(key, lambda: find_problems(self.context), _time_slot())
        write_problem = self.context.database.write_problem()
        facts = replace(facts, write_problem=write_problem, model_problems=problems)
        return state_of(issue, facts, now, self.context.settings, self.route)

    def latest_state(self, series_id: str) -> State:
        """Return the state of the newest issue of a series, or of the leading one."""
        series_id = series_id if series_id in self.route.forecast else self.route.leading
        with self.context.database.reading() as connection:
            issue = issue_store.get_latest_issue(connection, series_id)
            return self.state(connection, series_id, issue, self.clock())

    def figures_version(self) -> int:
        """Return a number that increases whenever a figure is added or revised."""
        return self._read_cached("figures", observation_store.get_version)

    def _read_cached(self, key: object, read: Callable[[Connection], T]) -> T:
        """Return the last result of `read`; call it again after any commit to the database."""

        def read_now() -> T:
            with self.context.database.reading() as connection:
                return read(connection)

        version = self.context.database.version()
        return read_now() if version is None else self.compute_once(key, read_now, version)

    def fitted(self, view: IssueView) -> Joint:
        """Load the fitted model that simulated the paths of `view`, if it is still stored here."""
        root, entry = self.context.settings.fitted_folder, view.entry
        home = fitted_models.folder_of(root, view.route.leading, entry.model)

        def read() -> Joint:
            file = fitted_models.version_file(home, entry.version)
            if not file.exists():
                raise NotPossible(
                    f"the fitted version {entry.version} of {entry.model} is no longer kept; "
                    "ask for the latest issue"
                )
            try:
                return fitted_models.load(file)
            except RegistryError as error:
                raise NotPossible(f"{entry.model} cannot be loaded: its file is broken") from error

        return self.compute_once(("fitted", str(home), entry.version), read)

    def compute_once(self, key: object, make: Callable[[], T], token: object = None) -> T:
        """Return `make()`, computed once per key until the token changes; concurrent callers wait.

        The cache keeps the most recently used results.
        """
        with self._lock:
            cached = self._cache.get(key)
            future = cached[1] if cached and cached[0] == token else None
            must_compute = future is None
            if future is None:
                future = Future()
                self._cache[key] = token, future
        if must_compute:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                with self._lock:
                    if self._cache.get(key) == (token, future):
                        del self._cache[key]
        result: T = future.result()
        return result

    def entries(self, connection: Connection, issue: Issue) -> list[Entry]:
        """Return the models of `issue`."""
        return self.compute_once(
            ("entries", issue.issue_id),
            lambda: issue_store.list_entries(connection, issue.issue_id),
        )

    def _facts(self, connection: Connection, series_id: str) -> Facts:
        """Return the state of the service as recorded in the database."""
        newest = issue_store.get_latest_issue(connection, series_id)
        new_at, unused = None, ""
        if self.context.reads_weather:
            read = weather_store.get_last_read(connection, self.route, "ensemble")
            new_at = read[0] if read else None
            note = newest and note_store.get_note(connection, newest.issue_id, note_store.WEATHER)
            unused = note["reason"] if note and note["status"] == "missing" else ""
        last: dict[str, Run | None] = {}
        for job in STATE_JOBS:  # an ingest counts only if it read the configured source
            source = self.context.settings.source if job == "ingest" else None
            ended = run_store.list_ended(connection, job, source, self.route.name)
            last[job] = ended[0] if ended else None
        return Facts(newest, last, new_at, unused)


def _time_slot() -> float:
    """Return a number that changes every few seconds."""
    return time.monotonic() // _LOOK_SECONDS
