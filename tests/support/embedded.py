"""The embedded figures of the English Channel, as the declaration names them."""

from functools import cache
from pathlib import Path

from service.data.csv_rows import read_series

FILE = Path(__file__).resolve().parents[2] / "service" / "data" / "figures.csv"


@cache
def read():
    """People and boats, every day from 2018-01-01 to 2025-12-31."""
    return read_series(FILE, ("people", "boats"))
