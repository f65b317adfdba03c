from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.core.context import Context
from service.issues import issue_store
from tests.service.support import Hand, publish, random_paths, sql_counted, utc

PEOPLE = "/v1/series/people"


def get(client: FlaskClient, path: str, **headers: str) -> dict[str, Any]:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json
    return body


def test_a_forecast_begins_today(shared: FlaskClient) -> None:
    body = get(shared, f"{PEOPLE}/forecast")
    assert (body["data_through"], body["origin"]) == ("2025-12-31", "2025-12-31")
    assert [row["horizon_days"] for row in body["rows"]] == list(range(2, 30))
    assert body["rows"][0]["date"] == body["from"] == "2026-01-02"
    assert body["rows"][-1]["time"] == "2026-01-29T00:00:00Z"
    assert list(body["rows"][0]) == [
        *("time", "date", "horizon_days", "median", "mean", "p_zero"),
        *("p_any", "likelihood"),
        *("lo50", "hi50", "lo80", "hi80", "lo95", "hi95", "note"),
    ]


def test_every_answer_about_an_issue_has_its_head(shared: FlaskClient) -> None:
    for path in (f"{PEOPLE}/forecast", f"{PEOPLE}/totals"):
        body = get(shared, path)
        assert list(body) == [
            *("series_id", "unit", "attribution", "issue_id", "model", "model_version", "origin"),
            *("data_through", "from", "as_of", "issued_at", "status", "reasons"),
            *("levels", "rows"),
        ]
        assert body["series_id"] == body["unit"] == "people"
        assert body["model"] == "calibrated_pool"
        assert body["issue_id"].startswith("people-20251231-")
        assert body["issued_at"].endswith("Z")
        assert "Open Government Licence" in body["attribution"]


def test_the_answers_are_read_off_the_stored_paths(client: FlaskClient, context: Context) -> None:
    """From the bytes in the database, with plain loops."""
    rows = get(client, f"{PEOPLE}/forecast?horizon=28")["rows"]
    (week,) = get(client, f"{PEOPLE}/totals?periods=next_7_days")["rows"]
    with context.database.reading() as connection:
        issue = issue_store.get_latest_issue(connection, "people")
        assert issue is not None
        paths = issue_store.load_paths(connection, issue, "calibrated_pool")
    assert paths is not None
    for ahead, row in enumerate(rows, start=1):
        day = sorted(paths.values[:, ahead].tolist())
        assert row["median"] == day[99]
        assert (row["lo80"], row["hi80"]) == (day[19], day[179])
        assert row["mean"] == pytest.approx(sum(day) / 200, abs=0.0051)
        assert row["p_zero"] == day.count(0) / 200
    sums = sorted(sum(path[1:8]) for path in paths.values.tolist())
    assert (week["median"], week["lo80"], week["hi80"]) == (sums[99], sums[19], sums[179])
    assert week["known"] == 0


def test_a_share_is_answered_by_the_api(shared: FlaskClient) -> None:
    national = get(shared, f"{PEOPLE}/capacity?stay_days=1")
    ours = get(shared, f"{PEOPLE}/capacity?stay_days=1&our_share=10")
    assert (national["our_share"], ours["our_share"]) == (100, 10)
    assert ours["places_peak"] == -(-national["places_peak"] // 10)
    above = get(shared, f"{PEOPLE}/exceedance?threshold=500&window=1")
    tenth = get(shared, f"{PEOPLE}/exceedance?threshold=50&window=1&our_share=10")
    assert [row["p_above"] for row in tenth["rows"]] == [row["p_above"] for row in above["rows"]]
    for wrong in ("0", "101", "3.333"):
        answer = shared.get(f"{PEOPLE}/capacity?our_share={wrong}")
        assert answer.status_code == 400
        assert answer.json["errors"][0]["name"] == "our_share"


@pytest.mark.parametrize(
    "path",
    [
        f"{PEOPLE}/forecast?horizon=40&levels=80,99",
        f"{PEOPLE}/totals",
        f"{PEOPLE}/observations?from=2025-11-01",
        f"{PEOPLE}/observations?from=2027-01-01",
        "/v1/series/boats/forecast",
    ],
)
def test_csv_has_the_rows_of_json(shared: FlaskClient, path: str) -> None:
    rows = get(shared, path)["rows"]
    answer = shared.get(path, headers={"Accept": "text/csv"})
    assert answer.content_type == "text/csv; charset=utf-8"
    table = list(csv.reader(io.StringIO(answer.text)))
    assert len(table) == len(rows) + 1
    for row, cells in zip(rows, table[1:], strict=True):
        assert table[0] == list(row)
        assert cells == ["" if value is None else cell(value) for value in row.values()]
    if not rows:
        assert table[0] == ["time", "date", "value", "source", "known_at"]


def cell(value: Any) -> str:
    """Instants as spreadsheets take them."""
    return re.sub(r"(\d\d)T(\d\d:\d\d:\d\d)Z", r"\1 \2", str(value))


def test_csv_says_the_status_in_headers(client: FlaskClient, clock: Hand) -> None:
    clock.now = utc(2026, 2, 1)
    answer = client.get(f"{PEOPLE}/forecast", headers={"Accept": "text/csv"})
    assert answer.headers["X-Crossings-Status"] == "stale"
    assert answer.headers["X-Crossings-Data-Through"] == "2025-12-31"
    assert answer.headers["X-Crossings-Issue-Id"].startswith("people-20251231-")


@pytest.mark.parametrize(
    "path",
    [
        *(f"{PEOPLE}/{question}" for question in ("forecast", "totals", "briefing")),
        f"{PEOPLE}/observations?from=2025-12-01",
    ],
)
def test_every_answer_says_how_old_the_figures_are(
    client: FlaskClient, clock: Hand, path: str
) -> None:
    fresh = get(client, path)
    assert (fresh["status"], fresh["reasons"]) == ("fresh", [])
    clock.now = utc(2026, 1, 4)
    stale = get(client, path)
    assert stale["status"] == "stale"
    assert stale["reasons"] == [
        {"name": "figures_old", "detail": "the latest figures are for 2025-12-31, 4 days ago"}
    ]


def test_the_list_of_series_says_it_for_each(client: FlaskClient, clock: Hand) -> None:
    clock.now = utc(2026, 1, 4)
    rows = get(client, "/v1/series")["rows"]
    assert [(row["series_id"], row["status"]) for row in rows] == [
        ("people", "stale"),
        ("boats", "stale"),
        ("preventions", "stale"),
    ]


def test_the_list_of_series_as_csv_has_plain_cells(client: FlaskClient, clock: Hand) -> None:
    clock.now = utc(2026, 1, 4)
    answer = client.get("/v1/series", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["series_id"], row["is_forecast"], row["reasons"]) for row in rows] == [
        ("people", "true", "figures_old"),
        ("boats", "true", "figures_old"),
        ("preventions", "false", "figures_old"),
    ]


def test_the_briefing(shared: FlaskClient) -> None:
    body = get(shared, f"{PEOPLE}/briefing?as_of=2024-10-18")
    assert body["last_day"]["value"] == 647
    assert body["last_day"]["beside"] == {"boats": 10}
    assert body["year_to_date"]["value"] == 28_204
    assert [row["per_cent"] for row in body["year_to_date"]["against"][:2]] == [8.0, -25.0]
    assert "Open Government Licence" in body["attribution"]


def test_the_year_and_the_comparison_are_those_of_the_page(
    client: FlaskClient, context: Context
) -> None:
    for seed, day in enumerate((1, 15)):
        paths = {
            name: random_paths(f"2025-12-{day:02}", 28, seed=2 * seed + at)
            for at, name in enumerate(("climatology", "seasonal_naive"))
        }
        publish(context.database, paths, 1, utc(2025, 12, day, 15))
    year = get(client, f"{PEOPLE}/year-so-far")
    page = list(csv.DictReader(io.StringIO(client.get("/now/year.csv").text)))
    assert [row["date"] for row in page] == [row["date"] for row in year["rows"]]
    for row, shown in zip(year["rows"], page, strict=True):
        assert {name: "" if row[name] is None else str(row[name]) for name in shown} == shown
    assert f"year_{year['earlier'][-1]}" in year["rows"][0]
    asked = "days=2025-12-20,2025-12-02&models=seasonal_naive,champion"
    found = get(client, f"{PEOPLE}/comparison?{asked}")
    query = "on1=2025-12-20&model1=seasonal_naive&on2=2025-12-02&model2=champion"
    page = list(csv.DictReader(io.StringIO(client.get(f"/compare/comparison.csv?{query}").text)))
    shown = {row["date"]: row for row in page}
    assert [len(found["rows"]), *(one["model"] for one in found["forecasts"])] == [
        *(56, "seasonal_naive", "climatology")
    ]
    for at, row in enumerate(found["rows"]):
        number, beside = at // 28 + 1, shown[row["date"]]
        assert row["issue_id"] == found["forecasts"][number - 1]["issue_id"]
        assert str(row["median"]) == beside[f"median_{number}"]
        assert str(row["hi80"]) == beside[f"hi80_{number}"]
        assert ("" if row["came"] is None else str(row["came"])) == beside["value"]
    one = get(client, f"{PEOPLE}/comparison?days=2025-12-20,2025-12-02&models=climatology")
    assert {row["model"] for row in one["rows"]} == {"climatology"}


@pytest.mark.parametrize(
    ("question", "status", "words"),
    [
        ("days=2025-12-20,2025-12-02&models=a,b,c", 400, "one for all days or 2"),
        (f"days={','.join(5 * ['2026-01-02'])}", 400, "at most 4 days"),
        ("days=2025-12-20,tomorrow", 400, "dates such as 2024-10-18,2024-11-15"),
        ("days=2017-12-20", 404, "there is no forecast from 2017-12-20; the first is from"),
        ("models=none", 404, "expected a model of this issue"),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(
    shared: FlaskClient, question: str, status: int, words: str
) -> None:
    answer = shared.get(f"{PEOPLE}/comparison?{question}")
    assert (answer.status_code, words in answer.json["detail"]) == (status, True)


def test_totals_are_coherent(shared: FlaskClient) -> None:
    """The mean of a sum is the sum of the means; its bounds are not the sums of the bounds."""
    days = get(shared, f"{PEOPLE}/forecast?from=2026-01-01&horizon=365")["rows"]
    (year,) = get(shared, f"{PEOPLE}/totals?periods=calendar_year")["rows"]
    assert year["mean"] == pytest.approx(sum(row["mean"] for row in days), abs=2)
    assert year["hi95"] < sum(row["hi95"] for row in days)
    assert year["lo95"] > sum(row["lo95"] for row in days)


def test_an_issue_by_its_id_is_as_it_was(client: FlaskClient, clock: Hand) -> None:
    latest = get(client, f"{PEOPLE}/totals")
    issue_id = latest["issue_id"]
    clock.now = utc(2026, 5, 1, 12)
    later = get(client, f"{PEOPLE}/totals?issue={issue_id}")
    now = get(client, f"{PEOPLE}/totals")
    ytd = [
        next(row for row in body["rows"] if row["period"] == "year_to_date")
        for body in (later, now)
    ]
    assert ytd[0]["to"] == "2025-12-31"
    assert ytd[1]["to"] == "2026-04-30"


def test_other_models_of_the_issue(shared: FlaskClient) -> None:
    champion = get(shared, f"{PEOPLE}/forecast")
    assert get(shared, f"{PEOPLE}/forecast?model=calibrated_pool")["rows"] == champion["rows"]
    naive = get(shared, f"{PEOPLE}/forecast?model=seasonal_naive")
    assert naive["model"] == "seasonal_naive"
    assert naive["rows"] != champion["rows"]


def test_a_warm_forecast_asks_little(client: FlaskClient, context: Context) -> None:
    client.get(f"{PEOPLE}/forecast")
    with sql_counted(context) as statements:
        client.get(f"{PEOPLE}/forecast")
    assert len([s for s in statements if s.startswith("SELECT")]) <= 3
