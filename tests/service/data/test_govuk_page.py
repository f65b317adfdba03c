import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import govuk_page
from service.data.source import SourceError
from tests.support import pages

TODAY = dt.date(2025, 12, 31)
LAST = dt.date(2025, 12, 20)
DAY = dt.timedelta(days=1)
COUNTS = [(52, 1), (0, 0), (74, 1), (497, 9), (3, 3), (0, 0), (803, 13)]


def rows():
    return pages.week(LAST, COUNTS)


def page_with(change):
    table = rows()
    change(table)
    return pages.page(pages.table(table))


def set_cell(row, column, text):
    return lambda table: table[row].__setitem__(column, text)


def put_days_up_to(last):
    return lambda table: table.__setitem__(slice(None), pages.week(last, COUNTS))


def read_page(content):
    return govuk_page.read(content, "p.html", TODAY)


def read_error(content):
    with pytest.raises(SourceError) as caught:
        read_page(content)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_counts_revisions_and_publication_time_are_read():
    table = rows()
    table[3][4], table[6][1] = "Revised", "1,103"
    table[4][4] = "<del>Revised</del>"
    document = read_page(pages.page(pages.table(table), "2025-12-21T09:17:35+00:00"))
    days = [LAST - dt.timedelta(days=6 - at) for at in range(7)]
    assert document.figures["people"] == dict(
        zip(days, [*(p for p, _ in COUNTS[:-1]), 1103], strict=True)
    )
    assert document.figures["boats"] == dict(zip(days, [b for _, b in COUNTS], strict=True))
    assert document.revised == {("people", days[3]), ("boats", days[3])}
    assert document.published_at == dt.datetime(2025, 12, 21, 9, 17, 35, tzinfo=dt.UTC)
    assert document.notes == ()


@pytest.mark.parametrize("year", [2024, 2026])
def test_wrong_year_between_correct_rows_is_repaired_and_noted(year):
    table = pages.week(dt.date(2025, 1, 2), COUNTS)
    table[5][0] = f"1 January {year}"
    document = read_page(pages.page(pages.table(table)))
    assert document.figures["people"][dt.date(2025, 1, 1)] == COUNTS[5][0]
    assert f"row 7: the year of 1 January reads {year} between" in document.notes[0]
    assert "taken as 2025" in document.notes[0]


@pytest.mark.parametrize(
    "change",
    [
        set_cell(0, 0, "14 December 2024"),  # no neighbour before it
        set_cell(6, 0, "20 December 2024"),  # none after it
        set_cell(3, 0, "17 November 2025"),  # another month is another day
        lambda t: [t[at].__setitem__(0, f"{14 + at} December 2024") for at in (2, 3)],
    ],
)
def test_other_wrong_dates_are_rejected(change):
    assert ", the day after " in read_error(page_with(change))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (pages.table(rows(), header=None), "found 14 December 2025 | 52 | 1 | 0 |"),
        ("<p>" + "<br>".join(" ".join(row) for row in rows()) + "</p>", "found no table"),
        (pages.table(rows()) * 2, "| Notes; Date |"),
        (
            pages.table(rows()).replace("<td>74</td>", '<td colspan="2">74</td>'),
            "row 4, Migrants arrived: expected plain text",
        ),
        ("<div>" * 40_000, "at most 3,000 tags"),
        (pages.table(rows()).encode("latin-1"), "expected text in UTF-8, found the byte 0xa0"),
        *(
            (f"<{tag}>{pages.table(rows())}</{tag}>", f"row 1: expected plain text, found '<{tag}")
            for tag in ("del", "details")
        ),
    ],
    ids=[
        *("no header", "plain text", "two tables", "cell spans two columns", "too many tags"),
        *("not in UTF-8", "struck out", "within details"),
    ],
)
def test_page_without_one_regular_table_is_rejected(body, message):
    content = body if isinstance(body, bytes) else pages.page(body)
    assert message in read_error(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(3), "row 5: expected 2025-12-17, the day after 2025-12-16, found 2025-"),
        (
            put_days_up_to(TODAY + DAY),
            "row 8: expected a day up to today, 2025-12-31, found 2026-0",
        ),
        (set_cell(4, 2, "4"), "row 6: expected at least as many people as boats, found 3 people"),
        (lambda t: t.clear(), "row 2: expected a row of figures, found none"),
        (lambda t: t[2].pop(), "row 4: expected 5 cells, found 4: 16 December 2025 | 74 | 1 | 0"),
        (set_cell(2, 0, "16 Dec 2025"), "row 4: expected a date such as 7 December"),
        (set_cell(2, 0, "16 December 2205"), "row 4: expected a date such as"),
        (set_cell(2, 1, ""), "row 4: expected a whole number such as 437"),
        (set_cell(2, 1, "7,4"), "row 4: expected a whole number such as 437"),
        (set_cell(2, 1, "999999"), "row 4: expected a whole number such as 437"),
        (set_cell(2, 1, "7.5"), "row 4: expected a whole number such as 437"),
        (set_cell(2, 1, "٧٤"), "row 4: expected a whole number such as 437"),
    ],
)
def test_invalid_row_is_rejected(change, message):
    assert message in read_error(page_with(change))


@pytest.mark.parametrize(
    "cell",
    [
        *("43<sup>1</sup>", "4<span>97</span>", "<span>4</span><span>97</span>"),
        *("<del>49</del>7", "49<!-- -->7", "497<br>", "<p>49</p><p>7</p>", "<s>497</s>"),
        *("<span hidden>497</span>", '<span style="display: none">497</span>'),
        '<span class="govuk-visually-hidden">497</span>',
        '<p aria-label="479">497</p>',
    ],
)
def test_markup_that_changes_a_cell_is_rejected(cell):
    for column in (0, 1, 2):
        place = f"p.html, row 5, {pages.HEADER[column]}"
        message = read_error(page_with(set_cell(3, column, cell)))
        assert message.startswith(f"{place}: expected plain text, found")


@pytest.mark.parametrize(
    "cell",
    [
        "<p>497</p>",
        " <strong>497</strong>\n",
        '<p class="govuk-body" id="a" data-module="b"><strong>497</strong></p>',
        '<span dir="ltr" style="text-align: right;">497</span>',
        pytest.param("<span>" * 1000 + "497" + "</span>" * 1000, id="1,000 levels"),
    ],
)
def test_elements_around_a_whole_number_are_ignored(cell):
    document = read_page(page_with(set_cell(3, 1, cell)))
    assert document.figures["people"][dt.date(2025, 12, 17)] == 497


@pytest.mark.parametrize("attribute", ["hidden", 'class="govuk-!-display-none"'])
@pytest.mark.parametrize(
    "tag",
    ["<td>497", '<tr><th scope="row">17 Dec', '<th scope="col">Boats arrived', "<tbody", "<main"],
)
def test_hidden_cells_rows_and_tables_are_rejected(tag, attribute):
    text = pages.page(pages.table(rows())).decode()
    assert tag in text
    name = tag.partition(">")[0]
    message = read_error(text.replace(tag, f"{name} {attribute}{tag[len(name) :]}", 1).encode())
    assert "expected plain text, found" in message


@pytest.mark.parametrize("stamp", ["", "yesterday", "2025-12-21T09:00:00"])
def test_invalid_publication_time_or_before_end_of_last_day_is_ignored(stamp):
    content = pages.page(pages.table(rows()), stamp, public="2025-12-20T10:57:26+00:00")
    document = read_page(content)
    assert document.published_at is None
    assert "is before the end of 2025-12-20, which it covers; not used" in document.notes[0]


CELLS = (
    st.text(max_size=12)
    | st.dates().map(pages.spelled)
    | st.integers(-5, 10**7).map(str)
    | st.sampled_from(
        ["17 December 2024", "31 December 9999", "-", "0", "Revised", "<td>", "</table>"]
    )
)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), CELLS), min_size=1, max_size=4))
def test_any_cells_raise_only_source_error(edits):
    table = rows()
    for row, column, value in edits:
        table[row][column] = value
    with contextlib.suppress(SourceError):
        read_page(pages.page(pages.table(table)))
