import numpy as np
import pytest

from bench import scale
from service.core.route_files import enabled_routes


def test_synthetic_series_resembles_real_one(people):
    synthetic = scale.synthetic(7)
    assert len(synthetic) == len(people)
    quiet = (synthetic.values == 0).mean()
    assert quiet == pytest.approx((people.values == 0).mean(), abs=0.02)
    assert not np.array_equal(synthetic.values, scale.synthetic(8).values)


def test_refit_reports_time_and_size():
    cost = scale.refit(3)
    assert cost.seconds > 0 and 100_000 < cost.size < 2_000_000


def test_many_routes_are_refitted_and_read(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(scale, "_REAL", 1)
    monkeypatch.setattr(scale, "champion", lambda _: "seasonal_naive")
    folder = scale.declare_routes(tmp_path / "series", 3)
    models = [route.models for route in enabled_routes(folder)]
    assert models == [("seasonal_naive",), ("climatology",), ("climatology",)]
    scale.many_routes(3)
    rows = [line.split("|")[1:-1] for line in capfd.readouterr().out.splitlines() if line]
    assert [row[:2] for row in rows if "climatology" in row[0]] == [[" climatology ", " 1 "]] * 2
    assert [row[0].strip() for row in rows[-4:]] == [
        "forecast and page of routes 1 to 1",
        "forecast and page of routes 2 to 3",
        "/v1/status of all",
        "/metrics of all",
    ]
    assert all(float(row[1]) > 0 and 50 < float(row[2]) < 1000 for row in rows[-4:])
