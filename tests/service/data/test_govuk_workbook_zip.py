"""The zip container of a workbook: damaged files and zip bombs."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data.govuk_workbook import unpack
from service.data.source import SourceError
from tests.support import ods

VALID = ods.parts({"SB_01": [["Date"]], "SB_02": [["Week ending"]]})
CELL = '<table:table-cell office:value-type="float" office:value="1"/>'
REPEATED = ' table:number-columns-repeated="16000"/>'
INVALID_REPEAT = '<table:table-cell table:number-columns-repeated="99999999999"/>'
ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ENTITY_BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{ENTITIES}]><x>&l9;</x>'


def read_error(content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        unpack(content, "w.ods")
    return str(caught.value)


def make_workbook(rows: str) -> bytes:
    return ods.pack(
        VALID
        | {"content.xml": ods.content(f'<table:table table:name="SB_01">{rows}</table:table>')}
    )


def test_only_needed_parts_are_unpacked() -> None:
    clean, meta = unpack(ods.pack(VALID | {"media/image1.png": b"x" * 1000}), "w.ods")
    with zipfile.ZipFile(io.BytesIO(clean)) as packed:
        assert packed.namelist() == ["mimetype", "META-INF/manifest.xml", "content.xml"]
        assert packed.read("content.xml").decode() == VALID["content.xml"]
    assert "document-meta" in meta


def test_too_large_part_is_rejected_without_unpacking() -> None:
    bomb = ods.pack(VALID | {"content.xml": b"\0" * 59_000_000})
    assert len(bomb) < 100_000
    tracemalloc.start()
    message = read_error(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "content.xml: expected at most 20,000,000 bytes unpacked, found 59,000,000" in message
    assert peak < 5_000_000


def test_part_larger_than_its_stated_size_is_rejected() -> None:
    content = ods.pack(VALID | {"content.xml": b"<a>" + b" " * 900_000 + b"</a>"})
    for size in (10, 800_000):
        changed = content.replace(struct.pack("<I", 900_007), struct.pack("<I", size))
        assert changed != content
        assert "a broken zip" in read_error(changed)


@pytest.mark.parametrize(
    "rows",
    [
        f'<table:table-row table:number-rows-repeated="900000">{CELL * 9}</table:table-row>',
        f"<table:table-row>{CELL.replace('/>', REPEATED)}</table:table-row>" * 40,
        f"<table:table-row><table:table-cell{REPEATED}{CELL}</table:table-row>" * 40,
    ],
)
def test_too_many_repeated_cells_are_rejected(rows: str) -> None:
    assert "expected tables of at most 500,000 cells" in read_error(make_workbook(rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "which begins with b'PK', found nothing"),
        (b"<!DOCTYPE html><html>", "found b'<!DOCTYPE html><html'"),
        (b"PK\x03\x04 and no more", "a broken zip"),
        (ods.pack(VALID | {f"part{n}": b"" for n in range(600)}), "at most 500 parts, found 604"),
        (ods.pack({k: v for k, v in VALID.items() if k != "content.xml"}), "one part content.xml"),
        (ods.pack(VALID | {"mimetype": "application/zip"}), "found b'application/zip'"),
        (ods.pack(VALID | {"content.xml": "<a><b></a>"}), "well-formed XML, found mismatched tag"),
        (ods.pack(VALID | {"content.xml": ""}), "well-formed XML, found no element found"),
        (ods.pack(VALID | {"content.xml": ENTITY_BOMB}), "without a document type"),
        (
            make_workbook(f"<table:table-row>{INVALID_REPEAT}</table:table-row>"),
            "number-columns-repeated, a whole number, found '99999999999'",
        ),
    ],
)
def test_invalid_workbook_is_rejected(content: bytes, message: str) -> None:
    assert message in read_error(content)


def test_cut_workbook_is_rejected() -> None:
    whole = ods.pack(VALID)
    for length in range(0, len(whole), 61):
        read_error(whole[:length])


@given(st.data())
def test_damaged_workbook_raises_only_source_error(data: st.DataObject) -> None:
    content = bytearray(ods.pack(VALID))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SourceError):
        unpack(bytes(content), "w.ods")
