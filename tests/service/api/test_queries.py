from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.service.api.test_errors import check_problem

V1 = "/v1/series/people"

BAD = [
    # path, invalid parameter, what the response must name
    ("/forecast?horizon=0", "horizon", "1 to 400, as 2027-02-05 is"),
    ("/forecast?horizon=401", "horizon", "1 to 400, as 2027-02-05 is"),
    ("/forecast?horizon=-1", "horizon", "1 to 400, as 2027-02-05 is"),
    ("/forecast?horizon=999999999", "horizon", "1 to 400, as 2027-02-05 is"),
    ("/forecast?horizon=9999999999", "horizon", "1 to 400, as 2027-02-05 is"),
    ("/exceedance?threshold=-9999999999", "threshold", "from 0 to 1,000,000"),
    ("/capacity?share=-0.5", "share", "a number from 0.5 to 0.999"),
    ("/capacity?share=1000", "share", "a number from 0.5 to 0.999"),
    ("/capacity?our_share=1000", "our_share", "a percentage from 0.01 to 100"),
    ("/forecast?horizon=", "horizon", "a whole number such as 28"),
    ("/forecast?horizon=1e2", "horizon", "a whole number such as 28"),
    ("/forecast?horizon=28.0", "horizon", "a whole number such as 28"),
    ("/forecast?horizon=%202", "horizon", "a whole number such as 28"),
    ("/forecast?horizon=%D9%A2", "horizon", "a whole number such as 28"),
    ("/forecast?horizon=%00", "horizon", "the control character U+0000"),
    ("/forecast?horizon=%FF", "horizon", "a whole number such as 28"),
    ("/forecast?horizon=" + "9" * 5000, "horizon", "a whole number such as 28"),
    ("/forecast?levels=", "levels", "50,80,95"),
    ("/forecast?levels=81", "levels", "50, 80, 90, 95, 99"),
    ("/forecast?levels=100", "levels", "50, 80, 90, 95, 99"),
    ("/forecast?levels=80,80", "levels", "each once"),
    ("/forecast?levels=80,", "levels", "50,80,95"),
    ("/forecast?levels=5_0", "levels", "50,80,95"),
    ("/forecast?levels=%D9%A5%D9%A0", "levels", "50,80,95"),
    ("/forecast?levels=eighty", "levels", "50,80,95"),
    ("/forecast?levels=-80", "levels", "50,80,95"),
    ("/forecast?levels=80;95", "levels", "50,80,95"),
    ("/forecast?issue=" + "x" * 65, "issue", "64"),
    ("/forecast?model=" + "x" * 65, "model", "64"),
    ("/forecast?Horizon=28", "Horizon", "horizon, levels, issue, as_of, model"),
    ("/forecast?horizn=28", "horizn", "horizon, levels, issue, as_of, model"),
    ("/forecast?=1", "", "horizon, levels, issue, as_of, model"),
    ("/forecast?horizon=28&horizon=29", "horizon", "once"),
    ("/totals?periods=", "periods", "next_7_days, next_28_days, this_week"),
    ("/totals?periods=next_year", "periods", "calendar_year"),
    ("/totals?periods=next_week,next_week", "periods", "each once"),
    ("/totals?periods=next_week,", "periods", "calendar_year"),
    ("/totals?levels=7", "levels", "50, 80, 90, 95, 99"),
    ("/totals?from=2025-12-31", "from", "a day from 2026-01-01 to 2027-02-05"),
    ("/totals?to=2026-01-01", "to", "a day from 2026-01-02 to 2027-02-05"),
    ("/totals?from=2026-01-02&to=2026-01-01", "to", "a day from 2026-01-02 to 2027-02-05"),
    ("/totals?from=2026-01-02&to=2027-02-06", "to", "a day from 2026-01-02 to 2027-02-05"),
    ("/totals?from=2017-01-02&to=2026-01-05", "from", "a day from 2018-01-01 to 2027-02-05"),
    ("/totals?from=0001-01-01&to=9999-12-31", "from", "a day from 2018-01-01"),
    ("/totals?from=2026-02-30&to=2026-03-01", "from", "a date such as 2024-10-18"),
    ("/totals?from=2026-W01-1&to=2026-03-01", "from", "a date such as 2024-10-18"),
    ("/totals?from=20260101&to=2026-03-01", "from", "a date such as 2024-10-18"),
    ("/totals?from=2026-01-01&to=2026-01-02&periods=next_week", "query", "not both"),
    ("/totals?horizon=28", "horizon", "from, periods, to, levels, format, issue, as_of, model"),
    ("/observations?from=yesterday", "from", "a date such as 2024-10-18"),
    ("/observations?from=2025-02-01&to=2025-01-01", "to", "a day from 2025-02-01 on"),
    ("/observations?as_of=now", "as_of", "2024-10-18 or 2024-10-18T14:00:00Z"),
    ("/observations?as_of=2024-10-18T14:00:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=2024-W42-5T14:00:00Z", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=2024-10-18T25:00:00Z", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=9999-12-31T23:59:59-01:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=0001-01-01T00:00:00%2B01:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?as_of=2024-10-18T14:00:00%2B99:00", "as_of", "2024-10-18T14:00:00Z"),
    ("/observations?horizon=2", "horizon", "from, to, as_of"),
    ("/panel?from=2026-03-01", "from", "a day to 2026-01-29, as `to` is not given"),
    ("/panel?from=0001-01-01T00:00:00Z", "from", "2024-10-18T14:00:00Z"),
    ("/panel?to=0001-01-01T00:01:14Z", "to", "2024-10-18T14:00:00Z"),
    ("/panel?to=9999-12-31T23:59:00-05:00", "to", "2024-10-18T14:00:00Z"),
    ("/briefing?as_of=2017-12-31", "as_of", "a day from 2018-01-01 on"),
    ("/briefing?as_of=0001-01-01T00:00:00Z", "as_of", "a day from 2018-01-01 on"),
    ("/briefing?as_of=2018-01-01T12:00:00Z", "as_of", "an instant after its figure was known"),
    ("/briefing?as_of=2018-01-01T12:00:00Z", "as_of", "found 2018-01-01T12:00:00Z"),
    ("/briefing?as_of=", "as_of", "2024-10-18"),
    ("/briefing?as_of=2026-01-03", "as_of", "today, 2026-01-02, or before"),
    ("/observations?as_of=2206-01-01", "as_of", "today, 2026-01-02, or before"),
    ("/forecast?as_of=2026-01-03T12:00:00Z", "as_of", "today, 2026-01-02, or before"),
    ("/briefing?from=2025-01-01", "from", "as_of"),
]


@pytest.mark.parametrize(("path", "name", "expected"), BAD)
def test_invalid_parameter_names_what_is_expected(
    shared: FlaskClient, path: str, name: str, expected: str
) -> None:
    response = shared.get(V1 + path)
    problem = check_problem(response, 400, "Bad Request")
    assert [error["name"] for error in problem["errors"]] == [name]
    assert expected in problem["detail"]
    assert expected in problem["errors"][0]["detail"]
    assert len(response.data) < 1200


@pytest.mark.parametrize("path", ["/v1/status", "/livez", "/readyz", "/metrics"])
def test_paths_without_parameters_reject_any(shared: FlaskClient, path: str) -> None:
    problem = check_problem(shared.get(f"{path}?verbose=1"), 400, "Bad Request")
    assert problem["detail"] == "expected no query parameters, found 'verbose'"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/series/planes/forecast", "people, boats"),
        ("/v1/series/PEOPLE/totals", "people, boats"),
        ("/v1/series/people%20/briefing", "people, boats"),
        (f"/v1/series/{quote('люди')}/briefing", "people, boats"),
        (f"{V1}/forecast?issue=people-20251231-0000000000", "'latest' or an issue of people"),
        (f"{V1}/forecast?issue=' OR 1=1 --", "'latest' or an issue of people"),
        (f"{V1}/forecast?issue=", "'latest' or an issue of people"),
        (f"{V1}/totals?model=oracle", "(champion, "),
        (f"{V1}/totals?model=", "(champion, "),
        (f"{V1}/forecast?as_of=0001-01-01T00:00:00Z", "no issue of people at 0001-01-01T00:00:00Z"),
    ],
)
def test_404_names_what_exists(shared: FlaskClient, path: str, expected: str) -> None:
    assert expected in check_problem(shared.get(path), 404, "Not Found")["detail"]


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/forecast?horizon=1", 1),
        ("/forecast?horizon=400", 400),
        ("/forecast?horizon=007", 7),
        ("/forecast", 28),
        ("/totals", 9),
        ("/totals?periods=next_week,this_week", 2),
        ("/totals?from=2018-01-01&to=2027-02-05", 1),
        ("/observations?from=2025-12-31", 1),
        ("/observations?from=2026-01-01", 0),
        ("/observations?as_of=2018-01-02", 2),
        ("/observations?as_of=2018-01-02T14:00:00Z", 1),
        ("/observations?as_of=2018-01-02T15:00:00%2B01:00", 1),
        ("/observations?as_of=2018-01-02T15:00:00+01:00", 1),
        ("/observations?as_of=2018-01-02T13:59:59.999Z", 0),
    ],
)
def test_smallest_and_largest_values_are_accepted(
    shared: FlaskClient, path: str, count: int
) -> None:
    response = shared.get(V1 + path)
    assert response.status_code == 200, response.text
    assert len(response.json["rows"]) == count


def test_levels_keep_their_order(shared: FlaskClient) -> None:
    body = shared.get(f"{V1}/forecast?levels=99,50&horizon=1").json
    assert body["levels"] == [99, 50]
    assert list(body["rows"][0])[8:] == ["lo99", "hi99", "lo50", "hi50", "note"]
