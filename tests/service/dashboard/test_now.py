from __future__ import annotations

import datetime as dt
from typing import Any


def test_last_year_is_the_sum_of_the_same_published_days(site: Any) -> None:
    totals = site.client.get("/v1/series/people/totals").get_json()["rows"]
    page = site.client.get("/").get_data(as_text=True)
    for row in totals:
        first, last = (dt.date.fromisoformat(row[end]) for end in ("from", "to"))
        span = {"from": first.replace(year=first.year - 1), "to": last.replace(year=last.year - 1)}
        days = site.client.get("/v1/series/people/observations", query_string=span).get_json()
        known = len(days["rows"]) == (span["to"] - span["from"]).days + 1
        expected = sum(day["value"] for day in days["rows"]) if known else None
        assert row["last_year"] == expected
        if expected is not None:
            assert f"<td>{expected:,}</td>" in page


def test_the_days_stand_in_the_table_as_the_api_says_them(site: Any) -> None:
    rows = site.client.get("/v1/series/people/forecast?horizon=28").get_json()["rows"]
    page = site.client.get("/").get_data(as_text=True)
    for row in rows:
        assert f'<time datetime="{row["date"]}">' in page
        assert f"{row['lo80']:,} to {row['hi80']:,}" in page
        assert f"{row['lo95']:,} to {row['hi95']:,}" in page
