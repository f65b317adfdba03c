"""The shapes of what is published, charted, alerted on, supposed and asked for."""

from __future__ import annotations

__all__ = [
    "Age",
    "Chance",
    "IssueDetails",
    "Issues",
    "JobRequest",
    "Panel",
    "ScenarioAnswer",
]

import datetime as dt
from typing import Literal

from service.api.schemas import ForecastRow, Headed, Open, TotalsRow


class IssueRow(Open):
    """One issue, in short."""

    issue_id: str
    time: dt.datetime
    issued_at: dt.datetime
    data_through: dt.date
    origin: dt.date
    as_of: dt.datetime
    champion: str
    n_paths: int
    horizon_days: int


class Issues(Open):
    """Issues, newest first; `next` is null on the last page."""

    series_id: str
    unit: str
    attribution: str
    next: str | None
    rows: list[IssueRow]


class ModelItem(Open):
    """A model of an issue."""

    model: str
    title: str
    role: str
    version: str


class IssueWeather(Open):
    """What an issue was given of the weather, where it was wanted."""

    status: Literal["used", "missing", "off"]
    reason: str


class IssueDetails(IssueRow):
    """One issue; it never changes."""

    series_id: str
    unit: str
    kind: str
    seed: int
    inputs_hash: str
    models: list[ModelItem]
    weather: IssueWeather | None = None
    attribution: str


class PanelRow(Open):
    """One day: what was counted, what is forecast, or both."""

    time: dt.datetime
    date: dt.date
    actual: int | None
    median: int | None
    mean: float | None
    p_zero: float | None
    lo50: int | None
    hi50: int | None
    lo80: int | None
    hi80: int | None
    lo95: int | None
    hi95: int | None


class Panel(Headed):
    """Past figures and coming days, a row a day."""

    rows: list[PanelRow]


class ChanceRow(Open):
    """One probability."""

    time: dt.datetime
    value: float
    threshold: int
    window: int
    horizon: int


class Chance(Headed):
    """One probability, in one row."""

    rows: list[ChanceRow]


class AgeRow(Open):
    """How old issue and figures are."""

    time: dt.datetime
    hours_since_issue: float
    days_since_figures: int
    fresh: int
    degraded: int


class Age(Headed):
    """How old issue and figures are, in one row."""

    rows: list[AgeRow]


class Plain(Open):
    """The forecast as it is, beside a scenario."""

    rows: list[ForecastRow]
    totals: list[TotalsRow]


class ScenarioAnswer(Headed):
    """A scenario, and the unchanged forecast beside it."""

    kind: Literal["scenario"]
    horizon: int
    levels: list[int]
    rows: list[ForecastRow]
    totals: list[TotalsRow]
    forecast: Plain


class JobRequest(Open):
    """Work that was asked for, and how far it is."""

    request_id: int
    job: str
    asked_by: str
    asked_at: dt.datetime
    claimed_at: dt.datetime | None
    finished_at: dt.datetime | None
    outcome: Literal["waiting", "running", "done", "skipped", "failed"]
    reason: str | None
