"""The zip file that a workbook is: opened only when its parts are small and what they claim.

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

_CONTENT, _META = "content.xml", "meta.xml"
_LARGEST_PART = 20_000_000  # the official workbooks have 2,300,000
_MOST_CELLS = 500_000  # the official workbooks have 18,000
_STRAY_PARTS = {
    "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
    "META-INF/manifest.xml": '<?xml version="1.0"?><manifest:manifest '
    'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
}


def unpack(content: bytes, name: str) -> tuple[bytes, str]:
    """Check the workbook `content`, called `name` in errors; raises `SourceError`.

    Returns a zip file of the checked parts alone, and what the workbook says of itself, as XML;
    empty when it says nothing.
    """
    if not content.startswith(b"PK"):
        found = f"{content[:20]!r}" if content else "nothing"
        raise SourceError(name, "an OpenDocument spreadsheet, which begins with b'PK'", found)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            cells = _part(packed, _CONTENT, name)
            meta = _part(packed, _META, name) if _META in packed.namelist() else b""
    except SourceError:
        raise
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
        raise SourceError(name, "an OpenDocument spreadsheet", f"a broken zip: {error}") from error
    _count_cells(cells, f"{name}, {_CONTENT}")
    clean = io.BytesIO()
    with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as packed:
        for part, stated in _STRAY_PARTS.items():
            packed.writestr(part, stated)
        packed.writestr(_CONTENT, cells)
    return clean.getvalue(), meta.decode("utf-8", "replace")


def _part(packed: zipfile.ZipFile, part: str, name: str) -> bytes:
    info = packed.getinfo(part)
    if info.file_size > _LARGEST_PART:
        expected = f"at most {_LARGEST_PART:,} bytes unpacked"
        raise SourceError(f"{name}, {part}", expected, f"{info.file_size:,}")
    return packed.read(info)  # no more than the stated size; checks the sum of it


class _Cells:
    """Counts the cells that each table would unfold to, repeats included."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.row = self.rows = self.columns = self.column = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "table:table":
            self.row = self.rows = self.columns = 0
        elif tag == "table:table-row":
            self.column = 0
            self.row += self._repeat(attributes, "table:number-rows-repeated")
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
    except SourceError:
        raise
    except (expat.ExpatError, ValueError) as error:
        raise SourceError(where, "well-formed XML", str(error)) from error
