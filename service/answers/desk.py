"""The desk: what is on the table when a question is asked.

An issue never changes, so its paths, and the figures known when it was made, are kept in memory;
only which issue is the newest, and in what state the service is, is asked each time.
"""

from __future__ import annotations

__all__ = ["Desk", "View"]

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from forecast.joint import SERIES
from forecast.paths import Paths
from forecast.series import DailySeries
from service.answers.errors import NotFound, NotReady
from service.answers.state import Reason, State, state_of
from service.clock import utc_now
from service.context import Context
from service.store import issues, observations, runs
from service.store.database import Connection
from service.store.issues import Entry, Issue

_KEPT = 24
_JOBS = ("ingest", "refit")
T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """One issue of one series, as one model of it sees the future.

    Attributes
    ----------
    known : DailySeries
        The figures as they were known when the issue was made, up to its `data_through`.
    moment : datetime
        The moment that "yesterday" is told from: now for the latest issue; for one that is asked
        for by its id, when it was issued.
    """

    issue: Issue
    entry: Entry
    paths: Paths
    known: DailySeries
    state: State
    moment: dt.datetime


class Desk:
    """Hands out views; safe to share between threads."""

    def __init__(self, context: Context, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.context = context
        self.clock = clock
        self._kept: OrderedDict[object, object] = OrderedDict()
        self._turns: dict[object, threading.Lock] = {}
        self._lock = threading.Lock()

    def view(self, series_id: str, issue_id: str = "latest", model: str = "champion") -> View:
        """Lay out an issue of a series.

        Raises
        ------
        NotFound
            If the series, the issue or the model is not there.
        NotReady
            If nothing is published yet.
        """
        self.check_series(series_id)
        now = self.clock()
        with self.context.database.reading() as connection:
            issue = self._issue(connection, series_id, issue_id)
            state = self.state(connection, issue, now)
            wanted = issue.champion if model == "champion" else model
            entry, paths = self._drawn(connection, issue, wanted)
            known = self._known(connection, issue)
        moment = now if issue_id == "latest" else issue.issued_at
        return View(issue, entry, paths, known, state, moment)

    def check_series(self, series_id: str) -> None:
        """Raise `NotFound` unless the series is served."""
        if series_id not in SERIES:
            raise NotFound(f"expected a series of {', '.join(SERIES)}, found {series_id!r}")

    def state(self, connection: Connection, issue: Issue, now: dt.datetime) -> State:
        """Judge `issue` at the moment `now`."""
        last_runs = {job: runs.latest(connection, job) for job in _JOBS}
        return state_of(issue, last_runs, now, self.context.settings)

    def standing(self, series_id: str) -> State:
        """Judge the newest issue of a series, or that there is none."""
        with self.context.database.reading() as connection:
            issue = issues.latest(connection, series_id)
            if issue is None:
                return State("degraded", (Reason("no_issue", "nothing is published yet"),))
            return self.state(connection, issue, self.clock())

    def entries(self, connection: Connection, issue: Issue) -> list[Entry]:
        """The models of `issue`."""
        return self._once(
            ("entries", issue.issue_id), lambda: issues.entries(connection, issue.issue_id)
        )

    def _issue(self, connection: Connection, series_id: str, issue_id: str) -> Issue:
        if issue_id == "latest":
            newest = issues.latest(connection, series_id)
            if newest is None:
                raise NotReady("nothing is published yet: the first refit is still to come")
            return newest
        found = issues.find(connection, issue_id)
        if found is None or found.series_id != series_id:
            raise NotFound(f"expected 'latest' or an issue of {series_id}, found {issue_id!r}")
        return found

    def _drawn(self, connection: Connection, issue: Issue, model: str) -> tuple[Entry, Paths]:
        there = {entry.model: entry for entry in self.entries(connection, issue)}
        if model not in there:
            allowed = ", ".join(["champion", *there])
            raise NotFound(f"expected a model of this issue ({allowed}), found {model!r}")
        paths = self._once(
            ("paths", issue.issue_id, model), lambda: issues.paths(connection, issue, model)
        )
        assert paths is not None  # the entry is a row of the same table
        return there[model], paths

    def _known(self, connection: Connection, issue: Issue) -> DailySeries:
        def read() -> DailySeries:
            series = observations.series(connection, issue.series_id, issue.as_of)
            assert series is not None  # the issue was made of it
            return series.upto(issue.data_through)

        return self._once(("known", issue.issue_id), read)

    def _once(self, key: object, make: Callable[[], T]) -> T:
        """What is kept under `key`; made by the first who asks, while others wait for it."""
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    self._turns.pop(key, None)
                    return self._kept[key]  # type: ignore[return-value]
            try:
                made = make()
                with self._lock:
                    self._kept[key] = made
                    while len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
            finally:
                with self._lock:
                    self._turns.pop(key, None)
        return made
