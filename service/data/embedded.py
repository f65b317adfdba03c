"""The embedded daily figures: what the program knows with no network at all.

Contains public sector information licensed under the Open Government Licence v3.0. Source: Home
Office, small boat activity in the English Channel. Provisional, subject to revision.
"""

from __future__ import annotations

__all__ = ["read"]

from importlib import resources

from forecast.series import DailySeries
from service.data import figures_csv
from service.data.source import BOATS, PEOPLE


def read() -> dict[str, DailySeries]:
    """Return people and boats, every day from 2018-01-01 to 2025-12-31."""
    content = resources.files("service.data").joinpath("figures.csv").read_bytes()
    return figures_csv.read_bytes(content, "embedded figures", (PEOPLE, BOATS))
