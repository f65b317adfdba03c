"""Documents and errors, shared by all sources of figures."""

__all__ = [
    "BOATS",
    "Counts",
    "Document",
    "Form",
    "Unreachable",
    "PEOPLE",
    "Place",
    "PREVENTIONS",
    "SourceError",
    "UK",
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
"""The series published by GOV.UK: daily arrivals and boats, and weekly preventions, dated on the
Sunday that ends the week. Other modules read the declared series."""

UK = ZoneInfo("Europe/London")
"""Time zone of GOV.UK's days."""

Counts = Mapping[dt.date, int]
Validators = tuple[str | None, str | None]
"""``ETag`` and ``Last-Modified`` of an answer, for the next request to the same address."""


class SourceError(ValueError):
    """A document that breaks a rule and is not stored: where, what was expected, what was found."""

    def __init__(self, where: str, expected: str, actual: str) -> None:
        self.where = _printable(where)
        self.expected = expected
        self.actual = _printable(actual)
        super().__init__(f"{self.where}: expected {expected}, found {self.actual}")


def _printable(text: str) -> str:
    """Make `text` one printable line, whatever a site wrote in it."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class Unreachable(SourceError):
    """No whole answer of a site, or a temporary error, after all attempts."""


@dataclass(frozen=True)
class Document:
    """Content of one published document that passes the rules for single documents.

    - `source`: ``figures``, ``declared``, ``page``, ``workbook`` or ``csv``.
    - `name`: A file or a URL.
    - `published_at`: None if missing or implausible.
    - `figures`: Counts a day by series_id; days that the document does not state are absent.
    - `revised`: (series_id, date) of figures marked "Revised".
    - `notes`: Notes for people: repairs, and unlikely but possible figures.
    - `reports`: Counts by series_id of each row of a declared table, by date, in their order.
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
        """Last day stated."""
        return max(max(counts) for counts in self.figures.values() if counts)


class Form(NamedTuple):
    """How to fetch and read a document; `parse` takes its content, its name in errors and today."""

    media_types: tuple[str, ...]
    largest_bytes: int
    suffix: str
    parse: Callable[[bytes, str, dt.date], Document]


Place = tuple[Callable[[], str], Form]
"""A document on a site: a function that returns its URL or raises `SourceError`, and its form."""


def read_file(path: Path, most_bytes: int) -> bytes:
    """Read the file at `path`, or standard input for ``-``; raises `SourceError`."""
    try:
        # file size is unreliable: devices report none
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise SourceError(str(path), "a readable file", error.strerror or str(error)) from error
    if len(content) > most_bytes:
        raise SourceError(str(path), f"a file of at most {most_bytes:,} bytes", "more")
    return content


def decode(content: bytes, name: str, encoding: str = "utf-8", hint: str = "") -> str:
    """Decode `content`; raises `SourceError`, whose expectation includes the `hint`."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        expected = f"text in {encoding.upper()}{hint}"
        byte = f"the byte 0x{content[error.start]:02x}"
        raise SourceError(f"{name}, line {line}", expected, byte) from error
    except (LookupError, UnicodeError) as error:  # no such encoding, or one of other things
        raise SourceError(name, "an encoding such as latin-1", encoding) from error


def parse_json(content: bytes, name: str) -> Any:
    """Parse `content`; raises `SourceError`."""
    try:
        return json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        beginning = content[:40].decode("utf-8", "replace")
        raise SourceError(name, "JSON", f"{beginning!r} ({error})"[:200]) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; raise an error if a key is repeated."""
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("a repeated key in an object")
    return keys


def gunzip(content: bytes, name: str, most_bytes: int) -> bytes:
    """Decompress `content` to `most_bytes` at most; raises `SourceError`."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(most_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(name, "whole gzip data", str(error)) from error
    if len(unpacked) > most_bytes:
        raise SourceError(name, f"at most {most_bytes:,} bytes when unpacked", "more")
    return unpacked
