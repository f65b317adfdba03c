"""The zip container of a workbook: damaged files and zip bombs."""

from __future__ import annotations

import contextlib
import datetime as dt
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import govuk_workbook
from service.data.source import SourceError
from tests.support import ods

TODAY = dt.date(2024, 3, 1)
VALID = ods.parts(ods.sheets(ods.some_days(dt.date(2024, 1, 1), 28)))
CELL = '<table:table-cell office:value-type="float" office:value="1"/>'
REPEATED = ' table:number-columns-repeated="16000"/>'
ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ENTITY_BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{ENTITIES}]><x>&l9;</x>'


def read_error(content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        govuk_workbook.read(content, "w.ods", TODAY)
    return str(caught.value)


def make_workbook(rows: str) -> bytes:
    tables = f'<table:table table:name="SB_01">{rows}</table:table>'
    return ods.pack(VALID | {"content.xml": ods.content(tables)})


def test_other_parts_are_not_unpacked() -> None:
    bomb = ods.pack(VALID | {"media/image1.png": bytes(40_000_000)})
    tracemalloc.start()
    assert govuk_workbook.read(bomb, "w.ods", TODAY).published_at is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_too_large_part_is_rejected_without_unpacking() -> None:
    bomb = ods.pack(VALID | {"content.xml": b"\0" * 59_000_000})
    tracemalloc.start()
    message = read_error(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "ValueError: over 20,000,000 bytes of content.xml: 59,000,000" in message
    assert peak < 5_000_000


def test_part_larger_than_its_stated_size_is_rejected() -> None:
    content = ods.pack(VALID | {"content.xml": b"<a>" + b" " * 900_000 + b"</a>"})
    for size in (10, 800_000):
        changed = content.replace(struct.pack("<I", 900_007), struct.pack("<I", size))
        assert changed != content
        assert "BadZipFile: Bad CRC-32 for file 'content.xml'" in read_error(changed)


@pytest.mark.parametrize(
    "rows",
    [
        f'<table:table-row table:number-rows-repeated="900000">{CELL * 9}</table:table-row>',
        f"<table:table-row>{CELL.replace('/>', REPEATED)}</table:table-row>" * 40,
        f"<table:table-row><table:table-cell{REPEATED}{CELL}</table:table-row>" * 40,
        f"<table:table-row><table:table-cell{REPEATED[:-2]}><text:p>1</text:p>"
        "</table:table-cell></table:table-row>" * 40,
    ],
)
def test_too_many_repeated_cells_are_rejected(rows: str) -> None:
    assert "ValueError: over 500,000 cells" in read_error(make_workbook(rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>", "BadZipFile: File is not a zip file"),
        (ods.pack({k: v for k, v in VALID.items() if k != "content.xml"}), "no item named '"),
        (ods.pack(VALID | {"content.xml": "<a><b></a>"}), "ExpatError: mismatched tag"),
        (ods.pack(VALID | {"content.xml": ENTITY_BOMB}), "limit on input amplification"),
    ],
)
def test_invalid_workbook_is_rejected(content: bytes, message: str) -> None:
    assert message in read_error(content)


@given(st.data())
def test_damaged_workbook_raises_only_source_error(data: st.DataObject) -> None:
    content = bytearray(ods.pack(VALID))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(content), len(content) // 2, 61]))
    with contextlib.suppress(SourceError):
        govuk_workbook.read(bytes(content[:cut]), "w.ods", TODAY)
