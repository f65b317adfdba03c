"""What a route declares: its series, and what they share."""

from __future__ import annotations

__all__ = ["Route", "Series"]

import datetime as dt
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from service.core.declared_source import Declared, GovUk, Table, Text

_MOST_THRESHOLD = 1_000_000  # as large as `service.answers.checks` lets it be asked
_LAST_SECOND = dt.time(23, 59, 59)
_TIMES = r"^([01]\d|2[0-3]):[0-5]\d(,([01]\d|2[0-3]):[0-5]\d)*$|^$"


def _checked_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("the name of a time zone such as Europe/London")
    return name


_TimeZone = Annotated[str, AfterValidator(_checked_zone)]
_Times = Annotated[str, Field(pattern=_TIMES)]
_Threshold = Annotated[int, Field(ge=0, le=_MOST_THRESHOLD)]
_Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Point = Annotated[
    tuple[
        Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)],
        Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)],
    ],
    Field(strict=False),
]


class Series(Declared):
    """One series of a route.

    Attributes
    ----------
    title, unit, unit_one : str
        What it counts, in a line; and as sentences about many and about one of it say.
    ratio : str
        Of a series that follows another: what so many of that one to one of this are called.
    frequency : str
        ``daily`` series are forecast; ``weekly`` ones are kept and served.
    follows : str | None
        The series whose paths this one is drawn from; None for the one that leads.
    day_threshold, week_threshold : int
        The count whose chance of being exceeded is given unless another is asked for.
    likely_above, unlikely_below : float
        Chances of any on a day: above the first they are likely, below the second unlikely.
    change_without_note : int
        How far a published figure may change without a note beside it; or a fifth, if that is more.
    """

    title: Text
    unit: Text
    unit_one: Text
    ratio: Text = ""
    frequency: Literal["daily", "weekly"] = "daily"
    follows: str | None = None
    day_threshold: _Threshold = 0
    week_threshold: _Threshold = 0
    likely_above: _Chance = 1.0
    unlikely_below: _Chance = 0.0
    change_without_note: Annotated[int, Field(ge=0)] = 0

    @property
    def leads(self) -> bool:
        """Whether it is forecast, and follows no other."""
        return self.frequency == "daily" and self.follows is None


class Route(Declared):
    """A route: its series, by `series_id`, and what they share.

    Attributes
    ----------
    name : str
        Of its file, without ``.toml``.
    folder : Path
        Of its file; paths in it are relative to this.
    enabled : bool
        Whether it is served unless the settings name others.
    title : str
        A few words.
    forecast_title : str
        What its forecast is called on pages and in emails; none: the title.
    time_zone, time_name : str
        Of its days and its jobs; and what that time is called, none: the name of the zone.
    location : str
        What a hub that collects forecasts calls it; none: its name.
    publication_time, publication_lag_days : time, int
        When the figure of a day counts as known if its source does not say: so many days later, at
        that time.
    read_times, read_times_weekend : str
        When its source is read, such as ``13:50,15:50``; the second too at weekends.
    attribution, licence, licence_url : str
        Whose figures these are, as every answer must say, and under which terms.
    arrivals, area, counted : str
        Words of its pages: where and how people arrive, its whole, and what is counted.
    source : GovUk | Table | None
        Where its figures come from.
    figures : str
        A file of figures that are there without any network: columns `date` and each series.
    weather_points, weather_place : tuple of (latitude, longitude), str
        Where weather that matters is read, and what that is called; none: it is forecast without.
    models : tuple of str
        Declared models; none: all of them.
    """

    name: str = ""
    folder: Path = Path()
    enabled: bool = True
    title: Text
    forecast_title: Text = Field(default_factory=lambda route: route["title"])
    time_zone: _TimeZone
    time_name: Text = Field(default_factory=lambda route: route["time_zone"])
    location: Text = Field(default_factory=lambda route: route["name"])
    publication_time: dt.time = dt.time(14, 0)
    publication_lag_days: Annotated[int, Field(ge=0, le=60)] = 1
    read_times: _Times = ""
    read_times_weekend: _Times = ""
    attribution: Text
    licence: Text
    licence_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    arrivals: str = ""
    area: Text = "the whole route"
    counted: str = ""
    source: Annotated[GovUk | Table, Field(discriminator="kind")] | None = None
    figures: str = ""
    weather_points: Annotated[tuple[_Point, ...], Field(max_length=10, strict=False)] = ()
    weather_place: str = ""
    models: Annotated[tuple[str, ...], Field(strict=False)] = ()
    series: Annotated[dict[str, Series], Field(min_length=1)]

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of its days."""
        return ZoneInfo(self.time_zone)

    @property
    def area_title(self) -> str:
        """Its area, as a heading says it."""
        return self.area.removeprefix("the ")

    @property
    def credit(self) -> str:
        """Its attribution and its licence."""
        licence = "" if self.licence in self.attribution else f" Licence: {self.licence}."
        return self.attribution + licence

    def day(self, moment: dt.datetime) -> dt.date:
        """The calendar day on which `moment` falls."""
        return moment.astimezone(self.zone).date()

    def end_of_day(self, day: dt.date) -> dt.datetime:
        """The last second of a calendar day, in UTC."""
        return dt.datetime.combine(day, _LAST_SECOND, self.zone).astimezone(dt.UTC)

    def seconds_left(self, moment: dt.datetime) -> int:
        """Seconds from `moment` to the end of its day, which may have 23 or 25 hours."""
        return int((self.end_of_day(self.day(moment)) - moment).total_seconds()) + 1

    def assumed_known_at(self, day: dt.date) -> dt.datetime:
        """When the figure of `day` counts as known if its source does not say."""
        published_on = day + dt.timedelta(days=self.publication_lag_days)
        known_at = dt.datetime.combine(published_on, self.publication_time, self.zone)
        return known_at.astimezone(dt.UTC)

    @property
    def figures_file(self) -> Path | None:
        """The file of figures that are there without any network."""
        if self.figures:
            return self.folder / self.figures
        if isinstance(self.source, Table) and self.source.file:
            return self.folder / self.source.file
        return None

    @property
    def is_followed(self) -> bool:
        """Whether its source may have news: a file is read when it is asked to be."""
        if isinstance(self.source, Table):
            return bool(self.source.address) and not self.source.closed
        return self.source is not None

    @property
    def is_closed(self) -> bool:
        """Whether its source has ended."""
        return isinstance(self.source, Table) and self.source.closed

    @property
    def leading(self) -> str:
        """The forecast series that the others follow."""
        return next(name for name, one in self.series.items() if one.leads)

    @property
    def followers(self) -> tuple[str, ...]:
        """The series that follow the leading one."""
        return tuple(name for name, one in self.series.items() if one.follows)

    @property
    def forecast(self) -> tuple[str, ...]:
        """The series that are forecast; the first leads."""
        return (self.leading, *self.followers)

    @property
    def stored(self) -> tuple[str, ...]:
        """The series whose figures are served; those that are forecast come first."""
        rest = (name for name in self.series if name not in self.forecast)
        return (*self.forecast, *rest)
