from __future__ import annotations

import datetime as dt

import pytest

from forecast.forecasters.base import FitError
from service.core.context import Context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.data import observation_store
from service.issues import issue_score_store, issue_store, model_fits
from service.issues.fit_task import Fitting, Order, fit_order
from service.issues.hindcast import hindcast, origins
from service.issues.score import score
from tests.service import skies
from tests.service.issued import changed
from tests.service.stored import Figure, record
from tests.service.support import ROUTE, utc


def test_origins_have_a_figure_and_one_after_them(filled: Context) -> None:
    with filled.database.reading() as connection:
        span = observation_store.span(connection, "people")
    assert span is not None
    found = origins(filled, dt.date(2010, 1, 1), 365)
    assert found[0] >= span[0]
    assert (found[0] - dt.date(2010, 1, 1)).days % 365 == 0
    assert origins(filled, span[1]) == []
    assert origins(filled, span[1] - dt.timedelta(days=1)) == [span[1] - dt.timedelta(days=1)]


def test_models_that_are_not_declared_are_named(filled: Context) -> None:
    day = origins(filled, dt.date(2025, 12, 1))[0]
    with pytest.raises(JobError, match="^models: expected declared ones, found nobody, nothing$"):
        hindcast(filled, [day], ["nothing", "climatology", "nobody"])


def test_each_origin_is_replayed_once_and_is_never_served(filled: Context) -> None:
    days = origins(filled, dt.date(2025, 12, 1))[:2]
    assert hindcast(filled, days).detail["made"] == 2
    assert hindcast(filled, days).detail["made"] == 0
    with filled.database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") is None
        found = issue_store.list_issues_by_origin(connection, days[0], "hindcast")
    assert {issue.data_through for issue in found} == {days[0]}


def test_what_decides_a_hindcast_makes_it_anew_and_the_order_of_its_models_does_not(
    filled: Context,
) -> None:
    days = origins(filled, dt.date(2025, 12, 29))[:1]
    assert hindcast(filled, days, ["climatology", "seasonal_naive"]).detail["made"] == 1
    assert hindcast(filled, days, ["seasonal_naive", "climatology"]).detail["made"] == 0
    other = changed(filled, seed=2)
    assert hindcast(other, days, ["climatology", "seasonal_naive"]).detail["made"] == 1


def test_a_fit_that_passes_its_limit_is_left_out_and_said(filled: Context) -> None:
    days = origins(filled, dt.date(2025, 12, 29))[:1]
    hurried = changed(filled, fit_seconds=0.001)
    assert hindcast(hurried, days).detail["made"] == 0


def test_a_model_that_cannot_use_the_weather_does_without(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(order: Order, settings: Settings) -> Fitting:
        if order.covariates is not None:
            raise FitError("the weather is of no use")
        return fit_order(order, settings)

    context = skies.reading(filled)
    skies.tell(context.database, utc(2025, 12, 30, 5), [0.5] * 7)
    monkeypatch.setattr(model_fits, "fit_order", blind)
    days = [dt.date(2025, 12, 30)]
    assert hindcast(context, days).detail["made"] == 1
    with context.database.reading() as connection:
        issue, *_ = issue_store.list_issues_by_origin(connection, days[0], "hindcast")
    assert (issue.champion, issue.failures) == ("swell", {})


def put(
    context: Context, first: dt.date, count: int, published_at: dt.datetime | None = None
) -> None:
    """Store `count` days from `first` on, each known the day after or as published."""
    figures = [
        Figure("people", first + dt.timedelta(days=n), n % 5, "test", published_at)
        for n in range(count)
    ]
    with context.database.writing() as connection:
        record(connection, ROUTE, figures, utc(2026, 3, 1), assume_known=True)


def test_days_of_which_nothing_was_known_are_passed_over_and_said(empty: Context) -> None:
    """As with a workbook that was published years after its first days."""
    put(empty, dt.date(2024, 1, 1), 731, utc(2026, 1, 3, 12))
    found = hindcast(empty, origins(empty, dt.date(2024, 6, 1), 100))
    assert found.outcome == "done"
    assert found.detail == {"made": 0, "unknown": 6}
    assert found.reason.endswith("; the figures of 6 were not known on the day after")


def test_days_before_the_first_known_one_do_not_cost_the_others_their_hindcasts(
    empty: Context,
) -> None:
    put(empty, dt.date(2024, 1, 1), 366, utc(2026, 1, 3, 12))
    early, late = dt.date(2024, 12, 31), dt.date(2025, 12, 1)
    put(empty, dt.date(2025, 1, 1), 1, utc(2025, 1, 1, 12))
    put(empty, dt.date(2025, 1, 2), 400)
    found = hindcast(empty, [early, late])
    assert found.detail == {"made": 1, "unknown": 1}
    with empty.database.reading() as connection:
        assert len(issue_store.list_issues_by_origin(connection, late, "hindcast")) == 1


def test_a_hindcast_without_the_champion_is_none_of_its_record(filled: Context) -> None:
    days = origins(filled, dt.date(2025, 12, 1))[:2]
    hindcast(filled, days)
    hindcast(filled, days, ["seasonal_naive"])
    score(filled)
    with filled.database.reading() as connection:
        found = issue_score_store.list_current_scores(
            connection, ROUTE, "people", "hindcast", days[0], champion_only=True
        )
    assert [(row.origin, row.model) for row in found] == [(day, "climatology") for day in days]
