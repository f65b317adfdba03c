import logging
from urllib.parse import quote

import pytest

from tests.service.api.test_errors import check_problem

V1 = "/v1/series/people"

BAD = [
    # path, invalid parameter, what the response must name
    ("/forecast?horizon=0", "horizon", "at least 1, found '0'"),
    ("/forecast?horizon=401", "horizon", "1 to 400, as 2027-02-05 is"),
    ("/forecast?horizon=9999999999", "horizon", "at most 1600"),
    ("/forecast?horizon=", "horizon", "a whole number, found ''"),
    ("/forecast?horizon=1e2", "horizon", "a whole number, found '1e2'"),
    ("/forecast?horizon=२८", "horizon", "a whole number, found '२८'"),
    ("/forecast?horizon=%00", "horizon", "a control character"),
    ("/forecast?horizon=" + "9" * 5000, "horizon", "a whole number"),
    ("/exceedance?threshold=-1", "threshold", "at least 0"),
    ("/exceedance?threshold=NaN", "threshold", "a whole number"),
    ("/exceedance?threshold=1e18", "threshold", "a whole number"),
    ("/exceedance?threshold=9223372036854775808", "threshold", "at most 1000000"),
    ("/exceedance?window=0", "window", "at least 1"),
    ("/exceedance?window=29", "window", "at most the horizon, 28"),
    ("/capacity?share=1", "share", "at most 0.999"),
    ("/capacity?share=nan", "share", "a finite number"),
    ("/capacity?stay_days=401", "stay_days", "at most 400"),
    ("/capacity?our_share=1000", "our_share", "at most 100"),
    ("/capacity?our_share=3.333", "our_share", "a multiple of 0.01"),
    ("/capacity?our_share=3%25", "our_share", "a number, found '3%'"),
    ("/forecast?levels=", "levels", "some of 50, 80"),
    ("/forecast?levels=81", "levels", "50, 80, 90, 95, 99"),
    ("/forecast?levels=80,80", "levels", "each once"),
    ("/forecast?levels=eighty", "levels", "some of 50, 80"),
    ("/forecast?levels=" + ",".join(["50"] * 10_000), "levels", "each once"),
    ("/forecast?issue=" + "x" * 65, "issue", "64"),
    ("/forecast?format=xml", "format", "'json', 'csv', 'records', 'ndjson' or 'hubverse'"),
    ("/forecast?format=hubverse&from=2026-01-03", "from", "none with format=hubverse"),
    ("/totals?format=hubverse", "format", "'json', 'csv', 'records' or 'ndjson', found"),
    ("/forecast?format[]=csv", "format[]", "expected only format"),
    ("/forecast?horizn=28", "horizn", "format, issue, as_of, model, from, horizon, levels"),
    ("/forecast?=1", "", "format, issue, as_of, model, from, horizon, levels"),
    ("/forecast?%27;DROP TABLE issues--=1", "';DROP TABLE issues--", "expected only format"),
    ("/forecast?horizon=28&horizon=29", "horizon", "one value, found 2"),
    ("/totals?periods=", "periods", "next_7_days, next_28_days, this_week"),
    ("/totals?periods=next_week,next_week", "periods", "each once"),
    ("/totals?from=2025-12-31", "from", "a day from 2026-01-01 to 2027-02-05"),
    ("/totals?from=2026-01-02&to=2026-01-01", "to", "a day from 2026-01-02 to 2027-02-05"),
    ("/totals?from=2017-01-02&to=2026-01-05", "from", "a day from 2018-01-01 to 2027-02-05"),
    ("/totals?from=0001-01-01&to=9999-12-31", "from", "a day from 2018-01-01"),
    ("/totals?from=2026-02-30&to=2026-03-01", "from", "a date such as 2024-10-18"),
    ("/totals?from=2026-01-01&to=2026-01-02&periods=next_week", "query", "not both"),
    ("/observations?from=2025-02-01&to=2025-01-01", "to", "a day from 2025-02-01 on"),
    ("/observations?as_of=now", "as_of", "2024-10-18 or 2024-10-18T14:00:00Z"),
    ("/observations?as_of=2024-10-18T14:00:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=9999-12-31T23:59:59-01:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=2206-01-01", "as_of", "today, 2026-01-02, or before"),
    ("/forecast?as_of=0001-01-01T00:00:00%2B14:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/forecast?as_of=2026-01-03T12:00:00Z", "as_of", "today, 2026-01-02, or before"),
    ("/forecast?as_of=2026-01-01&issue=x", "as_of", "`issue` or `as_of`, not both"),
    ("/panel?from=2026-03-01", "from", "a day to 2026-01-29, as `to` is not given"),
    ("/panel?from=0001-01-01T00:00:00Z", "from", "2024-10-18T14:00:00Z"),
    ("/panel?from=9999-12-31&to=0001-01-01", "to", "a day from 9999-12-31 on"),
    ("/briefing?as_of=2017-12-31", "as_of", "a day from 2018-01-01 on"),
    ("/briefing?as_of=2018-01-01T12:00:00Z", "as_of", "found 2018-01-01T12:00:00Z"),
    ("/issues?limit=0", "limit", "at least 1"),
    ("/issues?limit=501", "limit", "at most 500"),
    *(
        (f"/issues?after={cursor}", "after", "the `next` of a previous page")
        for cursor in ("x", "", "MjAyNi0xMS0yMVQyMjozMTo0NSA5", "é")
    ),
    ("/forecast?from=2026-W50-1", "from", "a date such as 2024-10-18"),
    ("/forecast?as_of=2026-W49", "as_of", "2024-10-18 or 2024-10-18T14:00:00Z"),
    ("/comparison?days=20261130", "days", "dates such as 2024-10-18,2024-11-15"),
    ("/comparison?days=2025-12-20,tomorrow", "days", "dates such as 2024-10-18,2024-11-15"),
    ("/comparison?days=" + ",".join(["2025-12-01"] * 5), "days", "at most 4"),
    ("/comparison?days=2025-12-20,2025-12-02&models=a,b,c", "models", "one for all days or 2"),
    ("/track-record?window=26", "window", "weeks from 1w to 520w"),
    ("/track-record?window=0w", "window", "weeks from 1w to 520w"),
    ("/track-record?window=521w", "window", "weeks from 1w to 520w"),
    ("/track-record?kind=dead", "kind", "'live' or 'hindcast', found 'dead'"),
]


@pytest.mark.parametrize(("path", "name", "expected"), BAD)
def test_invalid_parameter_names_what_is_expected(shared, caplog, path, name, expected):
    response = shared.get(V1 + path)
    problem = check_problem(response, 400, "Bad Request")
    assert [error["name"] for error in problem["errors"]] == [name]
    assert expected in problem["detail"]
    assert expected in problem["errors"][0]["detail"]
    assert len(response.data) < 1200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("path", ["/v1/status", "/livez", "/readyz", "/metrics"])
def test_paths_without_parameters_reject_any(shared, path):
    problem = check_problem(shared.get(f"{path}?verbose=1"), 400, "Bad Request")
    assert problem["detail"] == "verbose: expected no query parameters"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/series/planes/forecast", "people, boats"),
        (f"/v1/series/{quote('люди')}/briefing", "people, boats"),
        ("/v1/series/planes/issues/people-20251231-0000000000", "people, boats"),
        (f"{V1}/forecast?issue=people-20251231-0000000000", "expected an issue of people"),
        (f"{V1}/forecast?issue=' OR 1=1 --", "expected an issue of people"),
        (f"{V1}/totals?model=oracle", "(champion, "),
        (f"{V1}/forecast?as_of=0001-01-01T00:00:00Z", "no issue of people at 0001-01-01T00:00:00Z"),
        (f"{V1}/forecast?as_of=2020-01-01", "no issue of people at 2020-01-01T23:59:59Z"),
        (f"{V1}/comparison?days=2017-12-20", "no forecast from 2017-12-20; the first is from"),
        (f"{V1}/comparison?models=none", "expected a model of this issue"),
    ],
)
def test_404_names_what_exists(shared, path, expected):
    assert expected in check_problem(shared.get(path), 404, "Not Found")["detail"]


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/forecast?horizon=1", 1),
        ("/forecast?horizon=400", 400),
        ("/forecast", 28),
        ("/totals", 9),
        ("/totals?from=2018-01-01&to=2027-02-05", 1),
        ("/observations?from=2025-12-31", 1),
        ("/observations?as_of=2018-01-02", 2),
        ("/observations?as_of=2018-01-02T14:00:00Z", 1),
        ("/observations?as_of=2018-01-02T15:00:00%2B01:00", 1),
        ("/observations?as_of=2018-01-02T15:00:00+01:00", 1),
        ("/observations?as_of=2018-01-02T13:59:59.999Z", 0),
        ("/panel?from=2025-06-01T23:30:00Z&to=2025-06-30", 29),  # the first is the UK's 2 June
        ("/panel?from=1900-01-01&to=1900-02-01", 0),
    ],
)
def test_smallest_and_largest_values_are_accepted(shared, path, count):
    response = shared.get(V1 + path)
    assert response.status_code == 200, response.text
    assert len(response.json["rows"]) == count


def test_levels_keep_their_order(shared):
    body = shared.get(f"{V1}/forecast?levels=99,50&horizon=1").json
    assert body["levels"] == [99, 50]
    assert list(body["rows"][0])[8:] == ["lo99", "hi99", "lo50", "hi50", "note"]


@pytest.mark.parametrize(
    "text", ["' OR '1'='1", '"; DROP TABLE issues; --', "people' UNION SELECT 1--", "%27", "\\"]
)
def test_sql_injection_is_treated_as_text(shared, text):
    for name in ("issue", "model", "as_of", "levels", "horizon", "format"):
        response = shared.get(f"{V1}/forecast", query_string={name: text})
        assert response.status_code in (400, 404), (name, response.text)
    for path in (f"/v1/series/{text}/forecast", f"{V1}/issues/{text}"):
        assert shared.get(path).status_code == 404
    assert len(shared.get(f"{V1}/issues").json["rows"]) == 1
