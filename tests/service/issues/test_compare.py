from __future__ import annotations

import pytest

from service.core.context import Context
from service.issues.compare import compare


@pytest.fixture
def few(filled: Context) -> Context:
    settings = filled.settings.model_copy(update={"champion_origins": 4})
    return Context(settings, filled.database)


def test_origins_that_are_scored_are_not_scored_again(few: Context) -> None:
    first = compare(few)
    assert first.detail["computed"] == 2 * 4, "models x origins"
    assert compare(few).detail["computed"] == 0
    assert compare(few).detail["ratios"] == first.detail["ratios"]


def test_another_process_gives_the_same_scores(few: Context) -> None:
    here = compare(few).detail["ratios"]
    settings = few.settings.model_copy(update={"fit_seconds": 60, "seed": 1})
    with few.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM model_scores")
    there = compare(Context(settings, few.database))
    assert there.detail["ratios"] == here
    assert there.detail["computed"] == 8


def test_a_model_that_takes_too_long_is_not_scored(
    few: Context, caplog: pytest.LogCaptureFixture
) -> None:
    settings = few.settings.model_copy(update={"fit_seconds": 0.001})
    assert compare(Context(settings, few.database)).detail["ratios"] == {}
    assert caplog.text.count("not done within 0.001 s") == 2, "once for each model"
    assert compare(few).detail["computed"] == 8, "with time enough they are"
