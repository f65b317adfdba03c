"""The zip file that a workbook is: opened only when its parts are few, small and what they claim.

A zip file may claim one size and hold another, and XML may repeat one cell a million times. The
parts that are needed are therefore read under bounds, counted, and handed on in a new zip file
that holds nothing else: what was checked is what is read.
"""

from __future__ import annotations

__all__ = ["unpack"]

import io
import zipfile
import zlib
from xml.parsers import expat

from service.data.source import SourceError

_CONTENT, _META, _MANIFEST = "content.xml", "meta.xml", "META-INF/manifest.xml"
_MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"
_MOST_PARTS = 500
_LARGEST_PARTS = {_CONTENT: 60_000_000, _META: 1_000_000, _MANIFEST: 1_000_000, "mimetype": 100}
_LARGEST_RATIO = 250  # the official workbooks reach 40
_MOST_CELLS = 500_000  # the official workbooks have 18,000
_STRAY_MANIFEST = (
    b'<?xml version="1.0"?>'
    b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)


def unpack(content: bytes, name: str) -> tuple[bytes, str]:
    """Check the workbook `content`, called `name` in errors.

    Returns
    -------
    workbook : bytes
        A zip file of the checked parts alone.
    meta : str
        What the workbook says of itself, XML; empty when it says nothing.

    Raises
    ------
    SourceError
    """
    if not content.startswith(b"PK"):
        found = f"{content[:20]!r}" if content else "nothing"
        raise SourceError(name, "an OpenDocument spreadsheet, which begins with b'PK'", found)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = _parts(packed, name)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        KeyError,
    ) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(name, "an OpenDocument spreadsheet", f"a broken zip: {error}") from error
    if parts["mimetype"].strip() != _MIMETYPE:
        found = repr(parts["mimetype"][:80])
        raise SourceError(f"{name}, mimetype", _MIMETYPE.decode(), found)
    _count_cells(parts[_CONTENT], f"{name}, {_CONTENT}")
    clean = io.BytesIO()
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("mimetype", _MIMETYPE)
        packed.writestr(_MANIFEST, _STRAY_MANIFEST)
        packed.writestr(_CONTENT, parts[_CONTENT])
    return clean.getvalue(), parts[_META].decode("utf-8", "replace")


def _parts(packed: zipfile.ZipFile, name: str) -> dict[str, bytes]:
    listed = packed.infolist()
    if len(listed) > _MOST_PARTS:
        raise SourceError(name, f"at most {_MOST_PARTS} parts", f"{len(listed):,}")
    parts = {_META: b""}
    for part, most in _LARGEST_PARTS.items():
        found = [info for info in listed if info.filename == part]
        if not found and part == _META:
            continue
        if len(found) != 1:
            raise SourceError(name, f"one part {part}", f"{len(found)}")
        size, packed_size = found[0].file_size, max(found[0].compress_size, 1)
        if size > most or (size > 1_000_000 and size / packed_size > _LARGEST_RATIO):
            wanted = f"at most {most:,} bytes, unpacked to at most {_LARGEST_RATIO} times"
            raise SourceError(f"{name}, {part}", wanted, f"{size:,} bytes, of {packed_size:,}")
        # Reads no more than the stated size, and checks the sum of it.
        parts[part] = packed.read(found[0])
    return parts


class _Cells:
    """Counts the cells that each table would unfold to, repeats included."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.row = self.rows = self.columns = self.column = 0
        self.row_repeat = 1
        self.pending: int | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "table:table":
            self.row = self.rows = self.columns = 0
        elif tag == "table:table-row":
            self.column = 0
            self.row_repeat = self._repeat(attributes, "table:number-rows-repeated")
            self.row += self.row_repeat
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            self.column += self._repeat(attributes, "table:number-columns-repeated")
            if any(key.endswith("value-type") for key in attributes):
                self._fill()
        elif tag == "text:p":
            self._fill()

    def _fill(self) -> None:
        self.rows, self.columns = max(self.rows, self.row), max(self.columns, self.column)
        if self.rows * self.columns > _MOST_CELLS:
            found = f"{self.rows:,} rows of {self.columns:,}"
            raise SourceError(self.where, f"tables of at most {_MOST_CELLS:,} cells", found)

    def _repeat(self, attributes: dict[str, str], name: str) -> int:
        text = attributes.get(name, "1")
        if not (text.isascii() and text.isdigit() and len(text) < 8):
            raise SourceError(self.where, f"{name}, a whole number", repr(text[:40]))
        return int(text)

    def doctype(self, *_: object) -> None:
        raise SourceError(self.where, "XML without a document type", "one")


def _count_cells(content: bytes, where: str) -> None:
    cells = _Cells(where)
    parser = expat.ParserCreate()
    parser.StartElementHandler = cells.start
    parser.StartDoctypeDeclHandler = cells.doctype
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(where, "well-formed XML", str(error)) from error
