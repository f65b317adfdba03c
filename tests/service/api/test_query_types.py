from __future__ import annotations

import pytest

V1 = "/v1/series/people"


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
