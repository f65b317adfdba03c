"""The zip file that a workbook is: bombs of every make are refused before they go off."""

from __future__ import annotations

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

FIT = ods.parts({"SB_01": [["Date"]], "SB_02": [["Week ending"]]})


ONE = '<table:table-cell office:value-type="float" office:value="1"/>'
REPEATED = ' table:number-columns-repeated="16000"/>'


def refused(content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        unpack(content, "w.ods")
    return str(caught.value)


def with_cells(rows: str) -> bytes:
    return ods.pack(
        FIT | {"content.xml": ods.content(f'<table:table table:name="SB_01">{rows}</table:table>')}
    )


def test_the_parts_that_count_are_handed_on() -> None:
    clean, meta = unpack(ods.pack(FIT | {"media/image1.png": b"x" * 1000}), "w.ods")
    with zipfile.ZipFile(io.BytesIO(clean)) as packed:
        assert packed.namelist() == ["mimetype", "META-INF/manifest.xml", "content.xml"]
        assert packed.read("content.xml").decode() == FIT["content.xml"]
    assert "document-meta" in meta


def test_a_bomb_of_one_part_is_refused_unopened() -> None:
    bomb = ods.pack(FIT | {"content.xml": b"\0" * 59_000_000})
    assert len(bomb) < 100_000
    tracemalloc.start()
    message = refused(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "content.xml: expected at most 20,000,000 bytes unpacked, found 59,000,000" in message
    assert peak < 5_000_000


def test_a_part_that_claims_less_than_it_holds_is_refused() -> None:
    honest = ods.pack(FIT | {"content.xml": b"<a>" + b" " * 900_000 + b"</a>"})
    for size in (10, 800_000):
        lying = honest.replace(struct.pack("<I", 900_007), struct.pack("<I", size))
        assert lying != honest
        assert "a broken zip" in refused(lying)


@pytest.mark.parametrize(
    "rows",
    [
        f'<table:table-row table:number-rows-repeated="900000">{ONE * 9}</table:table-row>',
        f"<table:table-row>{ONE.replace('/>', REPEATED)}</table:table-row>" * 40,
        f"<table:table-row><table:table-cell{REPEATED}{ONE}</table:table-row>" * 40,
    ],
)
def test_a_bomb_of_repeated_cells_is_refused(rows: str) -> None:
    assert "expected tables of at most 500,000 cells" in refused(with_cells(rows))


def test_a_repeat_that_is_no_number_is_refused() -> None:
    cell = '<table:table-cell table:number-columns-repeated="99999999999"/>'
    message = refused(with_cells(f"<table:table-row>{cell}</table:table-row>"))
    assert "number-columns-repeated, a whole number, found '99999999999'" in message


def test_a_bomb_of_entities_is_refused() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{levels}]><x>&l9;</x>'
    assert "without a document type" in refused(ods.pack(FIT | {"content.xml": bomb}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "which begins with b'PK', found nothing"),
        (b"<!DOCTYPE html><html>", "found b'<!DOCTYPE html><html'"),
        (b"PK\x03\x04 and no more", "a broken zip"),
        (ods.pack(FIT | {f"part{n}": b"" for n in range(600)}), "at most 500 parts, found 604"),
        (ods.pack({k: v for k, v in FIT.items() if k != "content.xml"}), "one part content.xml"),
        (ods.pack(FIT | {"mimetype": "application/zip"}), "found b'application/zip'"),
        (ods.pack(FIT | {"content.xml": "<a><b></a>"}), "well-formed XML, found mismatched tag"),
        (ods.pack(FIT | {"content.xml": ""}), "well-formed XML, found no element found"),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes, said: str) -> None:
    assert said in refused(content)


def test_a_cut_workbook_is_refused() -> None:
    whole = ods.pack(FIT)
    for length in range(0, len(whole), 61):
        refused(whole[:length])


@given(st.data())
def test_a_damaged_workbook_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(ods.pack(FIT))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        unpack(bytes(content), "w.ods")
    except SourceError:
        pass
