"""Explanations of an issue and of what changed since the one before."""

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


def read_note(context, kind, series_id="people"):
    """Return a note of the newest issue."""
    with context.database.reading() as connection:
        return note_store.get_note(connection, latest_issue(context, series_id).issue_id, kind)


def test_boats_factors_are_people_factors_scaled_to_boats(context):
    people, boats = (
        read_note(context, note_store.EXPLANATION, name) for name in ("people", "boats")
    )
    ratio = np.divide(boats["mean"], people["mean"])
    names = people["factors"].keys() - {"other"}
    assert "season" in names and max(map(abs, people["factors"]["season"])) > 10
    for name in names:
        expected = ratio * people["factors"][name]
        np.testing.assert_allclose(boats["factors"][name], expected, atol=0.02, err_msg=name)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (None, None),
        (dt.date(2018, 2, 1), None),  # a revised figure, too old to matter
        (dt.date(2024, 1, 9), "revision"),
        ("another model", "model"),
        ("another declaration", "model"),
    ],
)
def test_change_is_attributed_to_its_only_cause(filled, hand, change, cause):
    refit(filled)
    if isinstance(change, dt.date):
        published = utc(2026, 1, 1, 14, 30)
        figure = Figure("people", change, 9_000, "page", published, is_marked=True)
        with filled.database.writing() as connection:
            store_as_documents(connection, ROUTE, [figure], published)
    models = filled.settings.models_dir
    if change == "another model":
        declare_model(models, "climatology", "climatology", "challenger")
        declare_model(models, "seasonal_naive", "seasonal_naive", "champion")
    if change == "another declaration":
        parameters = "[parameters]\nyears = 1\n"
        declare_model(models, "climatology", "climatology", "champion", parameters)
    hand.now += dt.timedelta(hours=1)
    refit(filled, force=True)
    causes = read_note(filled, note_store.CHANGES)["causes"]
    largest = {name: max(map(abs, days)) for name, days in causes.items()}
    assert largest.keys() == {"model", "revision", "new_figures"}
    assert largest.pop(cause, 100) > 10
    assert set(largest.values()) == {0.0}


def test_explained_and_compared_days_begin_on_the_day_of_issue(filled, hand):
    hand.now += dt.timedelta(days=3)  # 4 days have begun since the last figure
    context = with_settings(filled, horizon=100)
    for _ in range(2):
        refit(context, force=True)
        hand.now += dt.timedelta(hours=1)
    assert len(read_note(context, note_store.EXPLANATION)["mean"]) == 4 + 35
    changes = read_note(context, note_store.CHANGES)
    days = [changes["before"], changes["after"], *changes["causes"].values()]
    assert set(map(len, days)) == {4 + 90}


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


def test_defect_of_the_explanation_does_not_prevent_the_issue(filled, monkeypatch, caplog):
    monkeypatch.setattr("service.issues.refit.explanation", Mock(side_effect=Unavailable("gone")))
    with pytest.raises(Unavailable):
        refit(filled)
    with filled.database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") is None
    monkeypatch.setattr("service.issues.refit.explanation", Mock(side_effect=RuntimeError))
    refit(filled)
    assert "published without its explanation" in caplog.text
    assert read_note(filled, note_store.EXPLANATION) is None
