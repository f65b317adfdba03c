"""What is said to have changed is what changed: chance is no cause, and a defect costs no issue."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from service.answers.issue_loader import IssueLoader
from service.answers.totals import between
from service.core.context import Context
from service.issues import note_store, publish
from service.issues.refit import refit
from tests.service.issued import latest
from tests.service.stored import Figure, record
from tests.service.support import ROUTE, Hand, utc

NOON = utc(2026, 1, 1, 14)


def state(context: Context, day: dt.date, people: int, published: dt.datetime) -> None:
    """A document says how many arrived on a day."""
    figure = Figure("people", day, people, "page", published, is_marked=True)
    with context.database.writing() as connection:
        record(connection, ROUTE, [figure], published)


def causes(context: Context) -> dict[str, list[float]]:
    with context.database.reading() as connection:
        note = note_store.get_note(connection, latest(context).issue_id, note_store.CHANGES)
    assert note is not None
    found: dict[str, list[float]] = note["causes"]
    return found


def test_a_factor_of_boats_is_that_of_people_on_the_scale_of_boats(context: Context) -> None:
    with context.database.reading() as connection:
        people, boats = (
            note_store.get_note(connection, latest(context, name).issue_id, note_store.EXPLANATION)
            for name in ("people", "boats")
        )
    assert people and boats
    ratio = np.divide(boats["mean"], people["mean"])
    names = people["factors"].keys() - {"other"}
    assert "season" in names and max(map(abs, people["factors"]["season"])) > 10
    for name in names:
        expected = ratio * people["factors"][name]
        np.testing.assert_allclose(boats["factors"][name], expected, atol=0.02, err_msg=name)


@pytest.mark.parametrize("is_revised", [False, True], ids=["nothing", "a figure too old to matter"])
def test_chance_is_no_cause(filled: Context, hand: Hand, is_revised: bool) -> None:
    refit(filled)
    if is_revised:
        state(filled, dt.date(2018, 2, 1), 7, NOON + dt.timedelta(minutes=30))
    hand.now += dt.timedelta(hours=1)
    refit(filled, force=True)
    assert {change for days in causes(filled).values() for change in days} == {0.0}


def test_what_a_revision_changed_is_said_of_it(filled: Context, hand: Hand) -> None:
    refit(filled)
    state(filled, dt.date(2024, 1, 9), 9_000, NOON + dt.timedelta(minutes=30))
    hand.now += dt.timedelta(hours=1)
    refit(filled)
    found = causes(filled)
    assert max(found["revision"]) > 50
    assert {*found["model"], *found["new_figures"]} == {0.0}


def test_what_is_read_late_does_not_reach_an_issue_that_stands(filled: Context, hand: Hand) -> None:
    refit(filled)
    span = dt.date(2025, 12, 15), dt.date(2026, 1, 5)

    def total() -> list[dict[str, Any]]:
        view = IssueLoader(filled, hand).view("people", issued)
        return between(view.observed, view.paths, *span, [80])

    issued = latest(filled).issue_id
    before = total()
    hand.now += dt.timedelta(hours=1)
    for day in (dt.date(2025, 12, 20), dt.date(2025, 1, 5)):
        state(filled, day, 9_000, NOON - dt.timedelta(hours=1))
    assert total() == before
    refit(filled)
    found = causes(filled)
    assert any(found["revision"])
    assert {*found["model"], *found["new_figures"]} == {0.0}


def test_an_issue_is_published_though_its_reasons_cannot_be_had(
    filled: Context, hand: Hand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(publish, "explanation", broken)
    assert refit(filled).outcome == "done"
    assert "published without its reasons" in caplog.text
    with filled.database.reading() as connection:
        assert (
            note_store.get_note(connection, latest(filled).issue_id, note_store.EXPLANATION) is None
        )
