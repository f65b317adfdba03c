"""Request bodies, validated as strictly as queries."""

from __future__ import annotations

__all__ = ["ScenarioBody", "SimpodQuery"]

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from service.answers.ahead import MOST_HORIZON
from service.answers.bands import Level
from service.answers.scenario import LEVEL_PERCENT, PEOPLE_PER_BOAT
from service.api.query_types import DATE, Day, Moment


def _by_day(value: Any) -> Any:
    """Accept JSON keys of the form ``YYYY-MM-DD`` only."""
    if isinstance(value, dict):
        wrong = [str(day)[:40] for day in value if not DATE.fullmatch(str(day))]
        if wrong:
            raise ValueError(f"expected dates such as 2026-01-05, found {wrong[0]!r}")
    return value


def _integer(value: Any) -> Any:
    """Accept 28.0, which is an integer in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class ScenarioBody(BaseModel):
    """Assumptions, at least one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level_percent: float = Field(
        0.0,
        strict=True,
        allow_inf_nan=False,
        ge=LEVEL_PERCENT[0],
        le=LEVEL_PERCENT[1],
        description="Change of the level of arrivals in per cent.",
    )
    people_per_boat: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        ge=PEOPLE_PER_BOAT[0],
        le=PEOPLE_PER_BOAT[1],
        description="Mean number of people in each boat.",
    )
    weather: Annotated[
        dict[dt.date, Literal["calm", "mixed", "rough"]], BeforeValidator(_by_day)
    ] = Field(
        default_factory=dict,
        max_length=MOST_HORIZON,
        description="Weather by day, where the model of the issue uses weather.",
    )
    first: Day | None = Field(
        None, alias="from", description="First day of the answer, as of the forecast."
    )
    horizon: Annotated[int, BeforeValidator(_integer)] = Field(
        28, strict=True, ge=1, le=MOST_HORIZON, description="Days from `from` on."
    )
    levels: tuple[Level, ...] = Field(
        (50, 80, 95),
        min_length=1,
        max_length=5,
        json_schema_extra={"uniqueItems": True},
        description="Levels of the central bands in per cent, each once.",
    )
    issue: str = Field("latest", max_length=64, description="An issue's id, or `latest`.")
    as_of: Moment | None = Field(None, description="The issue that stood then.")
    model: str = Field(
        "champion", max_length=64, description="A model of the issue, or `champion`."
    )


class SimpodRange(BaseModel):
    """Time range of a chart."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    first: AwareDatetime = Field(alias="from")
    last: AwareDatetime = Field(alias="to")


class SimpodTarget(BaseModel):
    """A metric to draw, such as ``people.median``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    target: str = Field(max_length=64)


class SimpodQuery(BaseModel):
    """A query of the simPod data source; extra keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    range: SimpodRange
    targets: tuple[SimpodTarget, ...] = Field(max_length=100)
