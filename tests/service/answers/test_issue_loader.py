from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.answers import issue_loader as module
from service.answers.errors import NotFound, NotReady
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.core.settings import Settings
from service.issues import issue_store
from service.issues.declared_models import PROBLEMS
from tests.service.answers.conftest import NOON, copied
from tests.service.issued import changed
from tests.service.stored import Figure, record
from tests.service.support import (
    CHAMPION,
    DECLARED,
    NOW,
    ROUTE,
    Hand,
    at_once,
    publish,
    random_paths,
    record_run,
    sql_counted,
    utc,
)
from tests.support.waiting import BOUND

D = dt.date


def run(context: Context, period: str) -> int:
    return record_run(context.database, period, outcome="done")


def newer(context: Context, hours: int) -> str:
    """Publish another issue, so many hours after the clock's time."""
    return publish(
        context.database,
        {"climatology": random_paths("2026-01-01", 40, seed=hours)},
        run(context, f"later {hours}"),
        NOW + dt.timedelta(days=365, hours=hours),
    ).issue_id


def test_the_champion_of_the_newest_issue(loader: IssueLoader, context: Context) -> None:
    view = loader.view("people")
    assert view.entry.model == view.issue.champion == CHAMPION
    assert (view.paths.n_paths, view.paths.horizon) == (200, view.issue.horizon_days)
    assert str(view.paths.start) == "2026-01-01"
    assert str(view.observed.data_through) == "2025-12-31" == str(view.issue.data_through)
    assert len(view.observed) == 2922
    assert view.moment == NOW
    assert view.state.status == "fresh"


def test_it_begins_today_and_never_on_a_day_that_has_a_figure(context: Context) -> None:
    view = IssueLoader(context, Hand(NOW)).view("people")
    assert view.today == view.first == view.ahead.first == D(2026, 1, 2)
    early = IssueLoader(context, Hand(utc(2025, 12, 20))).view("people")
    assert early.today == D(2026, 1, 1)


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        (D(2026, 1, 5), D(2026, 1, 6)),
        (utc(2026, 6, 5, 22, 59), D(2026, 6, 5)),
        (utc(2026, 6, 5, 23), D(2026, 6, 6)),
        (D(2026, 1, 2), D(2026, 1, 4)),
    ],
)
def test_as_of_a_date_it_is_the_day_after_and_of_an_instant_its_uk_day(
    filled: Context, as_of: D | dt.datetime, day: D
) -> None:
    paths = random_paths("2026-01-04", 300)  # figures to the 3rd
    publish(filled.database, {"climatology": paths}, record_run(filled.database, "once"))
    loader = IssueLoader(filled, Hand(utc(2026, 6, 10)))
    assert loader.view("people", as_of=as_of).today == day


def test_a_day_that_is_over_makes_it_past(context: Context) -> None:
    loader = IssueLoader(context, Hand(NOW))
    latest = loader.view("people")
    assert not latest.is_past
    assert loader.view("people", latest.issue.issue_id).is_past
    assert replace(latest, first=D(2026, 1, 3)).ahead.skipped == 2


def test_people_and_boats_are_of_the_same_futures(loader: IssueLoader) -> None:
    people, boats = loader.view("people"), loader.view("boats")
    assert people.issue.run_id == boats.issue.run_id
    np.testing.assert_array_equal(people.paths.values > 0, boats.paths.values > 0)
    assert (boats.paths.values <= people.paths.values).all()


def test_every_declared_model_is_there(loader: IssueLoader) -> None:
    for name in DECLARED:
        view = loader.view("people", model=name)
        assert view.entry.model == name
        assert view.paths.values.min() >= 0
    assert loader.view("people").issue.failures == {}


def test_a_new_issue_is_seen_at_once_and_the_old_one_stays(
    loader: IssueLoader, context: Context
) -> None:
    old = loader.view("people")
    issue_id = newer(context, 1)
    assert loader.view("people").issue.issue_id == issue_id
    again = loader.view("people", old.issue.issue_id)
    assert again.paths is old.paths
    assert again.moment == old.issue.issued_at


def test_an_issue_is_frozen_whatever_the_figures_become(
    loader: IssueLoader, context: Context
) -> None:
    before = loader.view("people")
    with context.database.writing() as connection:
        record(
            connection,
            ROUTE,
            [Figure("people", dt.date(2025, 12, 30), 9_999, "test")],
            utc(2099, 1, 1),
        )
    cold = IssueLoader(context, loader.clock).view("people")
    np.testing.assert_array_equal(cold.observed.values, before.observed.values)
    np.testing.assert_array_equal(cold.paths.values, before.paths.values)


def test_an_ingest_counts_only_if_it_read_the_configured_source(
    context: Context, clock: Hand
) -> None:
    for source, reasons in (("govuk", []), ("figures", ["ingest_failed"])):
        record_run(
            context.database,
            source,
            job="ingest",
            outcome="failed",
            reason="down",
            detail={"source": source},
        )
        state = IssueLoader(context, clock).view("people").state
        assert [reason.name for reason in state.reasons] == reasons


def test_weather_that_the_issue_used_is_no_reason(
    windy: Settings, clock: Hand, tmp_path: Path
) -> None:
    with contextlib.closing(copied(windy, tmp_path).database) as database:
        clock.now = NOON
        state = IssueLoader(Context(windy, database), clock).view("people").state
    assert [reason.name for reason in state.reasons] == []


def test_a_warm_loader_reads_no_paths(loader: IssueLoader, context: Context) -> None:
    loader.view("people")
    with sql_counted(context) as statements:
        loader.view("people")
    asked = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(asked) <= 3
    assert not any("issue_paths" in s or "observations" in s for s in asked)


def test_what_is_kept_has_an_end(loader: IssueLoader, context: Context) -> None:
    ids = [newer(context, hours) for hours in range(module._CACHE_SIZE)]
    for issue_id in ids:
        loader.view("people", issue_id)
    assert len(loader._cache) == module._CACHE_SIZE
    loader.view("people", ids[0])


def test_what_is_kept_holds_until_its_token_changes(loader: IssueLoader) -> None:
    made = [loader.once("x", lambda at=at: at, at // 2) for at in range(6)]  # type: ignore[misc]
    assert made == [0, 0, 2, 2, 4, 4]
    assert len(loader._cache) == 1


def test_a_failure_is_raised_for_all_who_wait_and_not_kept(loader: IssueLoader) -> None:
    began, go = threading.Event(), threading.Event()
    raised: list[str] = []

    def fail() -> None:
        began.set()
        assert go.wait(BOUND)
        raise NotReady("not yet")

    def ask() -> None:
        with pytest.raises(NotReady, match="not yet"):
            loader.once("x", fail)
        raised.append("yes")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert began.wait(BOUND)
    go.set()
    for thread in threads:
        thread.join()
    assert raised == ["yes"] * 3
    assert loader.once("x", lambda: 1) == 1


def test_threads_share_a_loader(loader: IssueLoader) -> None:
    seen = at_once(8, lambda: loader.view("people").paths.values)
    assert all((values == seen[0]).all() for values in seen)


def test_many_who_ask_at_once_wait_for_one_who_reads(
    loader: IssueLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    read = issue_store.load_paths

    def slowly(*arguments):  # type: ignore[no-untyped-def]
        decoded.append(arguments[2])
        threading.Event().wait(0.1)
        return read(*arguments)

    monkeypatch.setattr(issue_store, "load_paths", slowly)
    at_once(6, lambda: loader.view("people"))
    assert decoded == [CHAMPION]


def test_what_is_not_there_is_named_with_what_is(loader: IssueLoader) -> None:
    with pytest.raises(NotFound, match="expected a series of people, boats, found 'planes'"):
        loader.view("planes")
    with pytest.raises(NotFound, match="expected 'latest' or an issue of people, found 'x'"):
        loader.view("people", "x")
    with pytest.raises(NotFound, match="an issue of people"):
        loader.view("people", loader.view("boats").issue.issue_id)
    with pytest.raises(NotFound, match=rf"\(champion, {', '.join(DECLARED)}\), found 'x'"):
        loader.view("people", model="x")


def test_before_the_first_issue(empty: Context, clock: Hand) -> None:
    loader = IssueLoader(empty, clock)
    with pytest.raises(NotReady, match="nothing is published yet"):
        loader.view("people")
    assert loader.standing("people").to_dict()["status"] == "degraded"
    with pytest.raises(NotFound):
        loader.view("people", "people-20251231-0000000000")


def test_files_of_models_are_looked_at_every_few_seconds(
    context: Context, clock: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(context.settings.models_dir, models, ignore=shutil.ignore_patterns("fitted"))
    loader = IssueLoader(changed(context, models_dir=models), clock)

    def problems() -> set[str]:
        reasons = loader.view("people").state.reasons
        assert reasons == loader.standing("people").reasons
        return {one.name for one in reasons} & set(PROBLEMS)

    monkeypatch.setattr(module, "_LOOK_SECONDS", 1e9)
    assert problems() == set()
    (models / "x.toml").write_bytes(b"\xff")
    assert problems() == set(), "not with every answer"
    monkeypatch.setattr(module, "_LOOK_SECONDS", 1e-9)
    assert problems() == {"models_left_out"}
