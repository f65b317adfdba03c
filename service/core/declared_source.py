"""Where the figures of a declared route come from: the keys of its table ``[source]``."""

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
    """A format that a day survives, written and read."""
    written, another_year = _DAY.strftime(date_format), _DAY.replace(year=2023)
    try:
        is_whole = (
            another_year.strftime(date_format) != written  # Python 3.13 warns of days of no year
            and dt.datetime.strptime(written, date_format).date() == _DAY
        )
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("a format with day, month and year such as %d/%m/%Y")
    return date_format


class Declared(BaseModel):
    """What a person declares: unknown keys are refused, and types are not guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class GovUk(Declared):
    """The workbook and the page of the Home Office on GOV.UK."""

    kind: Literal["govuk"]

    @property
    def title(self) -> str:
        """What a sentence calls it."""
        return "GOV.UK"

    def faults(self, folder: Path, series: Collection[str]) -> Iterator[str]:  # noqa: ARG002
        """What is wrong with it beside `series`, in lines."""
        yield from ()


class Table(Declared):
    """A table as CSV or JSON, a row for each report of a day.

    Attributes
    ----------
    file, address : str
        Where it is, one of the two; a file is sought from the folder of the declaration.
    rows : str
        In JSON, the keys that lead to the list of rows, with dots between them.
    date, date_format : str
        The column of the day, and how it is written, as `datetime.strptime` takes it.
    columns : mapping of series_id to column
        Where the counts are.
    decimal, thousands : str
        The signs in numbers; a sign that is not declared is refused.
    placeholders : tuple of str
        What stands in place of a number that is not there yet.
    reports : str
        Which of several reports of a day counts; ``refuse``: none may differ from another.
    order : str
        The column that orders them; none: the order of the rows.
    encoding : str
        Of a CSV file.
    closed : bool
        Whether it has ended: nobody waits for newer figures.
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
        """What a sentence calls it."""
        return urlsplit(self.address).hostname or Path(self.file).name

    def faults(self, folder: Path, series: Collection[str]) -> Iterator[str]:
        """What is wrong with it beside `series`, in lines."""
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
