import contextlib
import datetime as dt
import re

import numpy as np
import pytest

from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import service_metrics
from service.answers.state import State
from service.answers.status import age, catalogue, published_series, status
from service.core.context import Context
from tests.service.answers.conftest import open_copy
from tests.service.answers.test_headline import make_view
from tests.service.stored_issues import with_settings
from tests.service.support import (
    CHAMPION,
    DECLARED,
    NOW,
    ROOT,
    publish,
    random_paths,
    record_run,
    utc,
)

PERFORMED = re.compile(r'\b(?:run_job|run_exclusively)\(\s*context,\s*"(\w+)"')


def test_status_and_catalogue_of_fresh_forecast(context, clock):
    loader = IssueLoader(context, clock)
    answer = status(loader)
    assert (answer["status"], answer["reasons"]) == ("fresh", [])
    assert answer["now"] == "2026-01-02T12:00:00Z"
    assert [row["series_id"] for row in answer["series"]] == ["people", "boats"]
    row = answer["series"][0]
    assert (row["data_through"], row["figures_age_days"]) == ("2025-12-31", 2)
    assert row["champion"] == CHAMPION
    assert [m["model"] for m in row["models"]] == DECLARED
    assert all(m["failure"] is None and m["version"] for m in row["models"])
    jobs = {job["job"]: job for job in answer["jobs"]}
    assert jobs["ingest"]["last_outcome"] == jobs["refit"]["last_outcome"] == "done"
    assert jobs["refit"]["last_success_at"] >= jobs["refit"]["last_started_at"]
    sources = [file.read_text("utf-8") for file in (ROOT / "service").rglob("*.py")]
    performed = {name for text in sources for name in PERFORMED.findall(text)}
    assert "digest" in performed
    # "scheduler" is its heartbeat, and "repeat" is only run by hand.
    assert (performed | {"ingest"}) - {"scheduler", "repeat"} == jobs.keys()
    assert published_series(loader) == "people"
    people, boats, preventions = catalogue(loader)
    assert (people["series_id"], boats["series_id"]) == ("people", "boats")
    assert (people["data_from"], people["data_through"]) == ("2018-01-01", "2025-12-31")
    assert people["latest_issue"] == loader.view("people").issue.issue_id
    assert people["status"] == boats["status"] == preventions["status"] == "fresh"


def test_reasons_of_all_series_are_listed_without_duplicates(context, clock):
    """A newer issue of each series, whose champion failed for a reason of its own."""
    failures = {"people": "did not converge", "boats": "took too long"}
    run_id = record_run(context.database, "later", outcome="done")
    for series_id, reason in failures.items():
        publish(
            context.database,
            {"climatology": random_paths("2026-01-01", 30)},
            run_id,
            NOW + dt.timedelta(days=365),
            series_id,
            failures={"hurdle": reason},
            wanted="hurdle",
        )
    clock.now = utc(2027, 4, 1)
    answer = status(IssueLoader(context, clock))
    assert answer["status"] == "degraded"
    models = {m["model"]: m["failure"] for m in answer["series"][0]["models"]}
    assert models == {"climatology": None, "hurdle": "did not converge"}
    old, down, *failed = answer["reasons"]
    assert (old["name"], down["name"]) == ("figures_old", "scheduler_down")
    assert [reason["detail"] for reason in failed] == [
        f"hurdle could not be fitted ({reason}), so climatology is used"
        for reason in failures.values()
    ]
    reasons = service_metrics(IssueLoader(context, clock))["service_status_reason"]
    assert reasons["champion_failed",] == 1


def test_weather_is_off_missing_or_read(context, clock, windy_settings, tmp_path):
    def weather(context):
        return status(IssueLoader(context, clock))["weather"]

    assert weather(context)["status"] == "off"
    assert "forecasts do not use it" in weather(context)["detail"]
    missing = weather(with_settings(context, weather="openmeteo"))
    assert (missing["status"], missing["read_at"], missing["through"]) == ("missing", None, None)
    with contextlib.closing(open_copy(windy_settings, tmp_path / "windy").database) as database:
        read = weather(Context(windy_settings, database))
    assert read["status"] == "read"
    assert read["read_at"] < read["through"]


def test_status_of_empty_database(empty, clock):
    loader = IssueLoader(empty, clock)
    assert published_series(loader) is None
    answer = status(loader)
    assert answer["status"] == "degraded"
    assert [reason["name"] for reason in answer["reasons"]] == ["no_issue"]
    assert answer["series"] == []
    assert answer["jobs"][0]["last_started_at"] is None
    (empty.settings.models_dir / "broken.toml").write_text("title =")
    _, reason = status(IssueLoader(empty, clock))["reasons"]
    assert reason["name"] == "models_left_out" and "broken.toml" in reason["detail"]
    assert [row["data_through"] for row in catalogue(loader)] == [None, None, None]


@pytest.mark.parametrize(
    ("now", "status", "hours", "days"),
    [
        (NOW + dt.timedelta(hours=1, minutes=30), "fresh", 1.5, 2),
        (NOW - dt.timedelta(hours=1), "stale", 0.0, 2),
        (utc(2026, 7, 1, 23, 30), "degraded", 4331.5, 183),  # 2 July in the UK
    ],
)
def test_age_of_issue_and_figures(now, status, hours, days):
    view = make_view(np.ones((10, 28), int), state=State(status, ()))
    assert age(view, now) == {
        "time": "2026-01-02T12:00:00Z",
        "hours_since_issue": hours,
        "days_since_figures": days,
        "fresh": status == "fresh",
        "degraded": status == "degraded",
    }
