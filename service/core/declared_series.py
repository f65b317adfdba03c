"""Declarations of a route: its series, and the source of its figures.

docs/data.md says what each key means; a test holds that it has them all.
"""

__all__ = ["Declaration", "GovUk", "Route", "Series", "Table"]

import datetime as dt
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from service.core.secrets import CONTROL_CHARACTERS
from service.core.setting_types import Times, matching

_DAY = dt.date(2024, 10, 18)
_MOST_THRESHOLD = 1_000_000  # the limit in `service.answers.errors`
_FORECAST_KEYS = {"day_threshold", "week_threshold", "likely_above", "unlikely_below"}
_LAST_SECOND = dt.time(23, 59, 59, fold=1)  # a clock set back at midnight shows it twice


def _checked_format(date_format: str) -> str:
    """Check that a date survives formatting and parsing."""
    if "%y" in date_format.lower():  # Python 3.13 warns without a year
        with suppress(ValueError, re.error):  # `strptime` makes a repeated part a repeated group
            if dt.datetime.strptime(_DAY.strftime(date_format), date_format).date() == _DAY:
                return date_format
    raise ValueError("expected a format with day, month and year such as %d/%m/%Y")


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no name, a path or a folder
        raise ValueError("expected the name of a time zone such as Europe/London") from None
    return name


_Text = Annotated[str, Field(min_length=1)]
_ID = Annotated[  # used in URLs, issue ids and file names
    str, matching("[a-z][a-z0-9_]{0,31}", "lower-case letters, digits and _")
]
_Address = Annotated[
    str,
    Field(max_length=500),
    matching(
        r"(https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])[:/]\S*)?",
        "an address such as https://example.org/figures.csv",
    ),
]
_Threshold = Annotated[int, Field(ge=0, le=_MOST_THRESHOLD)]
_Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
_Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
_Point = Annotated[tuple[_Latitude, _Longitude], Field(strict=False)]


class Declaration(BaseModel):
    """Base of declarations: unknown keys are refused, and types are not coerced.

    No text holds control characters: it may become the header of an email.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @field_validator("*")
    @classmethod
    def _refuse_control_characters(cls, value: Any) -> Any:
        if isinstance(value, str) and CONTROL_CHARACTERS.search(value):
            raise ValueError("expected text without control characters")
        return value


class GovUk(Declaration):
    """The Home Office workbook and page on GOV.UK."""

    kind: Literal["govuk"]

    title: ClassVar[str] = "GOV.UK"
    """Its name in a sentence."""


class Table(Declaration):
    """A CSV or JSON table with a row for each report of a day."""

    kind: Literal["csv", "json"]
    file: str = ""
    address: _Address = ""
    rows: str = ""
    date: _Text = "date"
    date_format: Annotated[_Text, AfterValidator(_checked_format)] = "%Y-%m-%d"
    columns: Annotated[dict[str, _Text], Field(min_length=1)]
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    placeholders: Annotated[tuple[str, ...], Field(strict=False)] = ()
    reports: Literal["refuse", "first", "last", "largest"] = "refuse"
    encoding: _Text = "utf-8"
    closed: bool = False

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return urlsplit(self.address).hostname or Path(self.file).name

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if bool(self.file) == bool(self.address):
            raise ValueError("expected either a file or an address")
        if self.decimal == self.thousands:
            raise ValueError("expected different characters as decimal and thousands")
        return self


class Series(Declaration):
    """One series of a route; the leading one follows no other."""

    title: _Text
    unit: _Text
    unit_one: _Text
    ratio: _Text = ""
    frequency: Literal["daily", "weekly"] = "daily"
    follows: str | None = None
    day_threshold: _Threshold = 0
    week_threshold: _Threshold = 0
    likely_above: _Chance = 1.0
    unlikely_below: _Chance = 0.0
    change_without_note: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.frequency == "daily" and not _FORECAST_KEYS <= self.model_fields_set:
            raise ValueError(f"expected {', '.join(sorted(_FORECAST_KEYS))} in a daily series")
        if bool(self.ratio) != bool(self.follows):
            raise ValueError("expected ratio in a series that follows another, and only there")
        if self.unlikely_below > self.likely_above:
            raise ValueError("expected unlikely_below to be at most likely_above")
        return self

    @property
    def leads(self) -> bool:
        """Whether it is forecast on its own and follows no other series."""
        return self.frequency == "daily" and self.follows is None

    def unit_of(self, number: float | str) -> str:
        """Return the unit after `number`: singular after 1."""
        return self.unit_one if str(number) == "1" else self.unit


class Route(Declaration):
    """A route: its series by `series_id`, and their shared declarations.

    Its `name` is that of its file without ``.toml``; paths are relative to its `folder`.
    """

    name: _ID
    folder: Path
    enabled: bool = True
    title: _Text
    forecast_title: _Text = Field(default_factory=lambda route: route["title"])
    time_zone: Annotated[str, AfterValidator(_checked_zone)]
    time_name: _Text = Field(default_factory=lambda route: route["time_zone"])
    location: _Text = Field(default_factory=lambda route: route["name"])
    publication_time: dt.time = dt.time(14, 0)
    publication_lag_days: Annotated[int, Field(ge=0, le=60)] = 1
    read_times: Times = ""
    read_times_weekend: Times = ""
    attribution: _Text
    licence: _Text
    licence_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    arrivals: str = ""
    area: _Text = "the whole route"
    counted: str = ""
    source: Annotated[GovUk | Table, Field(discriminator="kind")] | None = None
    figures: str = ""
    weather_points: Annotated[tuple[_Point, ...], Field(max_length=10, strict=False)] = ()
    weather_place: str = ""
    models: Annotated[tuple[str, ...], Field(strict=False)] = ()
    series: dict[_ID, Series]

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        leading = [name for name, one in self.series.items() if one.leads]
        faults = []
        if len(leading) != 1:
            found = ", ".join(leading) or "none"
            faults.append(f"one daily series that follows no other, found {found}")
        for name, one in self.series.items():
            if one.follows not in (None, *leading) or (one.follows and one.frequency == "weekly"):
                faults.append(f"{name} to be daily and follow {' or '.join(leading)}, or nothing")
        if isinstance(self.source, Table) and (more := self.source.columns.keys() - self.series):
            faults.append(f"columns of declared series, found {', '.join(sorted(more))}")
        if bool(self.weather_points) != bool(self.weather_place):
            faults.append("both weather_points and weather_place, or neither")
        if faults:
            raise ValueError(f"expected {'; expected '.join(faults)}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of its days."""
        return ZoneInfo(self.time_zone)

    @property
    def area_title(self) -> str:
        """Its area, capitalised as a heading."""
        return self.area.removeprefix("the ")

    @property
    def credit(self) -> str:
        """Its attribution and licence."""
        licence = "" if self.licence in self.attribution else f" Licence: {self.licence}."
        return f"{self.attribution.rstrip('.')}.{licence}"

    def day(self, moment: dt.datetime) -> dt.date:
        """Return the calendar day of `moment`."""
        return moment.astimezone(self.zone).date()

    def end_of_day(self, day: dt.date) -> dt.datetime:
        """Return the last second of a calendar day, in UTC."""
        return dt.datetime.combine(day, _LAST_SECOND, self.zone).astimezone(dt.UTC)

    def assumed_known_at(self, day: dt.date) -> dt.datetime:
        """Return when the figure of `day` counts as known if its source does not say."""
        published_on = day + dt.timedelta(days=self.publication_lag_days)
        known_at = dt.datetime.combine(published_on, self.publication_time, self.zone)
        return known_at.astimezone(dt.UTC)

    @property
    def is_followed(self) -> bool:
        """Whether its source is read on a schedule; a file is read only on request."""
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
    def lead(self) -> Series:
        """The declaration of the leading series."""
        return self.series[self.leading]

    @property
    def followers(self) -> tuple[str, ...]:
        """The series that follow the leading one."""
        return tuple(name for name, one in self.series.items() if one.follows)

    @property
    def forecast(self) -> tuple[str, ...]:
        """The forecast series, the leading one first."""
        return (self.leading, *self.followers)

    @property
    def stored(self) -> tuple[str, ...]:
        """The series whose figures are served, forecast ones first."""
        rest = (name for name in self.series if name not in self.forecast)
        return (*self.forecast, *rest)
