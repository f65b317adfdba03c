import datetime as dt
import json
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
from tests.service.support import NOW, ROUTE, record_run, run_server, utc

HOUR = dt.timedelta(hours=1)


DAY = dt.date(2025, 12, 31)
ISSUE = Issue(*("i", "people", 1, "live", DAY, DAY, NOW, NOW, "pool", "pool", 1, 100, 28, "h"))
LIVE = {"source": "declared", "weather": "off"}
LATE = "the latest are for 2025-12-31, 4 days ago"
OLD = "the latest figures are for 2025-12-31, {} days ago".format


def get_state(issue=ISSUE, now=NOW, facts=None, **settings):
    return state_of(issue, facts or Facts(), now, Settings(**settings), ROUTE)


def get_names(state):
    return [reason.name for reason in state.reasons]


@pytest.mark.parametrize(
    ("now", "settings", "state"),
    [
        (utc(2026, 1, 1), {}, State("fresh", ())),
        (utc(2026, 1, 3, 23, 59), {}, State("fresh", ())),
        (utc(2026, 1, 3, 23, 59), LIVE, State("fresh", ())),
        # Embedded figures are only stale: no new ones are expected.
        (utc(2026, 1, 4), {}, State("stale", (Reason("figures_old", OLD(4)),))),
        (utc(2026, 11, 21, 12), {}, State("stale", (Reason("figures_old", OLD(325)),))),
        (
            *(utc(2026, 1, 4), LIVE),
            State("degraded", (Reason("source_late", f"GOV.UK figures are late: {LATE}"),)),
        ),
    ],
)
def test_figures_more_than_three_days_old_are_stale_or_late(now, settings, state):
    assert get_state(replace(ISSUE, issued_at=now), now, **settings) == state


def test_past_issue_is_stale_when_newest_is_not():
    now = utc(2026, 1, 10, 12)
    newest = replace(ISSUE, data_through=dt.date(2026, 1, 9), issued_at=now)
    state = get_state(now=now, facts=Facts(newest), **LIVE)
    assert (state.status, get_names(state)) == ("stale", ["figures_old"])


def test_no_issue_for_36_hours_is_degraded():
    assert get_state(now=NOW + 36 * HOUR, stale_after_days=10).status == "fresh"
    state = get_state(now=NOW + 36 * HOUR + HOUR / 3600, stale_after_days=10)
    detail = (
        "no forecast has been published for 36 hours, since 2026-01-02T12:00:00Z: "
        "the scheduler may not be running"
    )
    assert state == State("degraded", (Reason("scheduler_down", detail),))
    later = get_state(now=NOW + 70 * HOUR, refit_hours=48)
    assert "scheduler_down" not in get_names(later), "the limit grows with refit_hours"


@pytest.mark.parametrize(
    ("age", "expected"), [(None, ["weather_missing"]), (36, []), (36.01, ["weather_old"])]
)
def test_weather_missing_or_older_than_36_hours_is_reported(age, expected):
    facts = Facts(weather_new_at=NOW - age * HOUR if age else None)
    assert get_names(get_state(facts=facts, weather="openmeteo")) == expected
    assert get_state(facts=facts).status == "fresh", "weather is off"


def runs_with(outcome, *jobs):
    return [Run(1, job, "p", NOW, NOW, outcome, "the reason", {}) for job in jobs]


@pytest.mark.parametrize("job", ["ingest", "refit"])
def test_failed_last_run_is_reported(job):
    reason = Reason(f"{job}_failed", f"the last {job} job failed: the reason")
    state = get_state(facts=Facts(last_runs=runs_with("failed", job)))
    assert state == State("degraded", (reason,))
    assert get_state(facts=Facts(last_runs=runs_with("skipped", job))).status == "fresh"


def test_failed_champion_is_reported():
    issue = replace(ISSUE, champion="hurdle", failures={"pool": "no member stands"})
    detail = "pool could not be fitted (no member stands), so hurdle is used"
    assert get_state(issue).to_dict() == {
        "status": "degraded",
        "reasons": [{"name": "champion_failed", "detail": detail}],
    }
    assert get_state(replace(ISSUE, failures={"prophet": "did not converge"})).status == "fresh"


def test_all_reasons_are_listed_and_only_champion_failed_is_lasting():
    facts = Facts(
        last_runs=runs_with("failed", "ingest", "refit"),
        write_problem=("database_read_only", "the database is read-only"),
    )
    issue, settings = replace(ISSUE, champion="hurdle"), LIVE | {"weather": "openmeteo"}
    assert get_names(get_state(issue, NOW + 90 * HOUR, facts, **settings)) == [
        *("source_late", "scheduler_down", LASTING, "weather_missing"),
        *("ingest_failed", "refit_failed", "database_read_only"),
    ]


def record_ingest(context, period, outcome, **detail):
    record_run(
        context.database, period, job="ingest", outcome=outcome, reason="the reason", detail=detail
    )


def test_ingest_of_another_source_does_not_change_state(context, clock):
    loader = IssueLoader(context, clock)
    for period, outcome, source, names in (
        ("by hand", "failed", "csv", []),
        ("scheduled", "failed", "figures", ["ingest_failed"]),
        ("by hand again", "done", "csv", ["ingest_failed"]),
        ("under way", "running", "figures", ["ingest_failed"]),
        ("scheduled again", "done", "figures", []),
        ("failed before it chose a source", "failed", None, ["ingest_failed"]),
    ):
        record_ingest(context, period, outcome, **({"source": source} if source else {}))
        assert get_names(loader.view("people").state) == names


def test_failed_job_changes_every_etag(context, clock):
    """A client that revalidates is told of a change of state."""
    client = create_app(context, clock).test_client()
    paths = ("forecast", "totals", "capacity", "panel", "briefing")
    addresses = [f"/v1/series/people/{path}" for path in paths] + ["/v1/series", "/"]
    etags = {url: client.get(url).headers["ETag"] for url in addresses}
    record_ingest(context, "scheduled", "failed", source="figures")
    for url, etag in etags.items():
        answer = client.get(url, headers={"If-None-Match": etag})
        assert answer.status_code == 200 and "degraded" in answer.text, url


def fetch(url, **headers):
    """Return the answer; other statuses than 200 raise an error."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)


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
        fetch(f"{url}/readyz")
        body = fetch(f"{url}/v1/series/people/forecast")
        reason = {"name": "database_read_only", "detail": "the database is read-only"}
        assert body["status"] == "degraded" and reason in body["reasons"]
        assert len(body["rows"]) == 28
        assert reason in fetch(f"{url}/v1/status")["reasons"]
        fetch(f"{url}/v1/series/people/totals", Authorization=f"Bearer {key}")
    file.parent.chmod(0o755)
    owner.database.close()
