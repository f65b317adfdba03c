from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import Context
from tests.service.stored import Figure, record
from tests.service.support import NOW, ROUTE, Hand, publish, random_paths, utc

PEOPLE = "/v1/series/people"


@pytest.fixture
def several(context: Context) -> list[str]:
    """Ids of seven issues, the newest first; two of one second."""
    with context.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (run_id, job, period, started_at, outcome, detail) "
            "SELECT 100 + value, 'refit', 'p' || value, '2026-01-01', 'done', '{}' "
            "FROM json_each('[1,2,3,4,5,6,7]')"
        )
    moments = [utc(2027, 1, day) for day in (1, 2, 3, 4, 5, 6, 6)]
    made = [
        publish(context.database, {"climatology": random_paths("2026-01-01", 40)}, 101 + n, at)
        for n, at in enumerate(moments)
    ]
    return [issue.issue_id for issue in reversed(made)]


def test_pages_hold_every_issue_once(client: FlaskClient, several: list[str]) -> None:
    path: str | None = f"{PEOPLE}/issues?limit=3"
    found, pages = [], 0
    while path:
        answer = client.get(path)
        found += [row["issue_id"] for row in answer.json["rows"]]
        pages += 1
        link = answer.headers.get("Link")
        assert (link is None) == (answer.json["next"] is None)
        path = link and link[1 : link.index(">")]
    assert found[:7] == several
    assert len(found) == len(set(found)) == 8
    assert pages == 3


@pytest.mark.parametrize("after", ["x", "", "AAAA", "MjAyNi0xMS0yMVQyMjozMTo0NSA5", "é", "=" * 50])
def test_a_page_that_never_was_is_refused(shared: FlaskClient, after: str) -> None:
    answer = shared.get(f"{PEOPLE}/issues", query_string={"after": after})
    assert (answer.status_code, answer.json["errors"][0]["name"]) == (400, "after")


def test_a_list_without_issues_is_a_table_with_its_head(
    shared: FlaskClient, empty: Context
) -> None:
    csv_alone = {"Accept": "text/csv"}
    bare = create_app(empty).test_client().get(f"{PEOPLE}/issues", headers=csv_alone)
    filled = shared.get(f"{PEOPLE}/issues", headers=csv_alone).text.splitlines()
    assert len(filled) == 2
    assert bare.text == filled[0] + "\n"


def test_an_issue_never_changes(client: FlaskClient, several: list[str]) -> None:
    one = client.get(f"{PEOPLE}/issues/{several[2]}")
    assert one.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert one.json["models"][0]["model"] == "climatology"
    assert "status" not in one.json
    assert client.get(f"/v1/series/boats/issues/{several[2]}").status_code == 404


def test_the_issue_that_stood_then(client: FlaskClient, clock: Hand, several: list[str]) -> None:
    clock.now = utc(2031, 1, 1)
    questions = ["forecast", "totals", "exceedance", "capacity", "quiet", "panel", "gauges/chance"]
    for question in questions:
        for as_of, wanted in (
            ("2027-01-03T12:00:00Z", several[4]),
            ("2027-01-03", several[4]),
            ("2027-01-02T23:59:59Z", several[5]),
            ("2030-01-01", several[0]),
        ):
            query = {"as_of": as_of, "from": "2026-01-02"}
            answer = client.get(f"{PEOPLE}/{question}", query_string=query)
            assert answer.json["issue_id"] == wanted, (question, as_of)
    early = client.get(f"{PEOPLE}/forecast?as_of=2020-01-01")
    assert early.status_code == 404
    both = client.get(f"{PEOPLE}/forecast?as_of=2027-01-03&issue={several[0]}")
    assert (both.status_code, both.json["errors"][0]["name"]) == (400, "as_of")


def test_the_panel_is_the_figures_and_then_the_forecast(shared: FlaskClient) -> None:
    rows = shared.get(f"{PEOPLE}/panel?from=2025-12-20&to=2026-01-10").json["rows"]
    assert [row["date"] for row in rows] == [
        str(dt.date(2025, 12, 20) + dt.timedelta(days=n)) for n in range(22)
    ]
    figures = shared.get(f"{PEOPLE}/observations?from=2025-12-20").json["rows"]
    assert [row["actual"] for row in rows[:12]] == [row["value"] for row in figures]
    ahead = shared.get(f"{PEOPLE}/forecast?from=2026-01-01&horizon=10").json["rows"]
    for row, told in zip(rows[12:], ahead, strict=True):
        assert {name: row[name] for name in row if name != "actual"} == {
            name: told[name] for name in row if name != "actual"
        }
    for row in rows:
        missing = {name for name in row if row[name] is None} - {"actual"}
        assert missing in (set(), {*list(row)[3:]}), "both bounds of all levels, or none"


def test_the_panel_takes_instants_and_follows_the_figures(
    client: FlaskClient, context: Context
) -> None:
    path = f"{PEOPLE}/panel?from=2025-12-31T00:00:00.000Z&to=2026-01-01T22:00:00.000Z"
    before = client.get(path)
    assert [row["actual"] is None for row in before.json["rows"]] == [False, True]
    with context.database.writing() as connection:
        record(connection, ROUTE, [Figure("people", dt.date(2026, 1, 1), 77, "test")], NOW)
    after = client.get(path)
    assert after.json["rows"][1]["actual"] == 77
    assert after.headers["ETag"] != before.headers["ETag"]
    assert client.get(f"{PEOPLE}/panel?from=2026-02-01&to=2026-01-01").status_code == 400
    assert client.get(f"{PEOPLE}/panel?from=1900-01-01&to=1900-02-01").json["rows"] == []


def test_a_gauge_is_the_answer_that_others_give(shared: FlaskClient) -> None:
    (row,) = shared.get(f"{PEOPLE}/gauges/chance?threshold=300&window=3&horizon=9").json["rows"]
    told = shared.get(f"{PEOPLE}/exceedance?threshold=300&window=3&horizon=9").json
    assert row["value"] == told["p_any"]
    (age,) = shared.get(f"{PEOPLE}/gauges/age").json["rows"]
    assert age["days_since_figures"] == 2
    assert age["hours_since_issue"] == 0, "the clock of the test stands before the issue"


def scenario(client: FlaskClient, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = client.post(f"{PEOPLE}/scenarios", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_a_scenario_stands_beside_the_unchanged_forecast(shared: FlaskClient) -> None:
    told = shared.get(f"{PEOPLE}/forecast").json["rows"]
    more = scenario(shared, level_percent=50)
    assert more["kind"] == "scenario"
    assert more["forecast"]["rows"] == told
    weeks = [more["totals"][0]["mean"], more["forecast"]["totals"][0]["mean"]]
    assert weeks[0] / weeks[1] == pytest.approx(1.5, rel=0.02)
    assert [row["p_zero"] for row in more["rows"]] == [row["p_zero"] for row in told]
    assert scenario(shared, level_percent=50) == more, "the same question, the same answer"
    assert scenario(shared, level_percent=-100)["totals"][0]["hi95"] == 0
    issues = shared.get(f"{PEOPLE}/issues").json["rows"]
    assert len(issues) == 1, "never stored"


def test_people_per_boat_move_people_and_not_boats(shared: FlaskClient) -> None:
    plain = scenario(shared, level_percent=1)["people_per_boat_forecast"]
    double = scenario(shared, people_per_boat=round(2 * plain, 2))
    ratio = double["totals"][1]["mean"] / double["forecast"]["totals"][1]["mean"]
    assert ratio == pytest.approx(2, rel=0.02)
    boats = shared.post("/v1/series/boats/scenarios", json={"people_per_boat": 120}).json
    assert boats["rows"] == boats["forecast"]["rows"]


def test_a_scenario_says_what_it_cannot_do(shared: FlaskClient) -> None:
    found = scenario(shared, 409, weather={"2026-01-02": "rough"})
    assert "uses no weather" in found["detail"]
    for body in (
        {},
        {"level_percent": 401},
        {"level_percent": "20"},
        {"people_per_boat": 0},
        {"weather": {"2026-01-02": "sunny"}},
        {"weather": {"1767312000": "calm"}},
        {"level_percent": 1, "horizon": 401},
        {"level_percent": 1, "levels": [80, 80]},
        {"level_percent": 1, "surprise": True},
    ):
        assert scenario(shared, 400, **body)["errors"], body
    answer = shared.post(f"{PEOPLE}/scenarios", data="a=1", content_type="text/plain")
    assert answer.status_code == 415
    answer = shared.post(
        f"{PEOPLE}/scenarios", data='{"level_percent": NaN}', content_type="application/json"
    )
    assert answer.status_code == 400


def test_hubverse_rows_keep_the_rules_of_its_schema(shared: FlaskClient) -> None:
    """Model output of schema version 6: columns, levels, joint samples, whole values."""
    answer = shared.get(f"{PEOPLE}/forecast?horizon=5&format=hubverse")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    tasks = ("origin_date", "target", "horizon", "target_end_date", "location")
    assert tuple(rows[0]) == (*tasks, "output_type", "output_type_id", "value")
    by_task: dict[tuple[str, ...], dict[str, dict[float, int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        ids = by_task[tuple(row[name] for name in tasks)][row["output_type"]]
        assert float(row["output_type_id"]) not in ids, "each once"
        ids[float(row["output_type_id"])] = int(row["value"])
    assert len(by_task) == 5
    assert answer.headers["X-Crossings-From"] == rows[0]["target_end_date"]
    levels = [0.01, 0.025, *(round(0.05 * n, 2) for n in range(1, 20)), 0.975, 0.99]
    for task, types in by_task.items():
        origin, horizon, end = task[0], int(task[2]), task[3]
        apart = dt.date.fromisoformat(end) - dt.date.fromisoformat(origin)
        assert apart.days == horizon
        assert set(types) == {"quantile", "sample"}
        assert list(types["quantile"]) == levels
        values = list(types["quantile"].values())
        assert values == sorted(values), "quantiles do not cross"
        assert list(types["sample"]) == list(range(1, 101))
        assert min(values) >= 0
    told = shared.get(f"{PEOPLE}/forecast?horizon=5").json["rows"]
    medians = [types["quantile"][0.5] for types in by_task.values()]
    assert medians == [row["median"] for row in told]


def test_the_form_can_be_named_in_the_address(shared: FlaskClient) -> None:
    path = f"{PEOPLE}/forecast?format=csv"
    named = shared.get(path, headers={"Accept": "application/json"})
    assert named.content_type.startswith("text/csv")
    assert named.data == shared.get(f"{PEOPLE}/forecast", headers={"Accept": "text/csv"}).data
    assert shared.get(f"{PEOPLE}/forecast?format=xml").status_code == 400
    assert shared.get(f"{PEOPLE}/totals?format=hubverse").status_code == 400
