"""The source of a route's figures: the keys of its table ``[source]``."""

from __future__ import annotations

__all__ = ["Declared", "GovUk", "Table", "Text"]

import datetime as dt
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_DAY = dt.date(2024, 10, 18)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
Text = Annotated[str, Field(min_length=1, max_length=500)]


def _checked_address(address: str) -> str:
    parts = urlsplit(address)
    is_own = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if address and not (parts.hostname and (parts.scheme == "https" or is_own)):
        raise ValueError("an address such as https://example.org/figures.csv")
    return address


def _checked_format(date_format: str) -> str:
    """Check that a date survives formatting and parsing."""
    written, another_year = _DAY.strftime(date_format), _DAY.replace(year=2023)
    try:
        is_whole = (
            another_year.strftime(date_format) != written  # Python 3.13 warns without a year
            and dt.datetime.strptime(written, date_format).date() == _DAY
        )
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("a format with day, month and year such as %d/%m/%Y")
    return date_format


class Declared(BaseModel):
    """Base of declarations: unknown keys are refused, and types are not coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GovUk(Declared):
    """The Home Office workbook and page on GOV.UK."""

    kind: Literal["govuk"]

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return "GOV.UK"


class Table(Declared):
    """A CSV or JSON table with a row for each report of a day.

    - `file`, `address`: One of the two; the file is relative to the folder of the declaration.
    - `rows`: In JSON, the dotted path to the list of rows.
    - `date`, `date_format`: The date column, and its `datetime.strptime` format.
    - `columns`: The columns of the counts, by series_id.
    - `decimal`, `thousands`: The decimal and thousands separators; any other is refused.
    - `placeholders`: Texts that stand for a missing number.
    - `reports`: Which report of a day counts; ``refuse``: reports of a day must not differ.
    - `order`: The column that orders the reports; none: the order of the rows.
    - `encoding`: Of a CSV file.
    - `closed`: Whether the source has ended, so that no newer figures are expected.
    """

    kind: Literal["csv", "json"]
    file: str = ""
    address: Annotated[str, Field(max_length=500), AfterValidator(_checked_address)] = ""
    rows: str = ""
    date: Text = "date"
    date_format: Annotated[Text, AfterValidator(_checked_format)] = "%Y-%m-%d"
    columns: Annotated[dict[str, Text], Field(min_length=1)]
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    placeholders: Annotated[tuple[str, ...], Field(strict=False)] = ()
    reports: Literal["refuse", "first", "last", "largest"] = "refuse"
    order: str = ""
    encoding: Text = "utf-8"
    closed: bool = False

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return urlsplit(self.address).hostname or Path(self.file).name

    def faults(self, folder: Path, series: Collection[str]) -> Iterator[str]:
        """Yield one line for each fault in combination with `series`."""
        if bool(self.file) == bool(self.address):
            found = "both" if self.file else "none"
            yield f"source: expected a file or an address, found {found}"
        if self.file and not (folder / self.file).is_file():
            yield f"source.file: expected a file beside the declaration, found no {self.file}"
        if self.decimal == self.thousands:
            yield f"source.thousands: expected another sign than decimal, found {self.thousands!r}"
        if self.rows and self.kind == "csv":
            yield f"source.rows: expected in json alone, found {self.rows!r}"
        if self.order and self.reports not in ("first", "last"):
            yield f"source.order: expected with reports first or last, found {self.reports!r}"
        for name in sorted(self.columns.keys() - series):
            yield f"source.columns.{name}: expected a series of {', '.join(series)}, found {name!r}"
