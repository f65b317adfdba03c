import datetime as dt
from unittest.mock import DEFAULT, Mock

import pytest
import sqlalchemy as sa

from forecast.forecasters.base import FitError
from forecast.forecasters.climatology import Climatology
from service.core.job_runner import Outcome, run_job
from service.data import observation_store
from service.data.ingest import ingest
from service.issues import hindcast as module
from service.issues import issue_score_store, issue_store
from service.issues.hindcast import hindcast, origins, replay
from service.issues.refit import refit
from service.issues.score import score
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.stored_issues import latest_issue, with_settings
from tests.service.support import ROUTE, utc

WEEKS = 3


@pytest.fixture(autouse=True)
def _few_weeks(monkeypatch):
    monkeypatch.setattr(module, "ORIGINS", WEEKS)


def test_origins_have_figures_on_the_day_and_after(filled):
    with filled.database.reading() as connection:
        first, last = observation_store.get_span(connection, "people")
    since = dt.date(2010, 1, 1)
    days = origins(filled, since)
    assert {(day - since).days % 7 for day in days} == {0}
    assert first <= days[0] < first + dt.timedelta(days=7)
    day_before = last - dt.timedelta(days=1)
    assert (origins(filled, day_before), origins(filled, last)) == ([day_before], [])


def test_origin_is_hindcast_once_per_seed_and_not_served(filled):
    days = origins(filled, dt.date(2025, 12, 1))[:2]
    slow = with_settings(filled, fit_seconds=0.001)
    assert hindcast(slow, days[:1]).detail["made"] == 0, "its fits exceed the limit"
    for seed, made in ((1, 2), (1, 0), (2, 2)):
        assert hindcast(with_settings(filled, seed=seed), days).detail["made"] == made
    with filled.database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") is None
        issues = issue_store.list_issues_by_origin(connection, days[0], "hindcast")
    assert {issue.data_through for issue in issues} == {days[0]}
    assert all(issue.issue_id.startswith("hindcast-") for issue in issues)
    assert not list(filled.settings.fitted_folder.rglob("*.npz")), "only live fits are kept"


def test_origins_with_unknown_figures_are_skipped_and_counted(empty):
    """Such as those of a workbook published years after its first days."""
    for first, count, published_at in (
        (dt.date(2024, 1, 1), 366, utc(2026, 1, 3, 12)),
        (dt.date(2025, 1, 1), 1, utc(2025, 1, 1, 12)),
        (dt.date(2025, 1, 2), 400, None),  # each on the next day
    ):
        figures = [
            Figure("people", first + dt.timedelta(days=n), n % 5, "test", published_at)
            for n in range(count)
        ]
        with empty.database.writing() as connection:
            store_as_documents(connection, ROUTE, figures, utc(2026, 3, 1), assume_known=True)
    outcome = hindcast(empty, [dt.date(2024, 12, 31), dt.date(2025, 12, 1)])
    assert outcome.detail == {"made": 1, "unknown": 1}
    assert outcome.reason.endswith("; the figures of 1 were not known on the day after")


def test_hindcast_without_champion_is_not_in_its_record(filled, monkeypatch):
    days = origins(filled, dt.date(2025, 12, 1))[:2]
    hindcast(filled, days)
    monkeypatch.setattr(Climatology, "fit", Mock(side_effect=FitError("it declines")))
    assert hindcast(with_settings(filled, seed=2), days).detail["made"] == 2
    score(filled)
    with filled.database.reading() as connection:
        scores = issue_score_store.list_current_scores(
            connection, ROUTE, "people", "hindcast", champion_only=True
        )
    assert [(row.origin, row.model) for row in scores] == [(day, "climatology") for day in days]


def test_hindcast_equals_the_forecast_of_its_day(filled, hand, monkeypatch):
    """Figures published later, including a revision, do not change it."""
    origin, later = dt.date(2025, 12, 10), utc(2025, 12, 30, 13)
    hand.now = utc(2025, 12, 11, 15)
    refit(filled)
    revised = Figure("people", origin, 5, "page", later, is_marked=True)
    other = Figure("people", dt.date(2025, 12, 9), 7, "test", later)
    with filled.database.writing() as connection:
        store_as_documents(connection, ROUTE, [revised, other], later)
    monkeypatch.setattr(module, "_HORIZON", latest_issue(filled).horizon_days)
    monkeypatch.setattr(module, "_PATHS", filled.settings.paths)
    assert hindcast(filled, [origin]).detail["made"] == 1

    def load_paths(kind):
        with filled.database.reading() as connection:
            return {
                (issue.series_id, model): issue_store.load_paths(connection, issue, model)
                for issue in issue_store.list_issues_by_origin(connection, origin, kind)
                for model in ("climatology", "seasonal_naive")
            }

    live, again = load_paths("live"), load_paths("hindcast")
    assert live.keys() == again.keys() and len(live) == 4
    assert all(live[key].start == again[key].start for key in live)
    assert all((live[key].values == again[key].values).all() for key in live)


def hindcast_origins(context):
    c = issue_store.issues.c
    query = sa.select(c.origin).where(c.kind == "hindcast", c.series_id == "people")
    with context.database.reading() as connection:
        return [str(day) for day in connection.scalars(query.distinct().order_by(c.origin))]


def test_replay_waits_for_ingest_and_first_issue(filled):
    assert replay(filled).outcome == "skipped"
    refit(filled, period="first")
    live = with_settings(filled, source="declared", routes="channel,italy")
    _, italy = live.each_route()
    run_job(italy, "ingest", lambda _: Outcome("done", "read", {"source": "declared"}))
    assert replay(live).outcome == "skipped"
    assert hindcast_origins(filled) == [], "its own source has not been read yet"


def test_stopped_replay_resumes(filled, monkeypatch):
    ingest(filled)
    refit(filled, period="first")
    make = Mock(side_effect=[DEFAULT, SystemExit, DEFAULT, DEFAULT], wraps=module._make)
    monkeypatch.setattr(module, "_make", make)
    with pytest.raises(SystemExit):
        replay(filled)
    assert hindcast_origins(filled) == ["2025-12-21"]
    assert replay(filled).reason == "2 missing weeks before the first start attempted"
    assert hindcast_origins(filled) == ["2025-12-07", "2025-12-14", "2025-12-21"]
    assert replay(filled).outcome == "skipped"
    assert make.call_count == WEEKS + 1


def test_bulk_figures_count_as_known_on_next_day(filled):
    """Otherwise a workbook published long after its days would leave nothing to replay."""
    ingest(filled)
    refit(filled, period="first")
    late = utc(2026, 3, 1, 9)
    bulk = [
        Figure(name, dt.date(2026, 1, 1) + dt.timedelta(days=n), 5 - n % 5, "workbook", late)
        for name in ("people", "boats")
        for n in range(40)
    ]
    with filled.database.writing() as connection:
        store_as_documents(connection, ROUTE, bulk, late)
    assert replay(filled).outcome == "done"
    assert hindcast_origins(filled) == ["2026-01-18", "2026-01-25", "2026-02-01"]
