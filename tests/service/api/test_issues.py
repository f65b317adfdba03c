import csv
import datetime as dt
import io

import pytest

from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import ISSUED_AT, NOW, ROUTE, publish, random_paths, record_run, utc

PEOPLE = "/v1/series/people"


@pytest.fixture
def issue_ids(context):
    """Ids of seven new issues, newest first; the last two were issued in the same second."""
    paths = {"climatology": random_paths("2026-01-01", 40)}
    issues = []
    for number, day in enumerate((1, 2, 3, 4, 5, 6, 6)):
        run_id = record_run(context.database, f"run {number}", outcome="done")
        issues.append(publish(context.database, paths, run_id, utc(2027, 1, day)))
    return [issue.issue_id for issue in reversed(issues)]


def test_pages_list_every_issue_once(client, issue_ids):
    path = f"{PEOPLE}/issues?limit=3"
    listed, pages = [], 0
    while path:
        response = client.get(path)
        listed += [row["issue_id"] for row in response.json["rows"]]
        pages += 1
        link = response.headers.get("Link")
        assert (link is None) == (response.json["next"] is None)
        path = link and link[1 : link.index(">")]
    assert listed[:7] == issue_ids
    assert len(listed) == len(set(listed)) == 8
    assert pages == 3


def test_issue_is_immutable(client, issue_ids):
    response = client.get(f"{PEOPLE}/issues/{issue_ids[2]}")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.json["models"][0]["model"] == "climatology"
    assert "status" not in response.json
    assert client.get(f"/v1/series/boats/issues/{issue_ids[2]}").status_code == 404


def test_as_of_selects_the_issue_current_then(client, clock, issue_ids):
    clock.now = utc(2031, 1, 1)
    for as_of, expected in (
        ("2027-01-03T12:00:00Z", issue_ids[4]),
        ("2027-01-03", issue_ids[4]),
        ("2027-01-02T23:59:59Z", issue_ids[5]),
        ("2030-01-01", issue_ids[0]),
    ):
        query = {"as_of": as_of, "from": "2026-01-02"}
        for name in ("forecast", "panel"):
            response = client.get(f"{PEOPLE}/{name}", query_string=query)
            assert response.json["issue_id"] == expected, as_of


def test_panel_accepts_times_and_updates_with_figures(client, context):
    path = f"{PEOPLE}/panel?from=2025-12-31T00:00:00.000Z&to=2026-01-01T22:00:00.000Z"
    before = client.get(path)
    assert [row["actual"] is None for row in before.json["rows"]] == [False, True]
    with context.database.writing() as connection:
        store_as_documents(
            connection, ROUTE, [Figure("people", dt.date(2026, 1, 1), 77, "test")], NOW
        )
    after = client.get(path)
    assert after.json["rows"][1]["actual"] == 77
    assert after.headers["ETag"] != before.headers["ETag"]
    paths = {"climatology": random_paths("2026-01-01", 40)}
    publish(context.database, paths, 1, NOW - dt.timedelta(hours=2))
    earlier = client.get(f"{path}&as_of=2026-01-02T11:00:00Z")
    assert earlier.json["rows"][1]["actual"] is None, "what was known then"


@pytest.mark.parametrize("threshold", [300, 0])
def test_gauges_equal_other_responses(shared, threshold):
    query = f"threshold={threshold}&window=3&horizon=9"
    (row,) = shared.get(f"{PEOPLE}/gauges/chance?{query}").json["rows"]
    forecast = shared.get(f"{PEOPLE}/exceedance?{query}").json
    assert row["value"] == forecast["p_any"]
    (age,) = shared.get(f"{PEOPLE}/gauges/age").json["rows"]
    assert age["days_since_figures"] == 2
    assert age["hours_since_issue"] == (NOW - ISSUED_AT).total_seconds() / 3600


def test_scenario_includes_the_unchanged_forecast(shared):
    def post(status=200, **body):
        response = shared.post(f"{PEOPLE}/scenarios", json=body)
        assert response.status_code == status, response.text
        assert "no-store" in response.headers["Cache-Control"]
        return response.json

    forecast = shared.get(f"{PEOPLE}/forecast").json["rows"]
    scenario = post(level_percent=50, horizon=28.0)
    assert scenario["kind"] == "scenario"
    assert scenario["forecast"]["rows"] == forecast
    weeks = [scenario["totals"][0]["mean"], scenario["forecast"]["totals"][0]["mean"]]
    assert weeks[0] / weeks[1] == pytest.approx(1.5, rel=0.02)
    assert [row["p_zero"] for row in scenario["rows"]] == [row["p_zero"] for row in forecast]
    assert post(level_percent=50) == scenario, "a repeated request is the same"
    assert post(level_percent=-100)["totals"][0]["hi95"] == 0
    assert "uses no weather" in post(409, weather={"2026-01-02": "rough"})["detail"]
    issues = shared.get(f"{PEOPLE}/issues").json["rows"]
    assert len(issues) == 1, "scenarios are not stored"


def test_hubverse_rows_agree_with_the_forecast(shared):
    response = shared.get(f"{PEOPLE}/forecast?horizon=5&format=hubverse")
    assert response.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert list(rows[0]) == [
        *("origin_date", "target", "horizon", "target_end_date", "location"),
        *("output_type", "output_type_id", "value"),
    ]
    assert response.headers["X-Crossings-From"] == rows[0]["target_end_date"]
    medians = [row["value"] for row in rows if row["output_type_id"] == "0.5"]
    forecast = shared.get(f"{PEOPLE}/forecast?horizon=5").json["rows"]
    assert medians == [str(row["median"]) for row in forecast]
