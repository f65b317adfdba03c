import datetime as dt
import shutil
import subprocess
from unittest.mock import Mock

import pytest

from forecast.forecasters.base import FitError
from forecast.forecasters.climatology import Climatology, FittedClimatology
from forecast.joint import Joint
from service.app import create_app
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.job_runner import JobError
from service.core.tables import issue_paths
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.model_fits import fit_all
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.sample_weather import CALM, ROUGH
from tests.service.stored_issues import latest_issue, stored_paths, with_settings
from tests.service.support import (
    DECLARED,
    ISSUED_AT,
    NOW,
    ROOT,
    ROUTE,
    as_environment,
    command_at,
    declare_model,
    latest_run,
    utc,
)

pytestmark = pytest.mark.usefixtures("hand")


def count_issues(context):
    with context.database.reading() as connection:
        return len(issue_store.list_issues(connection, "people", 10))


def test_refit_publishes_one_issue_per_series_while_none_is_current(filled, hand):
    models = []
    outcome = refit(filled, progress=models.append)
    assert models == ["climatology", "seasonal_naive", ""]
    people, boats = latest_issue(filled), latest_issue(filled, "boats")
    assert (outcome.outcome, outcome.detail["issues"]) == (
        "done",
        [people.issue_id, boats.issue_id],
    )
    assert people.issue_id.startswith("people-20251231-")
    assert (people.run_id, people.kind) == (boats.run_id, "live")
    assert people.origin == people.data_through == dt.date(2025, 12, 31)
    assert people.as_of == people.issued_at == hand.now
    assert (people.champion, people.wanted) == ("climatology", "climatology")
    assert (people.n_paths, people.horizon_days, people.seed) == (100, 1 + 28, 1)
    paths, again = stored_paths(filled), refit(filled)
    assert (again.outcome, again.reason) == ("skipped", f"issue {people.issue_id} is current")
    assert refit(filled, force=True).outcome == "done"
    assert latest_issue(filled).issue_id != people.issue_id
    assert stored_paths(filled) == paths, "same inputs, same paths"
    hand.now += dt.timedelta(hours=23, minutes=59, seconds=50)
    assert refit(filled).outcome == "done"
    with filled.database.reading() as connection:
        assert issue_store.get_issue(connection, people.issue_id) == people
        entries = issue_store.list_entries(connection, people.issue_id)
    assert [(entry.model, entry.title, entry.role) for entry in entries] == [
        ("climatology", "The climatology", "champion"),
        ("seasonal_naive", "The seasonal_naive", "baseline"),
    ]


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"paths": 101}, {"horizon": 30}, {"refit_hours": 1e-9}]
)
def test_changed_setting_leads_to_new_issue(filled, change):
    refit(filled)
    before = stored_paths(filled)
    assert refit(with_settings(filled, **change)).outcome == "done"
    assert count_issues(filled) == 2
    assert (stored_paths(filled) == before) == ("refit_hours" in change)


def test_days_without_a_figure_are_counted_in_the_time_zone_of_the_route(filled, hand):
    hand.now = utc(2026, 6, 30, 23, 30)  # 1 July in London
    refit(filled)
    assert latest_issue(filled).horizon_days == 182 + 28


def test_new_figures_lead_to_new_issue_once_known_for_all_series(filled, hand, tmp_path):
    file = tmp_path / "new.csv"
    for content, data_through in (
        ("date,people\n2026-01-01,50\n", dt.date(2025, 12, 31)),
        ("date,people,boats\n2026-01-01,50,1\n", dt.date(2026, 1, 1)),
    ):
        file.write_text(content)
        ingest(filled, "csv", file)
        hand.now = utc_now()
        assert refit(filled).outcome == "done"
        assert latest_issue(filled).data_through == data_through


def test_model_with_failed_fit_is_left_out_and_reported(filled, caplog):
    models = filled.settings.models_dir
    declare_model(models, "broken", "hurdle", "challenger", "[parameters]\nx = 1\n")
    declare_model(models, "hurdle (copy)", "hurdle", "challenger")
    outcome = refit(filled)
    assert "hurdle (copy).toml: model 'hurdle (copy)'" in caplog.text
    assert "model broken is left out" in caplog.text
    (reason,) = outcome.detail["failures"].values()
    assert reason == latest_issue(filled).failures["broken"]
    assert "expected parameters" in reason


@pytest.mark.parametrize(
    ("target", "name", "error"),
    [
        (Climatology, "fit", FitError("it declines")),
        (FittedClimatology, "simulate", ZeroDivisionError("a defect")),
    ],
)
def test_failed_champion_is_replaced_by_next_model(filled, monkeypatch, target, name, error):
    monkeypatch.setattr(target, name, Mock(side_effect=error))
    refit(filled)
    issue = latest_issue(filled)
    assert (issue.champion, issue.wanted) == ("seasonal_naive", "climatology")
    assert str(error) in issue.failures["climatology"]


def test_old_issue_is_served_when_all_models_fail(filled, clock, monkeypatch):
    refit(filled)
    before = latest_issue(filled)
    monkeypatch.setattr(Joint, "draw", Mock(side_effect=FitError("it declines")))
    message = "no model could be fitted: climatology: it declines; seasonal_naive"
    with pytest.raises(JobError, match=message):
        refit(filled, force=True)
    assert latest_issue(filled) == before
    body = create_app(filled, clock).test_client().get("/v1/series/people/forecast").json
    assert (body["issue_id"], body["status"]) == (before.issue_id, "degraded")
    assert body["reasons"][0]["name"] == "refit_failed"


def test_issue_after_clock_was_set_back_is_latest(filled, hand):
    refit(filled)
    first = latest_issue(filled)
    hand.now -= dt.timedelta(hours=1)
    assert refit(filled, force=True).outcome == "done"
    assert latest_issue(filled).issue_id != first.issue_id
    assert latest_issue(filled).issued_at == first.issued_at + dt.timedelta(seconds=1)
    assert latest_issue(filled).as_of > first.as_of, "as_of never moves back"


def test_superseded_refit_publishes_nothing(filled, monkeypatch):
    def supersede(*arguments, **options):
        run = latest_run(filled, "refit")
        with filled.database.writing() as connection:
            claim = run_store.Claim(run.run_id, run.attempt)
            assert run_store.finish_run(connection, claim, "stopped", None, {}, NOW)
            assert run_store.claim_run(connection, "refit", run.period, NOW, ROUTE.name)
        return fit_all(*arguments, **options)

    monkeypatch.setattr("service.issues.refit.fit_all", supersede)
    with pytest.raises(JobError, match="claimed by another process, meanwhile"):
        refit(filled)
    assert count_issues(filled) == 0
    run = latest_run(filled, "refit")
    assert (run.outcome, run.attempt) == ("running", 2)


def test_equal_issue_of_another_run_is_published_once(filled, monkeypatch):
    def overtake(*arguments, **options):
        monkeypatch.setattr("service.issues.refit.fit_all", fit_all)
        assert refit(filled, period="another").outcome == "done"
        return fit_all(*arguments, **options)

    monkeypatch.setattr("service.issues.refit.fit_all", overtake)
    outcome = refit(filled)
    assert (outcome.outcome, count_issues(filled)) == ("skipped", 1)
    assert outcome.reason == "the same paths were published meanwhile"


def test_same_seed_in_another_process_gives_identical_issue(context, settings, published, tmp_path):
    """All declared models, refitted into another database in one process without children."""
    (var := tmp_path / "second").mkdir()
    shutil.copy(published / "after-ingest.sqlite", var / "crossings.sqlite")
    overrides = {"var_dir": var, "fitted_dir": var / "fitted", "fit_seconds": 0}
    fresh = settings.model_copy(update=overrides)
    env = as_environment(fresh) | {"PYTHONHASHSEED": "7"}
    command_line = command_at(ISSUED_AT, "refit")
    subprocess.run(command_line, env=env, cwd=ROOT, check=True, capture_output=True)
    second = open_context(fresh)
    first, again = stored_paths(context), stored_paths(second)
    second.database.close()
    assert first.keys() == {(s, m) for s in ("people", "boats") for m in DECLARED}
    assert again == first


def test_new_weather_leads_to_issue_only_if_chances_move(filled, hand):
    context = sample_weather.with_weather(filled)

    def refit_after(hours, coming, force=False):
        hand.now += dt.timedelta(hours=hours)
        sample_weather.store_weather(context.database, hand.now, coming, members=3)
        return refit(context, force)

    assert refit_after(-9, [1.0] * 6 + [ROUGH]).outcome == "done"
    outcome = refit_after(3, [1.001] * 6 + [ROUGH])
    assert outcome.outcome == "skipped"
    assert "the new weather changes no day's chance by more than 0.1 (at most 0.0" in outcome.reason
    # A move on the last day of the ensemble is enough, or today.
    for today in (1.0, ROUGH):
        assert refit_after(1, [today] + [1.0] * 5 + [CALM]).outcome == "done"
    # A small move is published a day after the last issue.
    assert refit_after(23, [1.0] * 5 + [CALM + 0.001]).outcome == "done"
    assert refit_after(1, [1.0] * 5 + [CALM + 0.002]).outcome == "skipped"
    assert refit_after(1, [1.0] * 5 + [CALM + 0.003], force=True).outcome == "done"
    with filled.database.writing() as connection:
        connection.execute(issue_paths.update().values(content=b"damaged"))
    assert refit_after(1, [1.0] * 5 + [CALM + 0.004]).outcome == "done", "nothing to compare with"
