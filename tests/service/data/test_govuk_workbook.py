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

FIRST, TODAY = dt.date(2024, 1, 1), dt.date(2024, 3, 1)
DAYS = ods.some_days(FIRST, 28)


def workbook_with(change):
    sheets = ods.sheets(DAYS)
    change(sheets)
    return ods.pack(ods.parts(sheets))


def put(sheet, row, column, value):
    """Return a change of one cell; rows count from 1 as in errors, columns from 0."""
    return lambda sheets: sheets[sheet][row - 1].__setitem__(column, value)


def begin_weeks_on_sunday(sheets):
    for row in sheets["SB_02"][1:]:
        row[0] -= dt.timedelta(days=1)


def read_workbook(content):
    return govuk_workbook.read(content, "w.ods", TODAY)


def read_error(content):
    with pytest.raises(SourceError) as caught:
        read_workbook(content)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_counts_revisions_and_publication_time_are_read():
    document = read_workbook(ods.workbook(DAYS, "2024-01-29T09:30:00Z", [dt.date(2024, 1, 7)]))
    assert document.figures["people"] == {day: people for day, people, _ in DAYS}
    assert document.figures["boats"] == {day: boats for day, _, boats in DAYS}
    assert list(document.figures["preventions"].values()) == [106, 113, 120, 127]
    assert document.revised == {("people", dt.date(2024, 1, 7)), ("boats", dt.date(2024, 1, 7))}
    assert document.published_at == dt.datetime(2024, 1, 29, 9, 30, tzinfo=dt.UTC)
    assert document.data_through == dt.date(2024, 1, 28)
    assert document.notes == ()


def test_dash_means_not_collected():
    def write_dashes(sheets):
        for row in sheets["SB_01"][1:]:
            row[3] = "-"
        sheets["SB_02"][1][3:6] = ["-", "-", "-"]

    document = read_workbook(workbook_with(write_dashes))
    assert dt.date(2024, 1, 7) not in document.figures["preventions"]
    assert len(document.figures["preventions"]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("SB_02"), "sheets SB_01 and SB_02, found WorksheetNotFound: SB_02"),
        (put("SB_01", 1, 1, "People arrived"), "SB_01, row 1: expected the header Date | Mig"),
        (lambda s: s["SB_01"][0].append("More"), "row 1: expected the header"),
        (lambda s: s["SB_01"].__delitem__(slice(1, None)), "row 2: expected a row of figures"),
        (put("SB_01", 4, 0, "2024-01-03"), "SB_01, row 4: expected a date, found '2024-01-03'"),
        (put("SB_01", 4, 0, 45294), "SB_01, row 4: expected a date, found 45294.0"),
        (put("SB_01", 4, 0, dt.date(9999, 12, 31)), "row 4: expected a date, found datetime"),
        (lambda s: s["SB_01"].pop(5), "row 6: expected 2024-01-05, the day after 2024-01-04"),
        (put("SB_01", 3, 1, -1), "SB_01, row 3: expected a whole number from 0 to 99999"),
        (put("SB_01", 3, 1, 1.5), "SB_01, row 3: expected a whole number from 0 to 99999"),
        (put("SB_01", 3, 1, True), "SB_01, row 3: expected a whole number"),
        (put("SB_01", 3, 1, "-"), "SB_01, row 3: expected a whole number"),
        (put("SB_01", 3, 1, float("nan")), "SB_01, row 3: expected a whole number"),
        (put("SB_01", 3, 1, 40), "expected boats exactly when there are people, found 40 peop"),
        (put("SB_02", 3, 0, dt.date(2024, 1, 13)), "SB_02, row 3: expected 2024-01-14, a week"),
        (
            lambda s: s.update(SB_01=s["SB_01"][:1] + s["SB_01"][2:]) or put("SB_02", 2, 1, 2)(s),
            "SB_02, row 2: expected at least as many people as boats",  # of a week begun earlier
        ),
        (put("SB_02", 3, 1, 8), "SB_02, row 3: expected 350 people, the sum of the days"),
        (put("SB_02", 3, 2, 8), "SB_02, row 3: expected 7 boats, the sum of the days"),
        (put("SB_02", 3, 4, "x"), "SB_02, row 3: expected a whole number"),
        (lambda s: s["SB_01"].pop(), "SB_02, row 5: expected a week of the days 2024-01-01 to"),
        (begin_weeks_on_sunday, "expected a week that ends on a Sunday, found Saturday"),
    ],
)
def test_invalid_cell_or_sheet_is_rejected(change, message):
    assert message in read_error(workbook_with(change))


@pytest.mark.parametrize("saved", [None, "2024-13-01T00:00:00Z"])
def test_missing_or_invalid_save_time_is_ignored(saved):
    assert read_workbook(ods.workbook(DAYS, saved)).published_at is None


VALUES = (
    st.none()
    | st.text(max_size=5)
    | st.integers(-(10**12), 10**12)
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.sampled_from(["-", "Revised", "Date", 0, 1, FIRST])
)


@given(
    st.sampled_from(["SB_01", "SB_02"]),
    st.lists(st.tuples(st.integers(1, 29), st.integers(0, 7), VALUES), min_size=1, max_size=4),
)
def test_any_cells_raise_only_source_error(sheet, edits):
    sheets = ods.sheets(DAYS)
    for row, column, value in edits:
        rows = sheets[sheet]
        cells = rows[min(row, len(rows)) - 1]
        cells[min(column, len(cells) - 1)] = value
    with contextlib.suppress(SourceError):
        read_workbook(ods.pack(ods.parts(sheets)))


# The zip container: damaged files and zip bombs.
VALID = ods.parts(ods.sheets(DAYS))
CELL = '<table:table-cell office:value-type="float" office:value="1"/>'
REPEATED = ' table:number-columns-repeated="16000"/>'
ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ENTITY_BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{ENTITIES}]><x>&l9;</x>'


def make_workbook(rows):
    tables = f'<table:table table:name="SB_01">{rows}</table:table>'
    return ods.pack(VALID | {"content.xml": ods.content(tables)})


def test_other_parts_are_not_unpacked():
    bomb = ods.pack(VALID | {"media/image1.png": bytes(40_000_000)})
    tracemalloc.start()
    assert govuk_workbook.read(bomb, "w.ods", TODAY).published_at is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_too_large_part_is_rejected_without_unpacking():
    bomb = ods.pack(VALID | {"content.xml": b"\0" * 59_000_000})
    tracemalloc.start()
    message = read_error(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "ValueError: over 20,000,000 bytes of content.xml: 59,000,000" in message
    assert peak < 5_000_000


def test_part_larger_than_its_stated_size_is_rejected():
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
def test_too_many_repeated_cells_are_rejected(rows):
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
def test_invalid_workbook_is_rejected(content, message):
    assert message in read_error(content)


@given(st.data())
def test_damaged_workbook_raises_only_source_error(data):
    content = bytearray(ods.pack(VALID))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(content), len(content) // 2, 61]))
    with contextlib.suppress(SourceError):
        govuk_workbook.read(bytes(content[:cut]), "w.ods", TODAY)
