import datetime as dt

import pytest

from service.data.source import Document, SourceError, read_file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "none.csv: expected a readable file, found No such"),
        (".", "expected a readable file, found Is a directory"),
        ("file", "file: expected a file of at most 4 bytes, found more"),
    ],
)
def test_unreadable_or_too_large_file_is_named(tmp_path, name, message):
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(SourceError, match=message):
        read_file(tmp_path / name, 4)
    assert read_file(tmp_path / "file", 5) == b"12345"


def test_document_reaches_the_last_day_of_any_series():
    first, last = dt.date(2025, 12, 28), dt.date(2025, 12, 30)
    figures = {"preventions": {first: 200}, "people": {first: 0, last: 52}, "boats": {}}
    assert Document("workbook", "a.ods", None, figures).data_through == last
