"""The smallest form of the measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import scale
from service.core.route_files import enabled_routes
from tests.support import embedded


def test_a_synthetic_series_has_the_shape_of_the_real_one() -> None:
    real = embedded.read()["people"]
    other = scale.synthetic(7)
    assert len(other.values) == len(real.values)
    assert np.mean(np.asarray(other.values) == 0) == pytest.approx(
        np.mean(np.asarray(real.values) == 0), abs=0.02
    )
    assert not np.array_equal(other.values, scale.synthetic(8).values)


def test_a_series_is_refitted() -> None:
    cost = scale.refit(3)
    assert cost.seconds > 0 and 100_000 < cost.size < 2_000_000


def test_declared_routes_are_refitted_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "_REAL", 1)
    monkeypatch.setattr(scale, "champion", lambda _: "seasonal_naive")
    folder = scale.declare_routes(tmp_path / "series", 3)
    routes = enabled_routes(folder)
    assert [route.models for route in routes] == [
        ("seasonal_naive",),
        ("climatology",),
        ("climatology",),
    ]
    scale.many_routes(3)
    rows = [line.split("|")[1:-1] for line in capfd.readouterr().out.splitlines() if line]
    assert [row[:2] for row in rows if "climatology" in row[0]] == [
        [" climatology ", " 1 "],
        [" climatology ", " 1 "],
    ]
    assert [row[0].strip() for row in rows[-4:]] == [
        "forecast and page of routes 1 to 1",
        "forecast and page of routes 2 to 3",
        "/v1/status of all",
        "/metrics of all",
    ]
    assert all(float(row[1]) > 0 and 50 < float(row[2]) < 1000 for row in rows[-4:])
