from service.core.files import csv_text


def test_csv_text_has_named_columns_and_empty_cells():
    rows = [{"date": "2026-01-01", "median": 3, "other": 1}, {"date": "2026-01-02", "median": None}]
    assert csv_text(rows, ("date", "median")) == "date,median\n2026-01-01,3\n2026-01-02,\n"
