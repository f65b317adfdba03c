"""The declared series on disk: one file ``ROUTE.toml`` for each route.

::

    time_zone = "Europe/London"         # of the days, and of the times at which jobs run
    publication_time = 14:00:00         # when the figure of a day counts as known where its source
    publication_lag_days = 1            # does not say: so many days later, at that time
    attribution = "Source: …"           # shown with every answer

    [series.people]                     # the `series_id`, unique over all routes
    title = "People arriving …"
    unit = "people"
    day_threshold = 500                 # shown where no other threshold is asked for
    week_threshold = 2000
    likely_above = 0.55                 # chance of any that day: above it they are likely,
    unlikely_below = 0.35               # below this one unlikely, and otherwise possible
    change_without_note = 50            # of a published figure; 0 when left out

    [series.boats]
    follows = "people"                  # the series whose paths it is drawn from
    …

    [series.preventions]
    frequency = "weekly"                # or "daily", which is forecast
    …
"""

from __future__ import annotations

__all__ = ["Route", "Series", "read_route"]

import datetime as dt
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from service.core.files import RegistryError, read_declaration

_MOST_THRESHOLD = 1_000_000  # as large as `service.answers.checks` lets it be asked
_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")  # part of addresses, of ids of issues and of file names
_PYDANTIC = re.compile(r"(?:Input|String) should (?:be |have )?|Value error, ")
_FORECAST_ONLY = ("day_threshold", "week_threshold", "likely_above", "unlikely_below")

_LAST_SECOND = dt.time(23, 59, 59)


def _checked_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("the name of a time zone such as Europe/London")
    return name


_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Threshold = Annotated[int, Field(ge=0, le=_MOST_THRESHOLD)]
_Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_TimeZone = Annotated[str, AfterValidator(_checked_zone)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Series(_Declared):
    """One series of a route.

    Attributes
    ----------
    title, unit : str
        What it counts, in a line; and in a word, as sentences about it say.
    frequency : str
        ``daily`` series are forecast; ``weekly`` ones are kept and served.
    follows : str | None
        The series whose paths this one is drawn from; None for the one that leads.
    day_threshold, week_threshold : int
        The count whose chance of being exceeded is given unless another is asked for.
    likely_above, unlikely_below : float
        Chances of any on a day: above the first they are likely, below the second unlikely.
    change_without_note : int
        How far a published figure may change without a note beside it.
    """

    title: _Text
    unit: _Text
    frequency: Literal["daily", "weekly"] = "daily"
    follows: str | None = None
    day_threshold: _Threshold = 0
    week_threshold: _Threshold = 0
    likely_above: _Chance = 1.0
    unlikely_below: _Chance = 0.0
    change_without_note: Annotated[int, Field(ge=0)] = 0


class Route(_Declared):
    """The series of one route, by `series_id`, and what they share."""

    time_zone: _TimeZone
    attribution: _Text
    publication_time: dt.time = dt.time(14, 0)
    publication_lag_days: Annotated[int, Field(ge=0, le=60)] = 1
    series: Annotated[dict[str, Series], Field(min_length=1)]

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of its days."""
        return ZoneInfo(self.time_zone)

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
    def leading(self) -> str:
        """The forecast series that the others follow."""
        return next(name for name, one in self.series.items() if _leads(one))

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


def read_route(folder: Path) -> Route:
    """Read every declaration ``ROUTE.toml`` in `folder`, and return the route that is served.

    Raises
    ------
    RegistryError
        With a line for every fault: the file and key, what was expected and what was found.
    """
    # Hidden files are such as editors make.
    files = sorted(folder.glob("[!.]*.toml")) if folder.is_dir() else []
    faults: list[str] = []
    routes: dict[str, Route] = {}
    homes: dict[str, Path] = {}
    for file in files:
        try:
            route = Route.model_validate(tomllib.loads(read_declaration(file)))
        except RegistryError as error:
            faults.append(f"{file}: {error}")
            continue
        except ValidationError as error:
            faults += [f"{file}, {_fault(detail)}" for detail in error.errors()]
            continue
        except RecursionError:
            faults.append(f"{file}: expected TOML, found tables nested too deeply")
            continue
        except ValueError as error:  # TOMLDecodeError, and what int() refuses
            faults.append(f"{file}: expected TOML, found {error}")
            continue
        faults += [f"{file}, {fault}" for fault in _contradictions(route)]
        for name in route.series:
            if name in homes:
                faults.append(
                    f"{file}, series.{name}: expected a series_id unique over all routes, "
                    f"found it in {homes[name]} too"
                )
            homes[name] = file
        routes[file.stem] = route
    if not faults and len(routes) != 1:
        found = " and ".join(file.name for file in files) or "none"
        faults.append(f"{folder}: expected one declared route (*.toml), found {found}")
    if faults:
        raise RegistryError("\n".join(faults))
    return next(iter(routes.values()))


def _leads(series: Series) -> bool:
    return series.frequency == "daily" and series.follows is None


def _contradictions(route: Route) -> Iterator[str]:
    """Faults of keys that are right each by itself."""
    leading = [name for name, one in route.series.items() if _leads(one)]
    if len(leading) != 1:
        found = ", ".join(leading) or "none"
        yield f"series: expected one daily series that follows no other, found {found}"
    for name, one in route.series.items():
        key = f"series.{name}"
        if not _ID.fullmatch(name):
            yield f"{key}: expected a series_id of small letters, digits and _, found {name!r}"
        if one.frequency == "daily":
            for missing in _FORECAST_ONLY:
                if missing not in one.model_fields_set:
                    yield f"{key}.{missing}: expected a number, found none"
        elif stray := sorted({*_FORECAST_ONLY, "follows"} & one.model_fields_set):
            yield f"{key}.{stray[0]}: expected in daily series alone, found in a weekly one"
        if one.unlikely_below > one.likely_above:
            yield (
                f"{key}.unlikely_below: expected at most likely_above, {one.likely_above}, "
                f"found {one.unlikely_below}"
            )
        if one.frequency == "daily" and one.follows is not None and one.follows not in leading:
            expected = ", ".join(leading) or "a series that follows no other"
            yield f"{key}.follows: expected {expected}, found {one.follows!r}"


def _fault(detail: Mapping[str, Any]) -> str:
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"{key}: expected a value, found none"
    if detail["type"] == "extra_forbidden":
        known = Series if key.startswith("series.") else Route
        return f"{key}: expected one of {', '.join(known.model_fields)}, found another key"
    return f"{key}: expected {_PYDANTIC.sub('', detail['msg'])}, found {detail['input']!r:.60}"
