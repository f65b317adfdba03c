import datetime as dt
import json
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from service.answers.issue_loader import IssueLoader
from service.answers.state import LASTING, Facts, Reason, State, state_of
from service.api import key_store
from service.app import create_app
from service.core.context import open_context
from service.core.run_store import Run
from service.core.settings import Settings
from service.issues.issue_store import Issue
from tests.service.support import (
    NOW,
    ROUTE,
    record_run,
    run_server,
    utc,
)

HOUR = dt.timedelta(hours=1)


def make_issue(champion="pool", wanted="pool", **failures):
    day = dt.date(2025, 12, 31)
    return Issue(
        *("i", "people", 1, "live", day, day, NOW, NOW, champion, wanted, 1, 100, 28, "h"),
        failures=failures,
    )


def make_run(job, outcome):
    return Run(1, job, "p", NOW, NOW, outcome, "the reason", {})


def get_state(
    issue=None,
    now=NOW,
    settings=None,
    facts=None,
):
    """Return the state at `now` of an issue published at that moment."""
    issue = replace(issue or make_issue(), issued_at=now)
    return state_of(issue, facts or Facts(), now, settings or Settings(), ROUTE)


def get_names(state):
    return [reason.name for reason in state.reasons]


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (utc(2026, 1, 1, 0, 0), None),
        (utc(2026, 1, 3, 23, 59), None),
        (utc(2026, 1, 4, 0, 0), 4),
        (utc(2026, 11, 21, 12, 0), 325),
    ],
)
def test_figures_more_than_three_days_old_are_stale(now, days):
    detail = f"the latest figures are for 2025-12-31, {days} days ago"
    stale = State("stale", (Reason("figures_old", detail),))
    assert get_state(now=now) == (stale if days else State("fresh", ()))


def test_live_source_without_new_figures_is_late():
    """Embedded figures are only stale: no new ones are expected."""
    settings = Settings(source="declared", weather="off")
    assert get_state(now=utc(2026, 1, 3, 23, 59), settings=settings) == State("fresh", ())
    detail = "GOV.UK figures are late: the latest are for 2025-12-31, 4 days ago"
    assert get_state(now=utc(2026, 1, 4), settings=settings) == State(
        "degraded", (Reason("source_late", detail),)
    )


def test_past_issue_is_stale_when_newest_is_not():
    now = utc(2026, 1, 10, 12)
    newest = replace(make_issue(), data_through=dt.date(2026, 1, 9), issued_at=now)
    settings = Settings(source="declared", weather="off")
    state = state_of(make_issue(), Facts(newest), now, settings, ROUTE)
    assert (state.status, get_names(state)) == ("stale", ["figures_old"])


def test_no_issue_for_36_hours_is_degraded():
    settings = Settings(stale_after_days=10)
    assert state_of(make_issue(), Facts(), NOW + 36 * HOUR, settings, ROUTE).status == "fresh"
    state = state_of(make_issue(), Facts(), NOW + 36 * HOUR + HOUR / 3600, settings, ROUTE)
    assert (state.status, get_names(state)) == ("degraded", ["scheduler_down"])
    assert state.reasons[0].detail == (
        "no forecast has been published for 36 hours, since 2026-01-02T12:00:00Z: "
        "the scheduler may not be running"
    )
    assert "scheduler_down" not in get_names(
        state_of(make_issue(), Facts(), NOW + 70 * HOUR, Settings(refit_hours=48), ROUTE)
    ), "the limit grows with refit_hours"


@pytest.mark.parametrize(
    ("age", "expected"), [(None, ["weather_missing"]), (36, []), (36.01, ["weather_old"])]
)
def test_weather_missing_or_older_than_36_hours_is_reported(age, expected):
    facts = Facts(weather_new_at=NOW - age * HOUR if age else None)
    assert get_names(get_state(settings=Settings(weather="openmeteo"), facts=facts)) == expected
    assert get_state(facts=facts).status == "fresh", "weather is off"


@pytest.mark.parametrize("job", ["ingest", "refit"])
def test_failed_last_run_is_reported(job):
    state = get_state(facts=Facts(last_runs={job: make_run(job, "failed")}))
    reason = Reason(f"{job}_failed", f"the last {job} job failed: the reason")
    assert state == State("degraded", (reason,))
    assert get_state(facts=Facts(last_runs={job: make_run(job, "skipped")})).status == "fresh"


def test_failed_champion_is_reported():
    state = get_state(make_issue("hurdle", "pool", pool="no member stands"))
    detail = "pool could not be fitted (no member stands), so hurdle is used"
    assert state.to_dict() == {
        "status": "degraded",
        "reasons": [{"name": "champion_failed", "detail": detail}],
    }
    assert get_state(make_issue(prophet="did not converge")).status == "fresh"


def test_all_reasons_are_listed_and_only_champion_failed_is_lasting():
    facts = Facts(
        last_runs={job: make_run(job, "failed") for job in ("ingest", "refit")},
        write_problem=("database_read_only", "the database is read-only"),
    )
    settings = Settings(source="declared", weather="openmeteo")
    state = state_of(make_issue("hurdle", "pool"), facts, NOW + 90 * HOUR, settings, ROUTE)
    assert get_names(state) == [
        *("source_late", "scheduler_down", "champion_failed", "weather_missing"),
        *("ingest_failed", "refit_failed", "database_read_only"),
    ]
    assert LASTING in get_names(state)


def record_ingest(context, period, outcome, **detail):
    record_run(
        context.database, period, job="ingest", outcome=outcome, reason="the reason", detail=detail
    )


def test_ingest_of_another_source_does_not_change_state(context, clock):
    loader = IssueLoader(context, clock)
    record_ingest(context, "by hand", "failed", source="csv")
    assert get_names(loader.view("people").state) == []
    record_ingest(context, "scheduled", "failed", source="figures")
    assert get_names(loader.view("people").state) == ["ingest_failed"]
    record_ingest(context, "by hand again", "done", source="csv")
    record_ingest(context, "under way", "running")
    assert get_names(loader.view("people").state) == ["ingest_failed"]
    record_ingest(context, "scheduled again", "done", source="figures")
    assert get_names(loader.view("people").state) == []
    record_ingest(context, "failed before it chose a source", "failed")
    assert get_names(loader.view("people").state) == ["ingest_failed"]


def test_changed_state_changes_every_etag(context, clock):
    """A client that revalidates is told of a change of state, in JSON, HTML and CSV."""
    client = create_app(context, clock).test_client()
    paths = ("forecast", "totals", "capacity", "panel", "briefing")
    addresses = [f"/v1/series/people/{path}" for path in paths] + ["/v1/series", "/"]
    requests = []
    for url in addresses:
        for accept in ("*/*", "text/csv, */*;q=0.1"):
            etag = client.get(url, headers={"Accept": accept}).headers["ETag"]
            requests.append((url, {"Accept": accept, "If-None-Match": etag}))
    assert {client.get(url, headers=headers).status_code for url, headers in requests} == {304}
    record_ingest(context, "scheduled", "failed", source="figures")
    for url, headers in requests:
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, url
        assert "degraded" in f"{answer.headers.get('X-Crossings-Status')} {answer.text}", url
    assert client.get("/readyz").status_code == 200


def fetch(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("kind", ["folder", "file", "folder in use"])
def test_read_only_sqlite_file_is_served(settings, kind):
    """A started server that has no right to write."""
    owner, file = open_context(settings), settings.var_dir / "crossings.sqlite"
    with owner.database.writing() as connection:
        key = key_store.create_key(connection, "reader", "read", NOW)
    if kind != "folder in use":
        owner.database.close()
    assert file.with_name(f"{file.name}-wal").exists() == (kind == "folder in use")
    file.chmod(0o444)
    if kind != "file":
        file.parent.chmod(0o555)
    with run_server(settings, bound=True) as url:
        assert fetch(f"{url}/readyz")[0] == 200
        status, body = fetch(f"{url}/v1/series/people/forecast")
        assert (status, body["status"]) == (200, "degraded")
        reason = {"name": "database_read_only", "detail": "the database is read-only"}
        assert reason in body["reasons"]
        assert len(body["rows"]) == 28
        assert reason in fetch(f"{url}/v1/status")[1]["reasons"]
        headers = {"Authorization": f"Bearer {key}"}
        assert fetch(f"{url}/v1/series/people/totals", **headers)[0] == 200
    file.parent.chmod(0o755)
    owner.database.close()
