"""The desk: what is on the table when a question is asked.

An issue never changes, so its paths, and the figures known when it was made, are kept in memory;
only which issue is the newest, and in what state the service is, is asked each time.
"""

from __future__ import annotations

__all__ = ["STORED", "UNITS", "IssueLoader", "IssueView"]

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from forecast.joint import SERIES, Joint
from forecast.paths import Paths
from forecast.series import DailySeries
from service.answers.errors import BadQuestion, NotFound, NotPossible, NotReady
from service.answers.state import WATCHED, Facts, Reason, State, state_of
from service.answers.view import IssueView, day_after, day_of
from service.core import run_store
from service.core.clock import end_of_day, uk_day, utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.files import RegistryError
from service.core.run_store import Run
from service.data import observation_store, weather_store
from service.data.observation_store import AsOf
from service.data.source import PREVENTIONS
from service.issues import change_token_store, issue_input_store, issue_store, note_store
from service.issues.change_token_store import Mark
from service.issues.fitted_models import load, named
from service.issues.issue_store import Entry, Issue

STORED = (*SERIES, PREVENTIONS)
"""The series whose figures are served; those that are also forecast come first."""

UNITS = {series_id: series_id for series_id in SERIES} | {PREVENTIONS: "people"}

_KEPT = 24
T = TypeVar("T")


@dataclass(frozen=True)
class _Newest:
    """What was laid out for the newest issue, and the mark under which it holds."""

    mark: Mark
    issue: Issue
    entry: Entry
    paths: Paths
    known: DailySeries
    facts: Facts


class IssueLoader:
    """Hands out views; safe to share between threads."""

    def __init__(self, context: Context, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.context = context
        self.clock = clock
        self._kept: OrderedDict[object, object] = OrderedDict()
        self._newest: dict[tuple[str, str], _Newest] = {}
        self._read: dict[str, tuple[int | None, object]] = {}
        self._turns: dict[object, threading.Lock] = {}
        self._lock = threading.Lock()

    def today(self) -> dt.date:
        """The UK day of now."""
        return uk_day(self.clock())

    def view(
        self,
        series_id: str,
        issue_id: str = "latest",
        model: str = "champion",
        as_of: AsOf | None = None,
        first: dt.date | None = None,
    ) -> IssueView:
        """Lay out an issue of a series.

        Parameters
        ----------
        as_of : date | datetime | None
            The issue that stood then: at that instant, or at the end of that UK day.
        first : date | None
            The day from which on is looked ahead; None: see `IssueView.today`.

        Raises
        ------
        BadQuestion
            If both an issue and `as_of` are named.
        NotFound
            If the series, the issue or the model is not there.
        NotReady
            If nothing is published yet.
        """
        self.check_series(series_id)
        now = self.clock()
        if as_of is not None and issue_id != "latest":
            raise BadQuestion("as_of", "`issue` or `as_of`, not both", as_of)
        if issue_id == "latest" and as_of is None:
            return self._laid_out(series_id, model, now, first)
        with self.context.database.reading() as connection:
            if as_of is None:
                issue = self._issue(connection, series_id, issue_id)
                moment = issue.issued_at
            else:
                moment = min(_end(as_of), now)
                issue = self._standing(connection, series_id, moment)
            state = self.state(connection, issue, now)
            entry, paths = self._drawn(connection, issue, model)
            known = self._known(connection, issue)
            today = day_after(issue) if as_of is None else day_of(issue, as_of, moment)
        over = (first or today) < uk_day(now)
        return IssueView(issue, entry, paths, known, state, moment, today, first or today, over)

    def _laid_out(
        self, series_id: str, model: str, now: dt.datetime, first: dt.date | None
    ) -> IssueView:
        """The newest issue, from memory unless the store has moved on."""
        mark = self._mark(series_id)
        kept = self._newest.get((series_id, model))
        if kept is None or kept.mark != mark:
            with self.context.database.reading() as connection:
                mark = change_token_store.read_change_token(connection, series_id, WATCHED)
                issue = self._issue(connection, series_id, "latest")
                entry, paths = self._drawn(connection, issue, model)
                known = self._known(connection, issue)
                facts = self._facts(connection, issue)
            kept = _Newest(mark, issue, entry, paths, known, facts)
            self._newest[series_id, model] = kept  # as many as there are models
        facts = replace(kept.facts, not_written=self.context.database.not_written())
        state = state_of(kept.issue, facts, now, self.context.settings)
        issue, today = kept.issue, max(uk_day(now), day_after(kept.issue))
        over = (first or today) < uk_day(now)
        return IssueView(
            issue, kept.entry, kept.paths, kept.known, state, now, today, first or today, over
        )

    def check_series(self, series_id: str) -> None:
        """Raise `NotFound` unless the series is served."""
        if series_id not in SERIES:
            raise NotFound(f"expected a series of {', '.join(SERIES)}, found {series_id!r}")

    def check_stored(self, series_id: str) -> None:
        """Raise `NotFound` unless the figures of the series are served, forecast or not."""
        if series_id not in STORED:
            raise NotFound(f"expected a series of {', '.join(STORED)}, found {series_id!r}")

    def state(self, connection: Connection, issue: Issue, now: dt.datetime) -> State:
        """Judge `issue` at the moment `now`."""
        newest = issue_store.get_latest_issue(connection, issue.series_id)
        facts = replace(
            self._facts(connection, newest), not_written=self.context.database.not_written()
        )
        return state_of(issue, facts, now, self.context.settings)

    def standing(self, series_id: str) -> State:
        """Judge the newest issue of a series, or that there is none.

        A series that is not forecast stands as the first of those that are.
        """
        series_id = series_id if series_id in SERIES else SERIES[0]
        with self.context.database.reading() as connection:
            issue = issue_store.get_latest_issue(connection, series_id)
            if issue is None:
                return State("degraded", (Reason("no_issue", "nothing is published yet"),))
            return self.state(connection, issue, self.clock())

    def figures_version(self) -> int:
        """A number that grows whenever a figure is added or revised."""
        return self._unless_changed("figures", observation_store.version)

    def _mark(self, series_id: str) -> Mark:
        return self._unless_changed(
            series_id,
            lambda connection: change_token_store.read_change_token(connection, series_id, WATCHED),
        )

    def _unless_changed(self, name: str, read: Callable[[Connection], T]) -> T:
        """What `read` found last time, unless anyone has written to the database since."""
        version = self.context.database.version()
        kept = self._read.get(name)
        if kept is None or version is None or kept[0] != version:
            with self.context.database.glancing() as connection:
                kept = version, read(connection)
            self._read[name] = kept
        return kept[1]  # type: ignore[return-value]

    def fitted(self, view: IssueView) -> Joint:
        """The fit that the paths of `view` were drawn from.

        Raises
        ------
        NotPossible
            If it is not on this machine, or no longer.
        """
        root, entry = self.context.settings.fitted_folder, view.entry

        def read() -> Joint:
            version = named(root, entry.model, entry.version)
            if version is None:
                raise NotPossible(
                    f"the fitted version {entry.version} of {entry.model} is no longer kept; "
                    "ask for the latest issue"
                )
            try:
                return load(version)
            except RegistryError as error:
                raise NotPossible(
                    f"{entry.model} cannot be read again: its files are broken"
                ) from error

        return self.once(("fitted", entry.model, entry.version), read)

    def beside(self, issue: Issue, series_id: str) -> str | None:
        """Id of the issue of another series that was drawn together with `issue`."""
        with self.context.database.reading() as connection:
            found = issue_store.get_sibling_issue(connection, issue, series_id)
        return found.issue_id if found else None

    def known_beside(self, issue: Issue, series_id: str) -> DailySeries | None:
        """What the issue of another series was made of that was drawn together with `issue`."""
        with self.context.database.reading() as connection:
            found = issue_store.get_sibling_issue(connection, issue, series_id)
            return self._known(connection, found) if found else None

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What `make` returned under `key`, for as long as it is among the last asked for.

        The first who asks makes it, while others wait for it.
        """
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

    def entries(self, connection: Connection, issue: Issue) -> list[Entry]:
        """The models of `issue`."""
        return self.once(
            ("entries", issue.issue_id),
            lambda: issue_store.list_entries(connection, issue.issue_id),
        )

    def _facts(self, connection: Connection, newest: Issue | None) -> Facts:
        """What is known of the service as it stands, save whether it can write."""
        settings = self.context.settings
        new_at, unused = None, ""
        if settings.weather != "off":
            told = weather_store.newest(connection, "forecast")
            new_at = told.seen_at if told else None
            note = newest and note_store.get_note(connection, newest.issue_id, note_store.WEATHER)
            unused = note["reason"] if note and note["status"] == "missing" else ""
        last = {job: self._last_run(connection, job) for job in WATCHED}
        return Facts(newest, last, new_at, unused)

    def _last_run(self, connection: Connection, job: str) -> Run | None:
        """The last run that ended by itself; of the ingests, of the source that is set."""
        source = self.context.settings.source if job == "ingest" else None
        return next(iter(run_store.ended(connection, job, source)), None)

    @staticmethod
    def _standing(connection: Connection, series_id: str, moment: dt.datetime) -> Issue:
        found = issue_store.get_latest_issue(connection, series_id, moment)
        if found is None:
            raise NotFound(f"no issue of {series_id} stood at {moment:%Y-%m-%dT%H:%M:%SZ}")
        return found

    def _issue(self, connection: Connection, series_id: str, issue_id: str) -> Issue:
        if issue_id == "latest":
            newest = issue_store.get_latest_issue(connection, series_id)
            if newest is None:
                raise NotReady("nothing is published yet: the first refit is still to come")
            return newest
        found = issue_store.get_issue(connection, issue_id)
        if found is None or found.series_id != series_id:
            raise NotFound(f"expected 'latest' or an issue of {series_id}, found {issue_id!r}")
        return found

    def _drawn(self, connection: Connection, issue: Issue, model: str) -> tuple[Entry, Paths]:
        there = {entry.model: entry for entry in self.entries(connection, issue)}
        model = issue.champion if model == "champion" else model
        if model not in there:
            allowed = ", ".join(["champion", *there])
            raise NotFound(f"expected a model of this issue ({allowed}), found {model!r}")
        paths = self.once(
            ("paths", issue.issue_id, model),
            lambda: issue_store.load_paths(connection, issue, model),
        )
        assert paths is not None  # the entry is a row of the same table
        return there[model], paths

    def _known(self, connection: Connection, issue: Issue) -> DailySeries:
        return self.once(
            ("known", issue.issue_id), lambda: issue_input_store.get_figures(connection, issue)
        )


def _end(as_of: AsOf) -> dt.datetime:
    """`as_of` itself, or the last second of that UK day."""
    return as_of if isinstance(as_of, dt.datetime) else end_of_day(as_of)
