"""What every source of figures raises and returns."""

from __future__ import annotations

__all__ = [
    "BOATS",
    "Counts",
    "Document",
    "FetchError",
    "Form",
    "NotReached",
    "PEOPLE",
    "PREVENTIONS",
    "Rejected",
    "SourceError",
    "UK",
    "Unfit",
    "Validators",
    "decode",
    "gunzip",
    "parse_json",
    "read_file",
]

import datetime as dt
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

PEOPLE, BOATS, PREVENTIONS = "people", "boats", "preventions"
"""The series that GOV.UK publishes: arrivals and their boats each day, and people prevented from
leaving France each week, under the Sunday that ends it. Other modules read the declared series."""

UK = ZoneInfo("Europe/London")
"""The days of GOV.UK."""

Counts = Mapping[dt.date, int]
Validators = tuple[str | None, str | None]
"""``ETag`` and ``Last-Modified`` of an answer, for the next request for the same address."""


class SourceError(ValueError):
    """Figures that break a rule: where, what was expected and what was found.

    Nothing of such a document is stored.

    ::

        SourceError
        └── FetchError        figures that could not be fetched; `where` has no query
            ├── NotReached    no answer, or not the whole of it, however often it was asked
            ├── Rejected      an answer that says no
            └── Unfit         an answer of the wrong kind, the wrong size or from the wrong place
    """

    def __init__(self, where: str, expected: str, found: str) -> None:
        self.where = _printable(where)
        self.expected = expected
        self.found = _printable(found)
        super().__init__(f"{self.where}: expected {expected}, found {self.found}")


def _printable(text: str) -> str:
    """`text` in one line that any database and terminal takes, whatever a site wrote in it."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class FetchError(SourceError):
    """Something that could not be fetched."""


class NotReached(FetchError):
    """No answer, or not the whole of it."""


class Unfit(FetchError):
    """An answer that cannot be what was asked for."""


class Rejected(FetchError):
    """An answer that says no, with its `status` and how long the site asked to wait."""

    def __init__(
        self, where: str, expected: str, found: str, status: int, wait_seconds: float | None
    ) -> None:
        super().__init__(where, expected, found)
        self.status = status
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Document:
    """What one published document states, after every rule that it can be held to by itself.

    Attributes
    ----------
    source : str
        ``figures``, ``declared``, ``page``, ``workbook`` or ``csv``.
    name : str
        A file or an address.
    published_at : datetime | None
        When it says that it was published; None when it does not say, or not credibly.
    figures : mapping of series_id to counts a day
        A day that the document does not state is not there.
    revised : frozenset of (series_id, date)
        The figures that it marks "Revised".
    notes : tuple of str
        What a person should know of it: repairs, and figures that are unlikely but allowed.
    reports : mapping of date to counts by series_id of each row
        What the rows of a declared table state of each day, in their order.
    """

    source: str
    name: str
    published_at: dt.datetime | None
    figures: Mapping[str, Counts]
    revised: frozenset[tuple[str, dt.date]] = frozenset()
    notes: tuple[str, ...] = ()
    reports: Mapping[dt.date, Sequence[Mapping[str, int]]] = field(default_factory=dict)

    @property
    def data_through(self) -> dt.date:
        """The last day that it states."""
        return max(max(counts) for counts in self.figures.values() if counts)


class Form(NamedTuple):
    """How a kind of documents is fetched and read.

    `parse` takes the content, its name in errors and the present day, and raises `SourceError`.
    """

    media_types: tuple[str, ...]
    largest_bytes: int
    suffix: str
    parse: Callable[[bytes, str, dt.date], Document]


def read_file(path: Path, most_bytes: int) -> bytes:
    """Read the file at `path`, standard input where that is ``-``; raises `SourceError`."""
    try:
        # Not by its size: a device has none, and no end.
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise SourceError(str(path), "a readable file", error.strerror or str(error)) from error
    if len(content) > most_bytes:
        raise SourceError(str(path), f"a file of at most {most_bytes:,} bytes", "more")
    return content


def decode(content: bytes, name: str, encoding: str = "utf-8-sig", hint: str = "") -> str:
    """Decode the `content`; raises `SourceError`, which expects text as the `hint` says as well."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        expected = f"text in {encoding.removesuffix('-sig').upper()}{hint}"
        found = f"the byte 0x{content[error.start]:02x}"
        raise SourceError(f"{name}, line {line}", expected, found) from error


def parse_json(content: bytes, name: str) -> Any:
    """Parse the `content`; raises `SourceError`."""
    try:
        return json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        beginning = content[:40].decode("utf-8", "replace")
        raise SourceError(name, "JSON", f"{beginning!r} ({error})"[:200]) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; one with the same key twice has no certain value."""
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return keys


def gunzip(content: bytes, most_bytes: int) -> bytes:
    """Unpack the `content`, but one byte more than `most_bytes` at most; raises `ValueError`."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            return stream.read(most_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error
