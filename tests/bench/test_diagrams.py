"""Diagrams are drawn for whoever has scores."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from bench import diagrams
from bench.runs import Entry, Run
from forecast.backtest import BacktestConfig, rolling_origin
from forecast.forecasters.climatology import Climatology
from forecast.series import DailySeries


def test_every_diagram_is_a_picture(figures: dict[str, DailySeries], tmp_path: Path) -> None:
    protocol = BacktestConfig("2024-01-01", "2024-04-30", paths=50, series="people")
    scores = rolling_origin({"c": Climatology()}, figures, protocol)[0]["c"]
    entries = [
        Entry("c", "Climatology", "champion", Climatology(), "c"),
        Entry("auto_ets", "AutoETS (7)", "peer", Climatology(), "c"),
        Entry("silent", "Silent", "ours", Climatology(), "c"),
    ]
    runs = {"c": Run(scores), "auto_ets": Run(scores), "silent": Run()}
    files = diagrams.draw(entries, runs, tmp_path / "out")
    assert [file.name for file in files] == ["pit-ours.png", "pit-peers.png", "reliability.png"]
    assert all(file.read_bytes()[:4] == b"\x89PNG" for file in files)
