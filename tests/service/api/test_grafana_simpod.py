"""The simPod protocol, for Grafana's JSON data source."""

import datetime as dt

import pytest

from tests.service.api.test_errors import check_problem

RANGE = ("2025-11-15T00:00:00.000Z", "2026-01-28T23:59:59.999Z")
MEDIAN = [{"target": "people.median"}]
QUERY = {"range": {"from": RANGE[0], "to": RANGE[1]}, "maxDataPoints": 100, "adhocFilters": []}


def test_query_returns_datapoints_with_the_value_first(shared):
    assert shared.get("/grafana").status_code == shared.get("/grafana/").status_code == 200
    names = [one["value"] for one in shared.post("/grafana/metrics", json={}).json]
    assert {"people.actual", "people.median", "boats.hi95"} <= set(names)
    query = QUERY | {"targets": [{"target": "people.median", "refId": "A", "payload": {}}]}
    (series,) = shared.post("/grafana/query", json=query).json
    panel = shared.get("/v1/series/people/panel", query_string={"from": RANGE[0], "to": RANGE[1]})
    medians = {
        row["time"]: row["median"] for row in panel.json["rows"] if row["median"] is not None
    }
    assert series["target"] == "people.median"
    assert {
        dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"): value
        for value, ms in series["datapoints"]
    } == medians
    moment = {"from": "2026-01-05T12:00:00Z", "to": "2026-01-05T12:00:00Z"}
    (series,) = shared.post("/grafana/query", json=query | {"range": moment}).json
    assert [ms for _, ms in series["datapoints"]] == [1767571200000], "the day of that moment"


def test_other_endpoints_of_the_protocol(shared):
    for path in ("metric-payload-options", "tag-keys", "tag-values"):
        assert shared.post(f"/grafana/{path}", json={}).json == []
    options = shared.post("/grafana/variable", json={"payload": {"target": "series"}}).json
    assert [option["__value"] for option in options] == ["people", "boats"]


@pytest.mark.parametrize(
    ("times", "targets", "names"),
    [
        (None, None, ["range", "targets"]),
        (RANGE, [{"target": "people.secret"}], ["target"]),
        (RANGE, MEDIAN * 101, ["targets"]),
        (RANGE[::-1], [], ["range.to"]),
        (("now", "now"), [], ["range.from", "range.to"]),
        (("0001-01-01T00:00:00Z", RANGE[1]), MEDIAN, ["range.from"]),
        ((RANGE[0], "9999-12-31T23:59:00-05:00"), MEDIAN, ["range.to"]),
    ],
)
def test_invalid_query_is_rejected(shared, times, targets, names):
    body = {"range": {"from": times[0], "to": times[1]}, "targets": targets} if times else {}
    problem = check_problem(shared.post("/grafana/query", json=body), 400, "Bad Request")
    assert [error["name"] for error in problem["errors"]] == names
