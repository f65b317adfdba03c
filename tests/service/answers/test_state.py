from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
import sqlalchemy as sa

from service.answers.issue_loader import IssueLoader
from service.answers.state import CURRENT_STATE_REASONS, Facts, State, state_of
from service.api import key_store
from service.app import create_app
from service.core import run_store
from service.core.context import Context, open_context
from service.core.database import Database, Unavailable
from service.core.run_store import Run
from service.core.settings import Settings
from service.issues.issue_store import Issue
from tests.service.stored import Figure, record
from tests.service.support import (
    NOW,
    ROUTE,
    Hand,
    publish,
    random_paths,
    record_run,
    serving,
    utc,
)

HOUR = dt.timedelta(hours=1)


def issue(champion: str = "pool", wanted: str = "pool", **failures: str) -> Issue:
    day = dt.date(2025, 12, 31)
    return Issue(
        *("i", "people", 1, "live", day, day, NOW, NOW, champion, wanted, 1, 100, 28, "h"),
        failures=failures,
    )


def run(job: str, outcome: str) -> Run:
    return Run(1, job, "p", NOW, NOW, outcome, "the reason", {})


def judged(
    one: Issue | None = None,
    now: dt.datetime = NOW,
    settings: Settings | None = None,
    facts: Facts | None = None,
) -> State:
    """The state with an issue that was just made, of figures as old as they are."""
    one = one or issue()
    made = Issue(**(vars(one) | {"issued_at": now}))
    return state_of(made, facts or Facts(), now, settings or Settings(), ROUTE)


def names(state: State) -> list[str]:
    return [reason.name for reason in state.reasons]


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (utc(2026, 1, 1, 0, 0), "fresh"),
        (utc(2026, 1, 3, 23, 59), "fresh"),
        (utc(2026, 1, 4, 0, 0), "stale"),
        (utc(2026, 11, 21, 12, 0), "stale"),
    ],
)
def test_figures_more_than_three_days_old_are_stale(now: dt.datetime, status: str) -> None:
    state = judged(now=now)
    assert state.status == status
    if status == "stale":
        (reason,) = state.reasons
        assert reason.name == "figures_old"
        days = (now.date() - dt.date(2025, 12, 31)).days
        assert reason.detail == f"the latest figures are for 2025-12-31, {days} days ago"
    else:
        assert state.reasons == ()


def test_the_age_is_counted_in_days_of_london() -> None:
    summer = Issue(**(vars(issue()) | {"data_through": dt.date(2025, 6, 10)}))
    assert judged(summer, utc(2025, 6, 13, 22, 59)).status == "fresh"
    assert judged(summer, utc(2025, 6, 13, 23, 0)).status == "stale"


def test_how_old_is_old_can_be_set() -> None:
    assert judged(now=utc(2026, 1, 10, 12), settings=Settings(stale_after_days=10)).reasons == ()


@pytest.mark.parametrize(
    ("now", "said"),
    [(utc(2026, 1, 3, 23, 59), []), (utc(2026, 1, 4, 0, 0), ["source_late"])],
)
def test_a_source_that_should_bring_figures_and_does_not_is_late(
    now: dt.datetime, said: list[str]
) -> None:
    """The embedded figures are merely old: nobody expects them to grow."""
    state = judged(now=now, settings=Settings(source="declared", weather="off"))
    assert names(state) == said
    assert state.status == ("degraded" if said else "fresh")
    if said:
        detail = "GOV.UK figures are late: the latest are for 2025-12-31, 4 days ago"
        assert state.reasons[0].detail == detail


def test_a_past_issue_is_old_where_the_newest_is_not() -> None:
    newest = Issue(**(vars(issue()) | {"data_through": dt.date(2026, 1, 9)}))
    now = utc(2026, 1, 10, 12)
    newest = Issue(**(vars(newest) | {"issued_at": now}))
    state = state_of(issue(), Facts(newest), now, Settings(source="declared", weather="off"), ROUTE)
    assert (state.status, names(state)) == ("stale", ["figures_old"])


def test_no_new_issue_for_36_hours_is_said_with_the_moment_of_the_last() -> None:
    settings = Settings(stale_after_days=10)
    assert state_of(issue(), Facts(), NOW + 36 * HOUR, settings, ROUTE).status == "fresh"
    state = state_of(issue(), Facts(), NOW + 36 * HOUR + HOUR / 3600, settings, ROUTE)
    assert (state.status, names(state)) == ("degraded", ["scheduler_down"])
    assert state.reasons[0].detail == (
        "no forecast has been published for 36 hours, since 2026-01-02T12:00:00Z: "
        "the scheduler may not be running"
    )
    assert "scheduler_down" not in names(
        state_of(issue(), Facts(), NOW + 70 * HOUR, Settings(refit_hours=48), ROUTE)
    ), "who refits every two days expects no issue before"


@pytest.mark.parametrize(
    ("age", "said"), [(None, ["weather_missing"]), (36, []), (36.01, ["weather_old"])]
)
def test_weather_that_should_be_there(age: float | None, said: list[str]) -> None:
    facts = Facts(weather_new_at=NOW - age * HOUR if age else None)
    assert names(judged(settings=Settings(weather="openmeteo"), facts=facts)) == said
    assert judged(facts=facts).status == "fresh", "who reads no weather misses none"


@pytest.mark.parametrize("job", ["ingest", "refit"])
def test_a_job_that_failed_last_is_said(job: str) -> None:
    state = judged(facts=Facts(last_runs={job: run(job, "failed")}))
    assert state.status == "degraded"
    assert [(r.name, r.detail) for r in state.reasons] == [
        (f"{job}_failed", f"the last {job} job failed: the reason")
    ]


@pytest.mark.parametrize("outcome", ["done", "skipped", "running"])
def test_a_job_that_did_not_fail_is_not(outcome: str) -> None:
    assert judged(facts=Facts(last_runs={"refit": run("refit", outcome)})).status == "fresh"
    assert judged(facts=Facts(last_runs={"refit": None})).status == "fresh"


def test_a_champion_that_fell_is_said() -> None:
    state = judged(issue("hurdle", "pool", pool="no member stands"))
    assert state.status == "degraded"
    assert state.to_dict()["reasons"] == [
        {
            "name": "champion_failed",
            "detail": "pool could not be fitted (no member stands), so hurdle is used",
        }
    ]


def test_another_model_that_fell_leaves_it_fresh() -> None:
    assert judged(issue(prophet="did not converge")).status == "fresh"


def test_degraded_is_worse_than_stale_and_both_are_said() -> None:
    facts = Facts(last_runs={"ingest": run("ingest", "failed")})
    state = judged(now=utc(2026, 2, 1), facts=facts)
    assert state.status == "degraded"
    assert names(state) == ["figures_old", "ingest_failed"]


def test_everything_at_once_is_said_and_told_from_what_is_of_the_issue() -> None:
    facts = Facts(
        last_runs={job: run(job, "failed") for job in ("ingest", "refit")},
        not_written=("database_read_only", "the database is read-only"),
    )
    settings = Settings(source="declared", weather="openmeteo")
    state = state_of(issue("hurdle", "pool"), facts, NOW + 90 * HOUR, settings, ROUTE)
    assert names(state) == [
        *("source_late", "scheduler_down", "champion_failed", "weather_missing"),
        *("ingest_failed", "refit_failed", "database_read_only"),
    ]
    assert set(names(state)) - CURRENT_STATE_REASONS == {"champion_failed"}


def ran(context: Context, period: str, outcome: str, **detail: object) -> None:
    record_run(
        context.database, period, job="ingest", outcome=outcome, reason="the reason", detail=detail
    )


def test_a_source_tried_by_hand_says_nothing_of_the_one_that_is_set(
    context: Context, clock: Hand
) -> None:
    loader = IssueLoader(context, clock)
    ran(context, "by hand", "failed", source="csv")
    assert names(loader.view("people").state) == []
    ran(context, "scheduled", "failed", source="figures")
    assert names(loader.view("people").state) == ["ingest_failed"]
    ran(context, "by hand again", "done", source="csv")
    ran(context, "under way", "running")
    assert names(loader.view("people").state) == ["ingest_failed"], "nothing has made it good"
    ran(context, "scheduled again", "done", source="figures")
    assert names(loader.view("people").state) == []


def test_a_304_never_hides_a_state(context: Context, clock: Hand) -> None:
    """Nothing changes but the state: each answer, in each form, is sent anew and says so."""
    client = create_app(context, clock).test_client()
    paths = ("forecast", "totals", "exceedance", "capacity", "quiet", "panel", "briefing")
    addresses = [f"/v1/series/people/{path}" for path in paths] + ["/v1/series", "/"]
    asked = [
        (address, {"Accept": accept})
        for address in addresses
        for accept in ("application/json, text/html", "text/csv, */*;q=0.1")
    ]
    held = [client.get(address, headers=header).headers["ETag"] for address, header in asked]
    for (address, header), etag in zip(asked, held, strict=True):
        assert client.get(address, headers=header | {"If-None-Match": etag}).status_code == 304
    ran(context, "scheduled", "failed", source="figures")
    for (address, header), etag in zip(asked, held, strict=True):
        answer = client.get(address, headers=header | {"If-None-Match": etag})
        assert answer.status_code == 200, address
        said = f"{answer.headers.get('X-Crossings-Status')} {answer.text}"
        assert "degraded" in said, address
    assert client.get("/readyz").status_code == 200


def fetch(url: str, **headers: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("kind", ["folder", "file", "folder in use"])
def test_a_sqlite_file_that_may_not_be_written_is_served(settings: Settings, kind: str) -> None:
    """A real server, with the rights of one who may only read."""
    owner, file = open_context(settings), settings.var_dir / "crossings.sqlite"
    with owner.database.writing() as connection:
        key = key_store.create(connection, "reader", "read", NOW)
    if kind != "folder in use":
        owner.database.close()
    assert file.with_name(f"{file.name}-wal").exists() == (kind == "folder in use")
    file.chmod(0o444)
    if kind != "file":
        file.parent.chmod(0o555)
    with serving(settings, bound=True) as url:
        assert fetch(f"{url}/readyz")[0] == 200
        status, found = fetch(f"{url}/v1/series/people/forecast")
        assert (status, found["status"]) == (200, "degraded")
        reason = {
            "name": "database_read_only",
            "detail": "the database is read-only",
        }
        assert reason in found["reasons"]
        assert len(found["rows"]) == 28
        assert reason in fetch(f"{url}/v1/status")[1]["reasons"]
        keyed = {"Authorization": f"Bearer {key}"}
        assert fetch(f"{url}/v1/series/people/totals", **keyed)[0] == 200
    file.parent.chmod(0o755)
    owner.database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_turns_read_only_is_said_and_heals(database: Database, clock: Hand) -> None:
    """PostgreSQL as its operator has locked it; a standby says the same of itself."""
    with database.writing() as connection:
        claimed = run_store.claim(connection, "refit", "once", NOW, ROUTE.name)
        assert claimed is not None
        run_store.finish(connection, claimed, "done", None, {}, NOW)
        name = connection.scalar(sa.text("SELECT current_database()"))
    with database.writing() as connection:
        day = Figure("people", dt.date(2025, 12, 31), 1, "test")
        record(connection, ROUTE, [day], NOW, assume_known=True)
    publish(database, {"climatology": random_paths("2026-01-01", 30)}, claimed.run_id)

    def lock(setting: str) -> None:
        with database.writing() as connection:
            text = f'ALTER DATABASE "{name}" SET default_transaction_read_only = {setting}'
            connection.execute(sa.text(text))

    url = database.engine.url.render_as_string(hide_password=False)
    lock("on")
    try:
        locked = open_context(Settings(database_url=url))  # nothing needs to be migrated
        found = IssueLoader(locked, clock).view("people").state
        assert (found.status, names(found)) == ("degraded", ["database_read_only"])
        with pytest.raises(Unavailable, match="read-only"), locked.database.writing() as connection:
            connection.execute(sa.text("DELETE FROM asks"))
        locked.database.close()
    finally:
        lock("off")
    healed = open_context(Settings(database_url=url))
    assert IssueLoader(healed, clock).view("people").state.status == "fresh"
    healed.database.close()


def test_a_write_that_found_no_room_is_said_until_one_succeeds(
    context: Context, clock: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    loader = IssueLoader(context, clock)
    with context.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    limited = context.database

    @sa.event.listens_for(limited.engine, "begin")
    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    assert loader.view("people").state.status == "fresh"
    for _ in range(2):
        with pytest.raises(Unavailable, match="full"), limited.writing() as connection:
            connection.execute(
                sa.text("CREATE TABLE more AS SELECT hex(zeroblob(1000000)) AS text")
            )
    assert caplog.text.count("the last write failed") == 1, "logged once, while it lasts"
    found = loader.view("people").state
    assert [(r.name, r.detail) for r in found.reasons] == [
        ("database_not_written", "the last write failed: database: database or disk is full")
    ]
    ran(context, "a small one", "done")
    assert loader.view("people").state.status == "fresh"
