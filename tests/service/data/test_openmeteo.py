"""Open-Meteo: five services asked rightly, and answers that are refused."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import daily_weather, openmeteo
from service.data.fetcher import Fetcher
from service.data.openmeteo import Service
from service.data.source import SourceError
from tests.support.sites import Answer, Asked, Sites, forecast_weather, hourly, running

TODAY = dt.date(2025, 12, 28)
SPAN = (dt.date(2025, 12, 1), dt.date(2025, 12, 3))


@pytest.fixture
def service(sites: Sites) -> Service:
    forecast_weather(sites, TODAY)
    return Service(f"{sites.url}/{{service}}")


def test_the_archive(fetcher: Fetcher, sites: Sites, service: Service) -> None:
    found = openmeteo.archive(fetcher, service, *SPAN)
    assert (found.kind, found.names) == ("archive", daily_weather.NAMES)
    assert found.dates == tuple(dt.date(2025, 12, day) for day in (1, 2, 3))
    # 1.0 at the first point and 2.0 at the second, and a tenth more each hour.
    row = dict(zip(found.names, found.values[0, 0].tolist(), strict=True))
    assert row["wave_height_night_mean_m"] == pytest.approx(1.5 + 0.45)
    assert row["wave_height_night_min_m"] == 1.0
    assert row["wind_gusts_10m_day_max_kmh"] == pytest.approx(2.0 + 2.3)
    marine, air = sites.asked
    assert marine.query["models"] == ["era5_ocean"]
    assert marine.query["hourly"] == ["wave_height,wind_wave_height,swell_wave_height"]
    assert air.path == "/archive-api/v1/archive"
    assert air.query["hourly"] == ["wind_speed_10m,wind_gusts_10m"]
    assert air.query["latitude"] == ["51.05,50.85"]
    assert air.query["start_date"] == ["2025-12-01"]
    assert air.query["timezone"] == ["GMT"]
    assert "apikey" not in air.query


def test_past_forecasts(fetcher: Fetcher, sites: Sites, service: Service) -> None:
    found = openmeteo.past_forecasts(fetcher, service, *SPAN)
    assert (found.kind, len(found.dates)) == ("past_forecast", 3)
    assert "models" not in sites.asked[0].query
    assert sites.asked[1].path == "/historical-forecast-api/v1/forecast"


def test_the_coming_week(fetcher: Fetcher, sites: Sites, service: Service) -> None:
    found = openmeteo.coming(fetcher, service)
    assert (found.kind, found.values.shape) == ("forecast", (1, 7, len(daily_weather.NAMES)))
    assert found.dates[0] == TODAY
    assert found.made_at == found.fetched_at
    assert [asked.path for asked in sites.asked] == ["/marine-api/v1/marine", "/api/v1/forecast"]


def test_the_ensemble(fetcher: Fetcher, sites: Sites, service: Service) -> None:
    found = openmeteo.ensemble(fetcher, service)
    assert found.values.shape == (4, 7, len(daily_weather.MEMBER_NAMES))
    assert np.allclose(np.diff(found.values[:, 0, 0]), 0.01)
    assert found.made_at == dt.datetime(2025, 12, 28, tzinfo=dt.UTC)
    assert found.made_at < found.fetched_at
    assert sites.asked[0].query["models"] == ["ecmwf_ifs025_ensemble"]


@pytest.mark.parametrize(
    "stated",
    [
        b"{}",
        b"[",
        b'{"last_run_initialisation_time": 1e99}',
        b'{"last_run_initialisation_time": -60000000000}',
        b"null",
        b"[" * 50_000,
    ],
)
def test_an_ensemble_need_not_state_when_its_run_began(
    fetcher: Fetcher, sites: Sites, service: Service, stated: bytes
) -> None:
    path = "/ensemble-api/data/ecmwf_ifs025_ensemble/static/meta.json"
    sites.replies[path] = Answer(stated, "application/json")
    found = openmeteo.ensemble(fetcher, service)
    assert found.made_at == found.fetched_at


def test_days_that_were_not_requested_are_refused(
    fetcher: Fetcher, sites: Sites, service: Service
) -> None:
    def reply(asked: Asked) -> Answer:
        return Answer(hourly(asked, dt.date(2026, 12, 1), 3), "application/json")

    for path in ("/marine-api/v1/marine", "/archive-api/v1/archive"):
        sites.replies[path] = reply
    message = "archive: expected days from 2025-12-01 to 2025-12-03, found 2026-12-01 to 2026-12-03"
    with pytest.raises(SourceError, match=message):
        openmeteo.archive(fetcher, service, *SPAN)


def test_members_where_one_forecast_is_expected_are_refused(
    fetcher: Fetcher, sites: Sites, service: Service
) -> None:
    def reply(asked: Asked) -> Answer:
        return Answer(hourly(asked, TODAY, 7, members=2), "application/json")

    sites.replies["/api/v1/forecast"] = reply
    with pytest.raises(SourceError, match="expected one member for sea and air"):
        openmeteo.coming(fetcher, service)


@pytest.mark.parametrize("year", [1, 9999])
def test_days_at_the_ends_of_the_calendar_are_refused(
    fetcher: Fetcher, sites: Sites, service: Service, year: int
) -> None:
    def reply(asked: Asked) -> Answer:
        return Answer(hourly(asked, dt.date(year, 12, 25), 7), "application/json")

    for path in ("/marine-api/v1/marine", "/api/v1/forecast"):
        sites.replies[path] = reply
    with pytest.raises(SourceError):
        openmeteo.coming(fetcher, service)


def test_customers_have_hosts_of_their_own(fetcher: Fetcher, sites: Sites) -> None:
    forecast_weather(sites, TODAY)
    sites.replies = {f"/customer-{path[1:]}": reply for path, reply in sites.replies.items()}
    service = Service(f"{sites.url}/{{service}}", "geheim")
    openmeteo.coming(fetcher, service)
    assert sites.asked[0].query["apikey"] == ["geheim"]
    assert "geheim" not in repr(service)
    assert Service(key="k").address("api", "/v1/x") == "https://customer-api.open-meteo.com/v1/x"
    assert Service().address("marine-api", "/v1/x") == "https://marine-api.open-meteo.com/v1/x"


def test_days_that_are_not_there_yet_are_left_out(
    fetcher: Fetcher, sites: Sites, service: Service
) -> None:
    def late(asked: Any) -> Answer:
        stated = json.loads(hourly(asked, SPAN[0], 3))
        stated[1]["hourly"]["wind_speed_10m"][-1] = None
        return Answer(json.dumps(stated).encode(), "application/json")

    sites.replies["/archive-api/v1/archive"] = late
    assert openmeteo.archive(fetcher, service, *SPAN).dates == (SPAN[0], dt.date(2025, 12, 2))


Change = Callable[[list[dict[str, Any]]], object]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.pop(), "expected the same hours for each of 2 points, found 1 points"),
        (lambda a: a[1]["hourly"]["time"].pop(), "expected every hour of whole days, in UTC"),
        (lambda a: a[1]["hourly"].pop("wave_height"), "hours for each of two points"),
        (lambda a: a[0]["hourly"]["wave_height"].pop(), "wave_height: expected 72 hours, found"),
        (lambda a: a[0]["hourly"]["wave_height"].__setitem__(5, -1), "expected 0 to 40 m, found"),
        (lambda a: a[0]["hourly"]["wave_height"].__setitem__(5, 41), "expected 0 to 40 m, found"),
        (lambda a: a[0]["hourly"]["wave_height"].__setitem__(5, "x"), "two points, found ValueErr"),
        (lambda a: a[0]["hourly_units"].update(wave_height="ft"), "expected m, found ft"),
        (lambda a: a[0].update(utc_offset_seconds=3600), "in UTC"),
        (lambda a: a[0].pop("hourly"), "hours for each of two points, found KeyError: 'hourly'"),
        (lambda a: a.__setitem__(0, 5), "hours for each of two points, found TypeError"),
        (
            lambda a: [
                one["hourly"]["wave_height"].__setitem__(slice(None), [None] * 72) for one in a
            ],
            "expected a day of which every hour is known, found none",
        ),
    ],
)
def test_what_breaks_the_form_is_refused(
    fetcher: Fetcher, sites: Sites, service: Service, change: Change, said: str
) -> None:
    def broken(asked: Any) -> Answer:
        stated = json.loads(hourly(asked, SPAN[0], 3))
        change(stated)
        return Answer(json.dumps(stated).encode(), "application/json")

    sites.replies["/marine-api/v1/marine"] = broken
    with pytest.raises(SourceError) as caught:
        openmeteo.archive(fetcher, service, *SPAN)
    assert said in str(caught.value)


def test_a_limit_is_passed_on(fetcher: Fetcher, sites: Sites, service: Service) -> None:
    said = b'{"error": true, "reason": "Minutely API request limit exceeded."}'
    limited = Answer(said, "application/json", 429, {"Retry-After": "60"})
    sites.replies["/marine-api/v1/marine"] = limited
    with pytest.raises(SourceError, match=r"429 .*Minutely API request limit exceeded.*wait 60 s"):
        openmeteo.coming(fetcher, service)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(["hourly", "hourly_units", "utc_offset_seconds"])
INNER = st.sampled_from(["time", "wave_height", "wave_height_member01", "swell_wave_height"])


@given(JSON | st.tuples(KEYS, JSON) | st.tuples(KEYS, INNER, JSON))
def test_no_answer_raises_anything_else(change: Any) -> None:
    """The whole answer, a part of it or a part of a part, replaced by anything."""

    def broken(asked: Any) -> Answer:
        stated = json.loads(hourly(asked, SPAN[0], 3))
        match change:
            case (key, inner, value) if isinstance(stated[0].get(key), dict):
                stated[0][key][inner] = value
            case (key, value) if isinstance(key, str):
                stated[0][key] = value
            case _:
                stated = change
        return Answer(json.dumps(stated).encode(), "application/json")

    with running() as sites:
        forecast_weather(sites, TODAY)
        sites.replies["/marine-api/v1/marine"] = broken
        fetcher = Fetcher(attempts=1)
        try:
            openmeteo.archive(fetcher, Service(f"{sites.url}/{{service}}"), *SPAN)
        except SourceError:
            pass
