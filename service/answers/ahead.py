"""An issue as it is looked at: by which model, at which moment, and from which day onwards."""

from __future__ import annotations

__all__ = ["LEAST_SHARE", "MOST_HORIZON", "UNPUBLISHED", "Ahead", "IssueView", "scale_to_share"]

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.paths import Paths
from forecast.series import DailySeries, as_date, as_day
from service.answers.errors import BadQuestion, NotPossible
from service.answers.state import State
from service.core.clock import day_columns
from service.core.declared_series import Route, Series
from service.issues.issue_store import MOST_HORIZON, Entry, Issue

LEAST_SHARE = 0.01
"""The smallest share that can be asked for, in per cent, and the step of all others."""
_STEPS = 100  # in one per cent

UNPUBLISHED = "not yet published"
"""Note on a day that is over and has no figure."""


@dataclass(frozen=True, eq=False)
class Ahead:
    """The paths of an issue from the first day of an answer, which horizons are counted from.

    `BadQuestion` is raised if `first` is no day of the paths.
    """

    paths: Paths  # from the day after the figures
    first: dt.date
    today: dt.date  # days before it are over, though nothing is published of them

    def __post_init__(self) -> None:
        start, end = as_date(self.paths.start), as_date(self.paths.end)
        if not start <= self.first <= end:
            raise BadQuestion(
                "from", f"a day from {start} to {end}, the last that can be answered", self.first
            )

    @classmethod
    def of(cls, paths: Paths) -> Ahead:
        """All of `paths`, from their first day."""
        first = as_date(paths.start)
        return cls(paths, first, first)

    @property
    def skipped(self) -> int:
        """Number of days between the figures and the first day of the answer."""
        return (self.first - as_date(self.paths.start)).days

    @property
    def most(self) -> int:
        """Longest possible horizon."""
        return self.paths.horizon - self.skipped

    def end(self, horizon: int) -> int:
        """Days of the paths up to the end of `horizon` days; raises `BadQuestion` beyond them."""
        if not 1 <= horizon <= self.most:
            raise BadQuestion(
                "horizon",
                f"a whole number from 1 to {self.most:,}, as {self.paths.end} is the last day that "
                "can be answered",
                horizon,
            )
        return self.skipped + horizon

    def horizon_to(self, last: dt.date) -> int:
        """The horizon that ends on `last`, or on the nearest day that can be answered."""
        return min(max((last - self.first).days + 1, 1), self.most)

    def upto(self, horizon: int) -> Paths:
        """The paths of the first `horizon` days of the answer; raises as `end` does."""
        end = self.end(horizon)
        return Paths(as_day(self.first), self.paths.values[:, self.skipped : end])

    def since(self, days: int) -> Ahead:
        """The same from an earlier day on, by at most so many, that is not yet published."""
        first = max(as_date(self.paths.start), self.first - dt.timedelta(days=days))
        return replace(self, first=first)

    def note(self, day: dt.date) -> str | None:
        """Return a note about `day`."""
        return UNPUBLISHED if day < self.today else None

    def rows(self, horizon: int, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """Return ``time date horizon_days``, `columns` and ``note``, one row a day of the answer.

        Columns begin with the first day of the paths, from which ``horizon_days`` is counted too.
        """
        begin, end = self.skipped, self.end(horizon)
        return [
            {**day_columns(day), "horizon_days": at + 1}
            | {name: values[at] for name, values in columns.items()}
            | {"note": self.note(day)}
            for at, day in enumerate(self.paths.dates[begin:end].tolist(), start=begin)
        ]


@dataclass(frozen=True)
class IssueView:
    """One issue of one series, as one model of it sees the future.

    Attributes
    ----------
    observed : DailySeries
        The figures as they were known when the issue was made, up to its `data_through`.
    moment : datetime
        Now for the latest issue; for one asked for by its id, when it was issued; by a moment,
        that moment.
    today : date
        First day of an answer unless another is asked for: the day of now for the latest issue;
        by its id, the day after its figures; by a bare date, the day after it; by an instant, its
        day. Never a day that has a figure.
    first : date
        First day of the answer.
    is_past : bool
        Whether that day is over, whatever was known of it when the issue was made.
    """

    route: Route
    issue: Issue
    entry: Entry
    paths: Paths
    observed: DailySeries
    state: State
    moment: dt.datetime
    today: dt.date
    first: dt.date
    is_past: bool

    @property
    def declared(self) -> Series:
        """What the series counts, as it is declared."""
        return self.route.series[self.issue.series_id]

    @property
    def ahead(self) -> Ahead:
        """The coming days.

        Raises
        ------
        BadQuestion
            If they begin on a day that was asked for and that the issue does not reach.
        NotPossible
            If the issue is so old that it does not reach today.
        """
        if self.first == self.today and as_day(self.first) > self.paths.end:
            is_served = self.entry.model == self.issue.champion
            raise NotPossible(
                f"the last day that {'' if is_served else f'{self.entry.model} of '}"
                f"issue {self.issue.issue_id} can answer is {self.paths.end}, "
                f"and {self.first} is asked: a newer forecast is needed (`crossings refit`)"
                + ("" if is_served else f", or the champion, {self.issue.champion}")
            )
        return Ahead(self.paths, self.first, self.today)


def scale_to_share(view: IssueView, our_share: float) -> IssueView:
    """Return `view` with each count multiplied by `our_share` per cent and rounded up.

    A share of a day is a whole number of people, and places that are rounded down are too few. A
    day without arrivals has none in any share.
    """
    if our_share == 100:
        return view
    steps = our_share * _STEPS
    if not (LEAST_SHARE <= our_share <= 100 and abs(steps - round(steps)) < 1e-6):
        expected = f"a percentage from {LEAST_SHARE} to 100 with at most two decimals"
        raise BadQuestion("our_share", expected, our_share)

    def scaled(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
        # In whole numbers: 3% of 100 is 3, and not 4 for a last digit of a fraction.
        return -(-counts.astype(np.int64) * round(steps) // (100 * _STEPS))

    return replace(
        view,
        paths=Paths(view.paths.start, scaled(view.paths.values)),
        observed=replace(view.observed, values=scaled(view.observed.values)),
    )
