"""The declared series on disk: one file ``ROUTE.toml`` for each route, `Route` says with what."""

from __future__ import annotations

__all__ = ["Route", "Series", "enabled_routes", "read_route", "read_routes"]

import datetime as dt
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, ValidationError

from service.core.declared_source import Declared, GovUk, Table, Text
from service.core.files import RegistryError, read_declaration

_MOST_THRESHOLD = 1_000_000  # as large as `service.answers.checks` lets it be asked
_LAST_SECOND = dt.time(23, 59, 59)
_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")  # part of addresses, of ids of issues and of file names
_PYDANTIC = re.compile(r"(?:Input|String) should (?:be |have )?|Value error, ")
_FORECAST_ONLY = ("day_threshold", "week_threshold", "likely_above", "unlikely_below")
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
    time_zone : str
        Of its days, and of the times at which its jobs run.
    time_name : str
        What the time of that zone is called; none: the name of the zone.
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
        return isinstance(self.source, GovUk) or bool(self.source and self.source.address)

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


def enabled_routes(folder: Path, names: str = "") -> tuple[Route, ...]:
    """The routes that `names`, separated by commas, enable; none: those declared as enabled.

    Raises
    ------
    RegistryError
        If a declaration does not hold, or a name is of no declared route.
    """
    routes = read_routes(folder)
    chosen = names.split(",") if names else [one.name for one in routes.values() if one.enabled]
    if unknown := [name for name in chosen if name not in routes]:
        expected = f"routes of {', '.join(routes)}"
        raise RegistryError(f"CROSSINGS_ROUTES: expected {expected}, found {', '.join(unknown)}")
    if not chosen:
        raise RegistryError(f"CROSSINGS_ROUTES: expected routes of {', '.join(routes)}, found none")
    return tuple(routes[name] for name in dict.fromkeys(chosen))


def read_routes(folder: Path) -> dict[str, Route]:
    """Read every declaration ``ROUTE.toml`` in `folder`; the routes by name.

    Raises
    ------
    RegistryError
        With a line for every fault: the file and key, what was expected and what was found.
    """
    files = sorted(folder.glob("[!.]*.toml")) if folder.is_dir() else []  # hidden: of editors
    faults: list[str] = []
    routes: dict[str, Route] = {}
    homes: dict[str, Path] = {}
    for file in files:
        route, of_file = _read(file)
        faults += of_file
        if route is None:
            continue
        for name in route.series:
            if name in homes:
                faults.append(
                    f"{file}, series.{name}: expected a series_id unique over all routes, "
                    f"found it in {homes[name]} too"
                )
            homes[name] = file
        routes[route.name] = route
    if not faults and not routes:
        faults.append(f"{folder}: expected a declared route (*.toml), found none")
    if faults:
        raise RegistryError("\n".join(faults))
    return routes


def read_route(file: Path) -> Route:
    """Read the declaration `file`.

    Raises
    ------
    RegistryError
        As `read_routes` does.
    """
    route, faults = _read(file)
    if route is None or faults:
        raise RegistryError("\n".join(faults))
    return route


def _read(file: Path) -> tuple[Route | None, list[str]]:
    """The route that `file` declares, if it has the right keys; and a line for every fault."""
    try:
        stated = tomllib.loads(read_declaration(file))
        faults = [
            f"{file}, {key}: expected in no file, found it"
            for key in ("name", "folder")
            if key in stated
        ]
        route = Route.model_validate(stated | {"name": file.stem, "folder": file.parent})
    except RegistryError as error:
        return None, [f"{file}: {error}"]
    except ValidationError as error:
        return None, faults + [f"{file}, {_fault(detail)}" for detail in error.errors()]
    except RecursionError:
        return None, [f"{file}: expected TOML, found tables nested too deeply"]
    except ValueError as error:  # TOMLDecodeError, and what int() refuses
        return None, [f"{file}: expected TOML, found {error}"]
    return route, faults + [f"{file}, {fault}" for fault in _contradictions(route)]


def _leads(series: Series) -> bool:
    return series.frequency == "daily" and series.follows is None


def _contradictions(route: Route) -> Iterator[str]:
    """Faults of keys that are right each by itself."""
    if not _ID.fullmatch(route.name):
        yield f"its name: expected small letters, digits and _, found {route.name!r}"
    if route.figures and not (route.folder / route.figures).is_file():
        yield f"figures: expected a file beside it, found no {route.figures}"
    if bool(route.weather_points) != bool(route.weather_place):
        yield f"weather_place: expected with weather_points alone, found {route.weather_place!r}"
    if route.source is not None:
        yield from route.source.faults(route.folder, route.series)
    leading = [name for name, one in route.series.items() if _leads(one)]
    if len(leading) != 1:
        found = ", ".join(leading) or "none"
        yield f"series: expected one daily series that follows no other, found {found}"
    for name, one in route.series.items():
        yield from _contradictions_of_series(name, one, leading)


def _contradictions_of_series(name: str, one: Series, leading: list[str]) -> Iterator[str]:
    key = f"series.{name}"
    if not _ID.fullmatch(name):
        yield f"{key}: expected a series_id of small letters, digits and _, found {name!r}"
    if one.frequency == "daily":
        for missing in _FORECAST_ONLY:
            if missing not in one.model_fields_set:
                yield f"{key}.{missing}: expected a number, found none"
    elif stray := sorted({*_FORECAST_ONLY, "follows"} & one.model_fields_set):
        yield f"{key}.{stray[0]}: expected in daily series alone, found in a weekly one"
    if bool(one.ratio) != bool(one.follows):
        found = one.ratio or "none"
        yield f"{key}.ratio: expected in a series that follows another alone, found {found!r}"
    if one.unlikely_below > one.likely_above:
        yield (
            f"{key}.unlikely_below: expected at most likely_above, {one.likely_above}, "
            f"found {one.unlikely_below}"
        )
    if one.frequency == "daily" and one.follows is not None and one.follows not in leading:
        expected = ", ".join(leading) or "a series that follows no other"
        yield f"{key}.follows: expected {expected}, found {one.follows!r}"


def _fault(detail: Mapping[str, Any]) -> str:
    where = [str(part) for part in detail["loc"]]
    key = ".".join(where)
    if detail["type"] == "union_tag_not_found":
        return f"{key}.kind: expected a value, found none"
    if detail["type"] == "union_tag_invalid":
        found = detail["input"].get("kind")
        return f"{key}.kind: expected 'govuk', 'csv' or 'json', found {found!r:.60}"
    if where[0] == "source" and len(where) > 1:
        key = ".".join(["source", *where[2:]])  # without the kind
    if detail["type"] == "missing":
        return f"{key}: expected a value, found none"
    if detail["type"] == "extra_forbidden":
        known: type[Declared] = Route
        if where[0] == "series":
            known = Series
        elif where[0] == "source":
            known = GovUk if where[1] == "govuk" else Table
        fields = [name for name in known.model_fields if name not in ("name", "folder")]
        near = difflib.get_close_matches(where[-1], fields, 1)
        nearest = f"{near[0]}, the nearest of its keys" if near else f"one of {', '.join(fields)}"
        return f"{key}: expected {nearest}, found another key"
    return f"{key}: expected {_PYDANTIC.sub('', detail['msg'])}, found {detail['input']!r:.60}"
