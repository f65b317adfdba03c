"""An issue as it is looked at: by which model, at which moment, and from which day on."""

from __future__ import annotations

__all__ = ["IssueView", "day_after", "day_of"]

import datetime as dt
from dataclasses import dataclass

from forecast.paths import Paths
from forecast.series import DailySeries, as_day
from service.answers.ahead import Ahead
from service.answers.errors import NotPossible
from service.answers.state import State
from service.core.declared_series import Route, Series
from service.data.observation_store import AsOf
from service.issues.issue_store import Entry, Issue


@dataclass(frozen=True)
class IssueView:
    """One issue of one series, as one model of it sees the future.

    Attributes
    ----------
    route : Route
        The route of the series.
    observed : DailySeries
        The figures as they were known when the issue was made, up to its `data_through`.
    moment : datetime
        The moment at which it is looked at: now for the latest issue; for one that is asked for
        by its id, when it was issued; by a moment, that moment.
    today : date
        The day from which on is looked ahead unless another is asked: the day of now for the
        latest issue; for one that is asked for by its id, the day after its figures; by a bare
        date, the day after it; by an instant, its day. Never a day that has a figure.
    first : date
        The day from which on is looked ahead.
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


def day_after(issue: Issue) -> dt.date:
    """The first day that has no figure."""
    return issue.data_through + dt.timedelta(days=1)


def day_of(issue: Issue, as_of: AsOf, day: dt.date) -> dt.date:
    """The day after a bare date, and the `day` of an instant, unless the figures reach further."""
    if not isinstance(as_of, dt.datetime):
        day += dt.timedelta(days=1)
    return max(day, day_after(issue))
