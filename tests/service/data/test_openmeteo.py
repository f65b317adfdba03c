"""The three services of Open-Meteo: requests, readings and rejected responses."""

import contextlib
import datetime as dt
import json
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import openmeteo
from service.data.daily_weather import WAVES, WIND
from service.data.fetcher import Response
from service.data.openmeteo import Service
from service.data.source import SourceError
from tests.service.support import ROUTE
from tests.support.sites import SiteResponse, act_as_openmeteo, hourly_weather

TODAY = dt.date(2023, 12, 28)
SPAN = (dt.date(2023, 12, 1), dt.date(2023, 12, 3))
DAY = dt.timedelta(days=1)
ARCHIVE, ENSEMBLE = "/archive-api/v1/archive", "/ensemble-api/v1/ensemble"
MARINE = "/marine-api/v1/marine"


def hourly_reply(first, days, change, members=0):
    """Return a reply with the hours of `days` days, after `change`."""

    def reply(request):
        hours = json.loads(hourly_weather(request, first, days, members=members))
        change(hours)
        return SiteResponse(json.dumps(hours).encode(), "application/json")

    return reply


@pytest.fixture
def service(fetcher, sites):
    act_as_openmeteo(sites, TODAY)
    return Service(fetcher, ROUTE.weather_points, f"{sites.url}/{{service}}")


def test_archive_request_and_daily_values(sites, service):
    (reading,) = openmeteo.archive(service, *SPAN)
    assert (reading.kind, reading.names) == ("archive", WIND)
    assert (reading.first, reading.last) == SPAN
    # 1.0 at the first point, 2.0 at the second, plus 0.1 each hour.
    row = dict(zip(WIND, reading.values[0, 0].tolist(), strict=True))
    assert row["wind_night_mean_ms"] == pytest.approx(1.5 + 0.4)
    assert row["wind_prev_evening_ms"] == pytest.approx(1.5 + 1.9)
    assert row["gust_max_ms"] == pytest.approx(1.5 + 2.3)
    (request,) = sites.requests
    assert request.query == {
        "latitude": ["51.05,50.85"],
        "longitude": ["1.65,1.3"],
        "hourly": ["wind_speed_10m,wind_gusts_10m,wind_direction_10m"],
        "wind_speed_unit": ["ms"],
        "cell_selection": ["sea"],
        "timezone": ["GMT"],
        "start_date": ["2023-11-30"],  # the evening before
        "end_date": ["2023-12-03"],
        "models": ["era5"],
    }


def test_ensemble_has_future_members_and_recent_mean(sites, service):
    members, recent = openmeteo.ensemble(service)
    assert (members.kind, members.first, members.last) == ("ensemble", TODAY, TODAY + 14 * DAY)
    assert members.values.shape == (4, 15, len(WIND))
    assert np.allclose(np.diff(members.values[:, 0, 0]), 0.01)
    assert (recent.kind, recent.first, recent.last) == ("recent", TODAY - 60 * DAY, TODAY)
    assert recent.values.shape == (1, 61, len(WIND))
    assert np.allclose(recent.values[0, -1], members.values[:, 0].mean(axis=0))
    (request,) = sites.requests
    assert request.query["models"] == ["ecmwf_ifs025_ensemble"]
    assert (request.query["past_days"], request.query["forecast_days"]) == (["61"], ["15"])


@pytest.mark.parametrize(
    ("members", "first_missing", "shape"),
    [(["_member02"], 64, (3, 15)), (["", "_member01", "_member02"], 75, (4, 14))],
    ids=["one member lacks 12 days", "only one member has the last day"],
)
def test_incomplete_members_or_days_are_omitted(sites, service, members, first_missing, shape):
    def drop_hours(hours):
        for point in hours:
            for member in members:
                values = point["hourly"][f"wind_speed_10m{member}"]
                values[24 * first_missing :] = [None] * 24 * (76 - first_missing)

    sites.replies[ENSEMBLE] = hourly_reply(TODAY - 61 * DAY, 76, drop_hours, members=3)
    ensemble, _ = openmeteo.ensemble(service)
    assert ensemble.values.shape == (*shape, len(WIND))


@pytest.mark.parametrize("key", ["", "geheim"])
def test_waves_request_and_days(sites, service, key):
    """Customers with a key have hosts of their own."""
    path = f"/customer-{MARINE[1:]}" if key else MARINE
    sites.replies = {path: sites.replies[MARINE]}
    service = replace(service, key=key)
    (reading,) = openmeteo.waves(service)
    assert (reading.kind, reading.names, reading.first) == ("waves", WAVES, TODAY)
    assert reading.values.shape == (1, 7, len(WAVES))
    (request,) = sites.requests
    assert request.query.get("apikey", [""]) == [key]
    assert "geheim" not in repr(service)


@pytest.mark.parametrize(
    ("first", "days"), [("2024-12-01", 3), ("2023-11-30", 5), ("0001-12-25", 3), ("9999-12-25", 3)]
)
def test_days_not_requested_are_rejected(sites, service, first, days):
    sites.replies[ARCHIVE] = hourly_reply(dt.date.fromisoformat(first), days, len)
    message = f"archive: expected one member from 2023-12-01 to 2023-12-03, found 1 from {first}"
    if not first.startswith("20"):
        message = "expected every hour of whole days, in UTC"
    with pytest.raises(SourceError, match=message):
        openmeteo.archive(service, *SPAN)


def gusts(hours):
    return hours[0]["hourly"]["wind_gusts_10m"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop(), "expected the same hours for each of 2 points, found 1 points from 1"),
        (lambda a: a[1]["hourly"]["time"].pop(), "expected every hour of whole days, in UTC"),
        (lambda a: a[1]["hourly"].pop("wind_gusts_10m"), "hours for each of 2 points"),
        (lambda a: gusts(a).pop(), "wind_gusts_10m: expected 96 hours, found"),
        (lambda a: gusts(a).__setitem__(5, -1), "expected 0 to 140 m/s, found"),
        (lambda a: gusts(a).__setitem__(5, 141), "expected 0 to 140 m/s, found"),
        (lambda a: gusts(a).__setitem__(5, "calm"), "2 points, found ValueError"),
        (lambda a: a[1]["hourly_units"].update(wind_gusts_10m="kn"), "expected m/s, found kn"),
        (lambda a: a[0].update(utc_offset_seconds=3600), "in UTC"),
        (lambda a: a[0].pop("hourly"), "hours for each of 2 points, found KeyError: 'hourly'"),
        (lambda a: a[1]["hourly"]["time"].__setitem__(1, "2023-11-30T02:00"), "hour of whole days"),
        (lambda a: gusts(a).__setitem__(slice(None), [None] * 96), "a day with its hours, found n"),
    ],
)
def test_invalid_response_is_rejected(sites, service, change, message):
    sites.replies[ARCHIVE] = hourly_reply(SPAN[0] - DAY, 4, change)
    with pytest.raises(SourceError) as caught:
        openmeteo.archive(service, *SPAN)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "message"),
    [("application/json", "2 points, found .*Data corrupted"), ("text/html", "found text/html")],
)
def test_error_or_page_in_place_of_hours_is_rejected(sites, service, kind, message):
    reason = b'{"error": true, "reason": "Data corrupted at path hourly."}'
    sites.replies[MARINE] = SiteResponse(reason, kind)
    with pytest.raises(SourceError, match=message):
        openmeteo.waves(service)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(["hourly", "hourly_units", "utc_offset_seconds"])
INNER = st.sampled_from(["time", "wind_gusts_10m", "wind_gusts_10m_member01", "wind_speed_10m"])


@given(JSON, st.none() | KEYS, INNER)
def test_any_response_raises_only_source_error(value, key, inner):
    """Any JSON replaces the response, one of its values or a value of a value."""

    def get(url, kinds, largest_bytes, params):
        request = Mock(query={name: [text] for name, text in params.items()})
        hours = json.loads(hourly_weather(request, SPAN[0] - DAY, 4))
        if key is None:
            hours = [value]
        elif isinstance(hours[0][key], dict):
            hours[0][key][inner] = value
        else:
            hours[0][key] = value
        return Response(url, json.dumps(hours).encode(), (None, None))

    with contextlib.suppress(SourceError):
        openmeteo.archive(Service(Mock(get=get), ROUTE.weather_points), *SPAN)
