from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.forecasters.base import FitError
from forecast.joint import Joint
from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.app import create_app
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.core.tables import issues as table
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues import refit as module
from service.issues.model_fits import fit_all
from service.issues.refit import refit
from tests.service import skies
from tests.service.issued import changed, contents, latest
from tests.service.skies import CALM, ROUGH
from tests.service.support import (
    DECLARED,
    NOW,
    ROOT,
    ROUTE,
    Hand,
    as_environment,
    command,
    command_on_the_next_day,
    declare,
    utc,
)
from tests.support.waiting import PROCESS


def count(context: Context) -> int:
    with context.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Move the clock on by a second: an issue's moment is to the second."""
    hand = Hand(utc_now())
    monkeypatch.setattr(module, "utc_now", hand)

    def move() -> None:
        hand.now += dt.timedelta(seconds=1)

    return move


def test_an_issue_a_series_in_one_run(filled: Context) -> None:
    outcome = refit(filled)
    assert outcome.outcome == "done"
    people, boats = latest(filled), latest(filled, "boats")
    assert outcome.detail["issues"] == [people.issue_id, boats.issue_id]
    assert people.run_id == boats.run_id
    assert people.origin == people.data_through == dt.date(2025, 12, 31)
    assert (people.champion, people.wanted) == ("climatology", "climatology")
    waiting = (ROUTE.day(people.issued_at) - people.data_through).days
    assert (people.n_paths, people.horizon_days, people.seed) == (100, waiting + 28, 1)
    assert people.kind == "live"


def test_nothing_is_refitted_that_is_current(filled: Context) -> None:
    refit(filled)
    again = refit(filled)
    assert (again.outcome, again.reason) == (
        "skipped",
        f"issue {latest(filled).issue_id} is current",
    )
    assert count(filled) == 2


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"paths": 101}, {"horizon": 30}, {"refit_hours": 1e-9}]
)
def test_what_decides_the_paths_makes_it_anew(
    filled: Context, change: dict[str, Any], later: Callable[[], None]
) -> None:
    refit(filled)
    before = contents(filled)
    later()
    assert refit(changed(filled, **change)).outcome == "done"
    assert count(filled) == 4
    assert (contents(filled) == before) == ("refit_hours" in change)


def test_new_figures_make_it_anew(filled: Context, tmp_path: Path) -> None:
    refit(filled)
    file = tmp_path / "new.csv"
    file.write_text("date,people,boats\n2026-01-01,50,1\n")
    ingest(filled, "csv", file)
    assert refit(filled).outcome == "done"
    assert latest(filled).data_through == dt.date(2026, 1, 1)


def test_an_issue_that_was_published_never_changes(
    filled: Context, later: Callable[[], None]
) -> None:
    refit(filled)
    before, paths = latest(filled), contents(filled)
    later()
    refit(filled, force=True)
    assert latest(filled).issue_id != before.issue_id
    with filled.database.reading() as connection:
        assert issue_store.get_issue(connection, before.issue_id) == before
    assert contents(filled) == paths  # the same inputs, the same futures


def test_the_series_end_on_the_day_that_all_have(filled: Context, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("date,people\n2026-01-01,50\n")
    ingest(filled, "csv", file)
    refit(filled)
    assert latest(filled).data_through == dt.date(2025, 12, 31)


def test_without_figures_there_is_no_issue(empty: Context) -> None:
    with pytest.raises(JobError, match="no figures are stored: run `crossings ingest` first"):
        refit(empty)


def test_a_model_whose_fit_fails_is_left_out_and_said(
    filled: Context, clock: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    declare(filled.settings.models_dir, "broken", "hurdle", "challenger", "[parameters]\nx = 1\n")
    assert refit(filled).outcome == "done"
    assert "model broken is left out" in caplog.text
    found = status(IssueLoader(filled, clock))
    models = {m["model"]: m["failure"] for m in found["series"][0]["models"]}
    assert list(models) == ["climatology", "seasonal_naive", "broken"]
    assert "expected parameters" in models["broken"]
    assert found["status"] == "fresh"


@pytest.mark.parametrize("when", ["fit", "draw"])
@pytest.mark.parametrize("error", [FitError("it declines"), ZeroDivisionError("a defect")])
def test_a_champion_that_fails_falls_back(
    filled: Context, clock: Hand, monkeypatch: pytest.MonkeyPatch, when: str, error: Exception
) -> None:
    from forecast.forecasters.climatology import Climatology, FittedClimatology

    def fail(*arguments: object) -> None:
        raise error

    place: Any = Climatology if when == "fit" else FittedClimatology
    monkeypatch.setattr(place, "fit" if when == "fit" else "simulate", fail)
    refit(filled)
    issue = latest(filled)
    assert (issue.champion, issue.wanted) == ("seasonal_naive", "climatology")
    body = create_app(filled, clock).test_client().get("/v1/series/people/forecast").json
    assert (body["model"], body["status"]) == ("seasonal_naive", "degraded")
    assert str(error) in body["reasons"][0]["detail"]
    assert "so seasonal_naive is used" in body["reasons"][0]["detail"]


def test_when_no_model_stands_the_old_issue_is_served(
    filled: Context, clock: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    refit(filled)
    before = latest(filled)

    def decline(*arguments: object) -> None:
        raise FitError("it declines")

    monkeypatch.setattr(Joint, "draw", decline)
    with pytest.raises(JobError, match="no model stands: climatology: it declines; seasonal_naive"):
        refit(filled, force=True)
    assert latest(filled) == before
    body = create_app(filled, clock).test_client().get("/v1/series/people/forecast").json
    assert body["issue_id"] == before.issue_id
    assert body["status"] == "degraded"
    assert body["reasons"][0]["name"] == "refit_failed"
    assert "no model stands" in body["reasons"][0]["detail"]


def test_a_refit_during_a_refit_publishes_one_issue(filled: Context) -> None:
    inner: list[str] = []

    def progress(_: str) -> None:
        if not inner:  # the outer one has seen that there is no current issue
            inner.append("")
            inner[0] = refit(filled).outcome

    assert refit(filled, progress=progress).outcome == "skipped"
    assert inner == ["done"]
    assert count(filled) == 2


def test_two_processes_at_once_publish_one_issue(filled: Context) -> None:
    env = as_environment(filled.settings)
    children = [
        subprocess.Popen(
            command("refit"), env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [child.communicate(timeout=PROCESS) for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    assert count(filled) == 2


def test_a_clock_that_was_set_back_does_not_hide_the_next_issue(
    filled: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refit(filled)
    first = latest(filled)
    back = first.issued_at - dt.timedelta(hours=1)
    monkeypatch.setattr("service.issues.refit.utc_now", lambda: back)
    assert refit(filled, force=True).outcome == "done"
    assert latest(filled).issue_id != first.issue_id
    assert latest(filled).issued_at == first.issued_at + dt.timedelta(seconds=1)
    assert latest(filled).as_of > first.as_of, "nothing that was known is forgotten"
    assert "the clock was set back" in caplog.text


def test_a_job_of_every_day_publishes_every_day(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    refit(filled)
    nearly = latest(filled).issued_at + dt.timedelta(hours=23, minutes=59, seconds=50)
    monkeypatch.setattr("service.issues.refit.utc_now", lambda: nearly)
    assert refit(filled).outcome == "done"


def test_a_refit_that_was_taken_over_publishes_nothing(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*arguments: Any) -> Any:
        with filled.database.writing() as connection:
            (run,) = [r for r in run_store.running(connection) if r.job == "refit"]
            lost = run_store.Claim(run.run_id, run.attempt)
            assert run_store.finish(connection, lost, "stopped", None, {}, NOW)
            assert run_store.claim(connection, "refit", run.period, NOW, ROUTE.name)
        return fit_all(*arguments)

    monkeypatch.setattr("service.issues.refit.fit_all", overtaken)
    with pytest.raises(JobError, match="claimed by another process, meanwhile"):
        refit(filled)
    assert count(filled) == 0
    with filled.database.reading() as connection:
        run = run_store.latest(connection, "refit")
    assert run is not None
    assert (run.outcome, run.attempt) == ("running", 2)


def test_progress_is_told(filled: Context) -> None:
    told: list[str] = []
    refit(filled, progress=told.append)
    assert told == ["climatology", "seasonal_naive", ""]


def test_the_same_seed_makes_the_same_issue_bit_for_bit(
    context: Context, settings: Settings, tmp_path: Path
) -> None:
    """All declared models, fitted anew by another process into another database.

    There they are fitted in the process itself, and not in one of its children.
    """
    var = tmp_path / "second"
    own = {"var_dir": var, "fitted_dir": var / "fitted", "fit_seconds": 0}
    fresh = settings.model_copy(update=own)
    env = as_environment(fresh) | {"PYTHONHASHSEED": "7"}
    for job in ("ingest", "refit"):
        arguments = command_on_the_next_day(job)
        subprocess.run(arguments, env=env, cwd=ROOT, check=True, capture_output=True)
    second = open_context(fresh)
    first, again = contents(context), contents(second)
    second.database.close()
    assert first.keys() == {(s, m) for s in ("people", "boats") for m in DECLARED}
    assert again == first


def test_paths_are_as_they_were_drawn(filled: Context) -> None:
    refit(filled)
    people, boats = (latest(filled, name) for name in ("people", "boats"))
    with filled.database.reading() as connection:
        a = issue_store.load_paths(connection, people, "climatology")
        b = issue_store.load_paths(connection, boats, "climatology")
    assert a is not None
    assert b is not None
    assert a.values.shape == b.values.shape == (100, people.horizon_days)
    np.testing.assert_array_equal(a.values > 0, b.values > 0)
    assert str(a.start) == "2026-01-01"


def test_new_weather_alone_makes_an_issue_where_it_moves_a_chance(
    filled: Context, hand: Hand
) -> None:
    context = skies.reading(filled)
    skies.tell(context.database, utc(2026, 1, 1, 5), [1.0] * 6 + [ROUGH], members=3)
    assert refit(context).outcome == "done"
    hand.now += dt.timedelta(hours=3)
    skies.tell(context.database, hand.now, [1.001] * 6 + [ROUGH], members=3)
    outcome = refit(context)
    assert outcome.outcome == "skipped"
    assert "the new weather moves no day's chance by more than 0.1 (at most 0.0" in outcome.reason
    # The last of the days that the members reach moves: that is enough.
    hand.now += dt.timedelta(hours=1)
    skies.tell(context.database, hand.now, [1.0] * 6 + [CALM], members=3)
    assert refit(context).outcome == "done"
    # The same little change with new figures, or a day later, is published.
    hand.now += dt.timedelta(hours=23)
    skies.tell(context.database, hand.now, [1.0] * 5 + [CALM + 0.001], members=3)
    assert refit(context).outcome == "done"
    hand.now += dt.timedelta(hours=1)
    skies.tell(context.database, hand.now, [1.0] * 5 + [CALM + 0.002], members=3)
    assert refit(context).outcome == "skipped"
    assert refit(context, force=True).outcome == "done"


def test_the_version_of_the_newest_issue_outlasts_every_trial(filled: Context, hand: Hand) -> None:
    context = skies.reading(filled)
    context = changed(context, keep_versions=1)
    skies.tell(context.database, utc(2026, 1, 1, 5), [1.0] * 7)
    refit(context)
    issue = latest(context, "people")
    with context.database.reading() as connection:
        entries = issue_store.list_entries(connection, issue.issue_id)
    (served,) = (entry.version for entry in entries if entry.model == issue.champion)
    for number in (1, 2):
        hand.now += dt.timedelta(hours=1)
        skies.tell(context.database, hand.now, [1.0 + number / 1000] * 7)
        assert refit(context).outcome == "skipped"
    home = context.settings.fitted_folder / "people" / issue.champion
    assert (home / f"{served}.npz").is_file()
