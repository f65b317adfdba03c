"""Explanations of an issue and of what changed since the one before."""

from __future__ import annotations

import datetime as dt
from unittest.mock import Mock

import numpy as np
import pytest

from service.core.database import Unavailable
from service.core.tables import issue_notes, issue_paths, issues
from service.issues import issue_store, note_store
from service.issues.refit import refit
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.stored_issues import latest_issue, with_settings
from tests.service.support import ROUTE, declare_model, utc

NOON = utc(2026, 1, 1, 14)


def record_people(context, day, people, published):
    """Record the figure of a day from a document."""
    figure = Figure("people", day, people, "page", published, is_marked=True)
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, [figure], published)


def read_note(context, kind, series_id="people"):
    """Return a note of the newest issue."""
    with context.database.reading() as connection:
        return note_store.get_note(connection, latest_issue(context, series_id).issue_id, kind)


def read_causes(context):
    note = read_note(context, note_store.CHANGES)
    assert note is not None
    causes: dict[str, list[float]] = note["causes"]
    return causes


def test_boats_factors_are_people_factors_scaled_to_boats(context):
    people, boats = (
        read_note(context, note_store.EXPLANATION, name) for name in ("people", "boats")
    )
    assert people and boats
    ratio = np.divide(boats["mean"], people["mean"])
    names = people["factors"].keys() - {"other"}
    assert "season" in names and max(map(abs, people["factors"]["season"])) > 10
    for name in names:
        expected = ratio * people["factors"][name]
        np.testing.assert_allclose(boats["factors"][name], expected, atol=0.02, err_msg=name)


@pytest.mark.parametrize(
    "is_revised", [False, True], ids=["no new figures", "figure too old to matter"]
)
def test_changes_have_no_cause_without_relevant_new_figures(filled, hand, is_revised):
    refit(filled)
    if is_revised:
        record_people(filled, dt.date(2018, 2, 1), 7, NOON + dt.timedelta(minutes=30))
    hand.now += dt.timedelta(hours=1)
    refit(filled, force=True)
    assert {change for days in read_causes(filled).values() for change in days} == {0.0}


def test_effect_of_revision_is_attributed_to_it(filled, hand):
    refit(filled)
    record_people(filled, dt.date(2024, 1, 9), 9_000, NOON + dt.timedelta(minutes=30))
    hand.now += dt.timedelta(hours=1)
    refit(filled)
    causes = read_causes(filled)
    assert max(causes["revision"]) > 50
    assert {*causes["model"], *causes["new_figures"]} == {0.0}


def test_effect_of_another_model_is_attributed_to_it(filled, hand):
    refit(filled)
    models = filled.settings.models_dir
    declare_model(models, "climatology", "climatology", "challenger")
    declare_model(models, "seasonal_naive", "seasonal_naive", "champion")
    hand.now += dt.timedelta(hours=1)
    refit(filled)
    causes = read_causes(filled)
    assert max(map(abs, causes["model"])) > 10
    assert {*causes["revision"], *causes["new_figures"]} == {0.0}


def test_explained_and_compared_days_begin_on_the_day_of_issue(filled, hand):
    hand.now += dt.timedelta(days=3)  # 4 days have begun since the last figure
    context = with_settings(filled, horizon=100)
    for _ in range(2):
        refit(context, force=True)
        hand.now += dt.timedelta(hours=1)
    explained = read_note(context, note_store.EXPLANATION)
    assert explained is not None
    assert len(explained["mean"]) == 4 + 35
    assert {len(days) for days in read_causes(context).values()} == {4 + 90}


def test_no_changes_are_stated_if_a_series_had_no_issue(filled, hand):
    refit(filled)
    new = latest_issue(filled, "boats").issue_id
    with filled.database.writing() as connection:
        for table in (issue_notes, issue_paths, issues):
            connection.execute(table.delete().where(table.c.issue_id == new))
    hand.now += dt.timedelta(hours=1)
    refit(filled, force=True)
    assert read_note(filled, note_store.CHANGES) is None
    assert read_note(filled, note_store.EXPLANATION) is not None


def test_issue_is_published_without_explanation_after_a_defect(filled, monkeypatch, caplog):
    monkeypatch.setattr("service.issues.refit.explanation", Mock(side_effect=RuntimeError))
    refit(filled)
    assert "published without its explanation" in caplog.text
    assert read_note(filled, note_store.EXPLANATION) is None


def test_no_issue_is_published_while_database_is_unavailable(filled, monkeypatch):
    error = Unavailable("database: gone")
    monkeypatch.setattr("service.issues.refit.explanation", Mock(side_effect=error))
    with pytest.raises(Unavailable):
        refit(filled)
    with filled.database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") is None
