import csv
import io

from tests.service.support import collect_sql, publish, random_paths, utc

PEOPLE = "/v1/series/people"


def get(client, path, **headers):
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.text
    return response.json


def test_forecast_begins_today_and_describes_the_issue(shared):
    body = get(shared, f"{PEOPLE}/forecast")
    assert list(body) == [
        *("series_id", "unit", "attribution", "issue_id", "model", "model_version", "origin"),
        *("data_through", "from", "as_of", "issued_at", "status", "reasons"),
        *("levels", "rows"),
    ]
    assert list(body["rows"][0]) == [
        *("time", "date", "horizon_days", "median", "mean", "p_zero"),
        *("p_any", "likelihood"),
        *("lo50", "hi50", "lo80", "hi80", "lo95", "hi95", "note"),
    ]
    assert body["series_id"] == body["unit"] == "people"
    assert body["model"] == "calibrated_pool"
    assert body["issue_id"].startswith("people-20251231-")
    assert body["issued_at"].endswith("Z")
    assert "Open Government Licence" in body["attribution"]
    assert (body["data_through"], body["origin"]) == ("2025-12-31", "2025-12-31")
    assert [row["horizon_days"] for row in body["rows"]] == list(range(2, 30))
    assert body["rows"][0]["date"] == body["from"] == "2026-01-02"
    assert body["rows"][-1]["time"] == "2026-01-29T00:00:00Z"
    naive = get(shared, f"{PEOPLE}/forecast?model=seasonal_naive")
    assert naive["model"] == "seasonal_naive"
    assert naive["rows"] != body["rows"]


def test_old_figures_make_responses_stale(client, clock):
    paths = [f"{PEOPLE}/{name}" for name in ("forecast", "totals", "briefing", "observations")]
    etags = {path: client.get(path).headers["ETag"] for path in (*paths, "/v1/status", "/")}
    assert [get(client, path)["status"] for path in paths] == ["fresh"] * len(paths)
    clock.now = utc(2026, 1, 4)
    old = {"name": "figures_old", "detail": "the latest figures are for 2025-12-31, 4 days ago"}
    for path in paths:
        body = get(client, path)
        assert (body["status"], body["reasons"]) == ("stale", [old]), path
    for path, etag in etags.items():
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 200, path
    headers = client.get(paths[0], headers={"Accept": "text/csv"}).headers
    assert headers["X-Crossings-Status"] == "stale"
    assert headers["X-Crossings-Data-Through"] == "2025-12-31"
    assert headers["X-Crossings-Issue-Id"].startswith("people-20251231-")
    response = client.get("/v1/series", headers={"Accept": "text/csv"})
    columns = ("series_id", "is_forecast", "status", "reasons")
    rows = csv.DictReader(io.StringIO(response.text))
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("people", "true", "stale", "figures_old"),
        ("boats", "true", "stale", "figures_old"),
        ("preventions", "false", "stale", "figures_old"),
    ], "lists and booleans are plain cells"


def test_year_equals_that_of_the_page(shared):
    year = get(shared, f"{PEOPLE}/year-so-far")
    table = shared.get(f"{PEOPLE}/year-so-far?format=csv").text
    page = list(csv.DictReader(io.StringIO(shared.get("/now/year.csv").text)))
    for row, cells in zip(csv.DictReader(io.StringIO(table)), page, strict=True):
        assert {name: row[name] for name in cells} == cells
    assert f"year_{year['earlier'][-1]}" in year["rows"][0]


def test_comparison_of_other_models(client, context):
    for day in (1, 15):
        paths = {
            name: random_paths(f"2025-12-{day:02}", 28, seed=day + at)
            for at, name in enumerate(("climatology", "seasonal_naive"))
        }
        publish(context.database, paths, 1, utc(2025, 12, day, 15))
    days = "days=2025-12-20,2025-12-02"
    two_models = get(client, f"{PEOPLE}/comparison?{days}&models=seasonal_naive,champion")
    models = [forecast["model"] for forecast in two_models["forecasts"]]
    assert (len(two_models["rows"]), models) == (56, ["seasonal_naive", "climatology"])
    one_model = get(client, f"{PEOPLE}/comparison?{days}&models=climatology")
    assert {row["model"] for row in one_model["rows"]} == {"climatology"}


def test_issue_by_id_keeps_its_totals(client, clock):
    issue_id = get(client, f"{PEOPLE}/totals")["issue_id"]
    clock.now = utc(2026, 5, 1, 12)
    for query, last_day in ((f"?issue={issue_id}", "2025-12-31"), ("", "2026-04-30")):
        rows = get(client, f"{PEOPLE}/totals{query}")["rows"]
        assert [row["to"] for row in rows if row["period"] == "year_to_date"] == [last_day]


def test_cached_forecast_needs_few_queries(client, context):
    client.get(f"{PEOPLE}/forecast")
    with collect_sql(context) as statements:
        client.get(f"{PEOPLE}/forecast")
    assert len([s for s in statements if s.startswith("SELECT")]) <= 3
