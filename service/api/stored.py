"""The shapes of the figures themselves: what is stored, and what became of it."""

from __future__ import annotations

__all__ = ["Catalogue", "Observations", "Revisions"]

import datetime as dt
from typing import Literal

from service.api.schemas import Open, ReasonItem, StatusName


class CatalogueRow(Open):
    """A series."""

    series_id: str
    title: str
    unit: str
    frequency: Literal["daily", "weekly"]
    is_forecast: bool
    data_from: dt.date | None
    data_through: dt.date | None
    latest_issue: str | None
    status: StatusName
    reasons: list[ReasonItem]


class Catalogue(Open):
    """The series that are served."""

    rows: list[CatalogueRow]


class ObservationsRow(Open):
    """One published figure."""

    time: dt.datetime
    date: dt.date
    value: int
    source: str
    known_at: dt.datetime


class Observations(Open):
    """The published figures."""

    series_id: str
    unit: str
    status: StatusName
    reasons: list[ReasonItem]
    attribution: str
    rows: list[ObservationsRow]


class RevisionsRow(Open):
    """A figure that was published anew with another value."""

    time: dt.datetime
    date: dt.date
    value_before: int
    value: int
    source_before: str
    source: str
    known_at: dt.datetime
    marked_revised: bool
    ruled: bool


class Revisions(Open):
    """Every revision, in the order of publication; `count` is of those that ruled."""

    series_id: str
    count: int
    rows: list[RevisionsRow]
