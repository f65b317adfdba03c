import datetime as dt
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from service.answers import issue_loader as module
from service.answers.errors import NotFound, NotReady
from service.answers.issue_loader import IssueLoader
from service.core.database import connect
from service.issues import issue_store
from service.issues.declared_models import PROBLEMS
from tests.service.support import (
    CHAMPION,
    DECLARED,
    NOW,
    ManualClock,
    collect_sql,
    publish,
    random_paths,
    record_run,
    run_concurrently,
    utc,
)

D = dt.date


def test_view_is_of_champion_of_newest_issue_and_begins_today(loader):
    view = loader.view("people")
    assert view.entry.model == view.issue.champion == CHAMPION
    assert (view.paths.n_paths, view.paths.horizon) == (200, view.issue.horizon_days)
    assert str(view.paths.start) == "2026-01-01"
    assert str(view.observed.data_through) == "2025-12-31" == str(view.issue.data_through)
    assert len(view.observed) == 2922
    assert view.moment == NOW
    assert view.state.status == "fresh"
    assert view.today == view.first == view.ahead.first == D(2026, 1, 2)
    assert not view.is_past
    assert loader.view("people", view.issue.issue_id).is_past
    assert replace(view, first=D(2026, 1, 3)).ahead.skipped == 2
    loader.clock = ManualClock(utc(2025, 12, 20))
    assert loader.view("people").today == D(2026, 1, 1), "the day after the last figure"


def test_new_issue_is_loaded_and_old_one_stays_cached(loader, context):
    old = loader.view("people")
    run_id = record_run(context.database, "later", outcome="done")
    paths = {"climatology": random_paths("2026-01-01", 40)}
    newer = publish(context.database, paths, run_id, NOW + dt.timedelta(days=365))
    assert loader.view("people").issue == newer
    again = loader.view("people", old.issue.issue_id)
    assert again.paths is old.paths
    assert again.moment == old.issue.issued_at


def test_commits_of_other_processes_are_read_after_a_second(context, monkeypatch):
    hand = ManualClock(NOW)
    monkeypatch.setattr(module, "_READ_SECONDS", 1e9)
    slow = IssueLoader(context, hand)
    monkeypatch.setattr(module, "_READ_SECONDS", 1e-9)
    quick = IssueLoader(context, hand)

    def read_latest(loader):
        issue = loader.read_recent("x", lambda c: issue_store.get_latest_issue(c, "people"))
        return issue.issue_id, loader.view("people").issue.issue_id

    old, _ = read_latest(slow)
    assert read_latest(slow) == read_latest(quick) == (old, old)
    with closing(connect(context.settings.database)) as other:
        paths = {"climatology": random_paths("2026-01-01", 40)}
        run_id = record_run(other, "later", outcome="done")
        new = publish(other, paths, run_id, NOW + dt.timedelta(days=365)).issue_id
    assert read_latest(quick) == (new, new)
    assert read_latest(slow) == (old, old)
    hand.now += dt.timedelta(seconds=1)
    assert read_latest(slow) == (old, new)


def test_second_view_reads_no_paths(loader, context):
    loader.view("people")
    with collect_sql(context) as statements:
        loader.view("people")
    queries = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(queries) <= 3
    assert not any("issue_paths" in s or "observations" in s for s in queries)


def test_concurrent_callers_wait_for_one_read(loader, monkeypatch):
    models = []
    load_paths = issue_store.load_paths

    def load_slowly(*arguments):
        models.append(arguments[2])
        threading.Event().wait(0.1)
        return load_paths(*arguments)

    monkeypatch.setattr(issue_store, "load_paths", load_slowly)
    results = run_concurrently(8, lambda: loader.view("people").paths.values)
    assert models == [CHAMPION]
    assert all((values == results[0]).all() for values in results)


def test_not_found_error_lists_alternatives(loader):
    with pytest.raises(NotFound, match="expected one of the series people, boats, found 'planes'"):
        loader.view("planes")
    with pytest.raises(NotFound, match="expected an issue of people, found 'x'"):
        loader.view("people", "x")
    with pytest.raises(NotFound, match="an issue of people"):
        loader.view("people", loader.view("boats").issue.issue_id)
    with pytest.raises(NotFound, match=rf"\(champion, {', '.join(DECLARED)}\), found 'x'"):
        loader.view("people", model="x")


def test_view_before_first_issue_is_not_ready(empty, clock):
    loader = IssueLoader(empty, clock)
    with pytest.raises(NotReady, match="nothing is published yet"):
        loader.view("people")
    assert loader.latest_state("people").to_dict()["status"] == "degraded"
    with pytest.raises(NotFound):
        loader.view("people", "people-20251231-0000000000")


def test_model_files_are_read_again_after_a_second(empty, clock, monkeypatch):
    def find_problems(loader):
        return {reason.name for reason in loader.latest_state("people").reasons} & set(PROBLEMS)

    monkeypatch.setattr(module, "_READ_SECONDS", 1e9)
    slow = IssueLoader(empty, clock)
    monkeypatch.setattr(module, "_READ_SECONDS", 1e-9)
    quick = IssueLoader(empty, clock)
    assert find_problems(slow) == find_problems(quick) == set()
    (empty.settings.models_dir / "x.toml").write_bytes(b"\xff")
    assert (find_problems(slow), find_problems(quick)) == (set(), {"models_left_out"})
