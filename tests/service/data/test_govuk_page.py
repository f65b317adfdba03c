"""The page of the last days: every breakage that was seen on it, and any that was not."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.series import DailySeries
from service.data import govuk_page
from service.data.source import SourceError
from tests.support import pages, shared

TODAY = dt.date(2025, 12, 31)
LAST = dt.date(2025, 12, 20)
COUNTS = [(52, 1), (0, 0), (74, 1), (497, 9), (0, 0), (0, 0), (803, 13)]
Rows = list[list[str]]


def rows() -> Rows:
    return pages.week(LAST, COUNTS)


def changed(change: Callable[[Rows], object]) -> bytes:
    table = rows()
    change(table)
    return pages.page(pages.table(table))


def refused(content: bytes, today: dt.date = TODAY) -> str:
    with pytest.raises(SourceError) as caught:
        govuk_page.read(content, "p.html", today)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@shared.needed
@pytest.mark.parametrize("path", shared.pages(), ids=lambda p: p.stem)
def test_the_real_pages_are_read_exactly(path: Path, figures: dict[str, DailySeries]) -> None:
    document = govuk_page.read(path.read_bytes(), path.name, TODAY)
    for series_id, series in figures.items():
        stated = document.figures[series_id]
        assert stated == {day: series.on(day) for day in stated}
        assert len(stated) == 7
    assert document.notes == ()


@shared.needed
def test_the_real_pages_say_when_they_were_published() -> None:
    """The first carries a public time of the 13th, yet counts the whole of the 13th."""
    documents = [govuk_page.read(path.read_bytes(), path.name, TODAY) for path in shared.pages()]
    assert [f"{d.data_through} {d.published_at:%Y-%m-%dT%H:%M:%SZ}" for d in documents] == [
        "2025-12-13 2025-12-14T11:01:20Z",
        "2025-12-20 2025-12-21T09:17:35Z",
        "2025-12-29 2025-12-30T12:48:06Z",
    ]


@shared.needed
def test_the_page_of_prose_is_refused_with_a_reason() -> None:
    said = refused(shared.prose_page().read_bytes())
    assert "expected one table headed Date | Migrants arrived | Boats arrived" in said
    assert "found no table on 'Migrants detected crossing the English Channel" in said


def test_what_is_written_is_read() -> None:
    table = rows()
    table[3][4] = "Revised"
    document = govuk_page.read(
        pages.page(pages.table(table), "2025-12-21T09:17:35+00:00"), "p", TODAY
    )
    days = [LAST - dt.timedelta(days=6 - at) for at in range(7)]
    assert document.figures["people"] == dict(zip(days, [p for p, _ in COUNTS], strict=True))
    assert document.figures["boats"] == dict(zip(days, [b for _, b in COUNTS], strict=True))
    assert document.revised == {("people", days[3]), ("boats", days[3])}
    assert document.published_at == dt.datetime(2025, 12, 21, 9, 17, 35, tzinfo=dt.UTC)
    assert document.notes == ()


@pytest.mark.parametrize(
    ("at", "cell", "wrong", "right"),
    [
        (3, "17 December 2024", 2024, dt.date(2025, 12, 17)),
        (1, "15 December 2205", None, dt.date(2025, 12, 15)),
        (5, "19 December 2026", 2026, dt.date(2025, 12, 19)),
    ],
)
def test_a_wrong_year_between_right_neighbours_is_repaired_and_said(
    at: int, cell: str, wrong: int | None, right: dt.date
) -> None:
    content = changed(lambda table: table[at].__setitem__(0, cell))
    if wrong is None:  # a year that cannot be meant is not a date at all
        assert f"row {at + 2}: expected a date" in refused(content)
        return
    document = govuk_page.read(content, "p.html", TODAY)
    assert document.figures["people"][right] == COUNTS[at][0]
    assert f"row {at + 2}: the year of {right:%-d %B} reads {wrong} between" in document.notes[0]
    assert document.notes[0].endswith("taken as 2025")


def test_a_wrong_year_at_the_turn_of_the_year_is_repaired() -> None:
    table = pages.week(dt.date(2025, 1, 2), [(0, 0)] * 7)
    table[5][0] = "1 January 2024"
    document = govuk_page.read(pages.page(pages.table(table)), "p.html", TODAY)
    assert document.figures["people"][dt.date(2025, 1, 1)] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[0].__setitem__(0, "14 December 2024"),  # no neighbour before it
        lambda t: t[6].__setitem__(0, "20 December 2024"),  # none after it
        lambda t: t[3].__setitem__(0, "17 November 2025"),  # another month is another day
        lambda t: [t[at].__setitem__(0, f"{14 + at} December 2024") for at in (2, 3)],
        lambda t: [t[at].__setitem__(0, f"{14 + at} December 2024") for at in (1, 4)],
    ],
)
def test_other_wrong_dates_are_not_repaired(change: Callable[[Rows], object]) -> None:
    assert ", the day after " in refused(changed(change))


@pytest.mark.parametrize("n", [1, 6, 8])
def test_another_number_of_days_is_taken_and_said(n: int) -> None:
    table = pages.week(LAST, [(0, 0)] * n)
    document = govuk_page.read(pages.page(pages.table(table)), "p.html", TODAY)
    assert len(document.figures["people"]) == n
    assert document.notes == (f"p.html: {n} days instead of 7; taken as stated",)


def test_a_lost_header_is_refused() -> None:
    said = refused(pages.page(pages.table(rows(), header=None)))
    assert "found a table that begins 14 December 2025 | 52 | 1 | 0 |" in said


def test_a_table_broken_into_plain_text_is_refused() -> None:
    text = "<p>" + "<br>".join(" ".join(row) for row in rows()) + "</p>"
    assert "found no table on 'Small boat arrivals: last 7 days'" in refused(pages.page(text))


def test_two_tables_are_refused() -> None:
    assert ", found 2" in refused(pages.page(pages.table(rows()) * 2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop(3), "row 5: expected 2025-12-17, the day after 2025-12-16, found 2025-"),
        (lambda t: t.insert(3, t[3]), "row 6: expected 2025-12-18, the day after 2025-12-17"),
        (lambda t: t.reverse(), "row 3: expected 2025-12-21, the day after 2025-12-20"),
        (lambda t: t.clear(), "row 2: expected 1 to 31 rows of figures, found 0"),
        (lambda t: t[2].pop(), "row 4: expected 5 cells, found 4: 16 December 2025 | 74 | 1 | 0"),
        (lambda t: t[2].append("x"), "row 4: expected 5 cells, found 6"),
        (lambda t: t[2].__setitem__(0, "16 Dec 2025"), "row 4: expected a date such as 7 December"),
        (lambda t: t[2].__setitem__(0, "31 June 2025"), "row 4: expected a date such as"),
        (lambda t: t[2].__setitem__(0, "١٦ December 2025"), "row 4: expected a date such as"),
        (lambda t: t[2].__setitem__(1, "-"), "row 4: expected a whole number such as 437, found"),
        (lambda t: t[2].__setitem__(1, ""), "row 4: expected a whole number such as 437"),
        (lambda t: t[2].__setitem__(1, "7.5"), "row 4: expected a whole number such as 437"),
        (lambda t: t[2].__setitem__(1, "-74"), "row 4: expected a whole number such as 437"),
        (lambda t: t[2].__setitem__(1, "٧٤"), "row 4: expected a whole number such as 437"),
        (lambda t: t[2].__setitem__(1, "7,4"), "row 4: expected a whole number such as 437"),
        (lambda t: t[2].__setitem__(1, "999999"), "row 4: expected a whole number such as 437"),
        (lambda t: t[2].__setitem__(1, "0"), "row 4: expected boats exactly when there are people"),
        (lambda t: t[2].__setitem__(2, "437"), "row 4: expected at least as many people as boats"),
        (lambda t: t[2].__setitem__(3, "2"), "row 4: expected at most 1 boats in uncontrolled"),
    ],
)
def test_what_breaks_a_rule_is_refused(change: Callable[[Rows], object], said: str) -> None:
    assert said in refused(changed(change))


@pytest.mark.parametrize(
    "cell",
    [
        "43<sup>1</sup>",
        "<p>43<sup>1</sup></p>",
        "4<span>97</span>",
        "<span>4</span><span>97</span>",
        "<del>49</del>7",
        "<s>497</s>",
        "49<!-- -->7",
        "497<br>",
        "<span hidden>497</span>",
        '<span style="Display: none">497</span>',
        '<span class="govuk-visually-hidden">497</span>',
        '<span aria-hidden="true">497</span>',
        "<ins>497</ins>",
        "<template>497</template>497",
        "<p>49</p><p>7</p>",
    ],
)
@pytest.mark.parametrize(("column", "title"), [(1, "Migrants arrived"), (2, "Boats arrived")])
def test_markup_that_changes_a_number_is_refused(cell: str, column: int, title: str) -> None:
    message = refused(changed(lambda t: t[3].__setitem__(column, cell)))
    assert message.startswith(f"p.html, row 5, {title}: expected a date or a number as plain text")


@pytest.mark.parametrize(
    "cell",
    [
        "1<sup>7</sup> December 2025",
        "17 December 2025<sup>1</sup>",
        "<del>1</del>17 December 2025",
        "17 December 2025<span hidden>x</span>",
        "17 <!-- -->December 2025",
    ],
)
def test_markup_that_changes_a_date_is_refused(cell: str) -> None:
    message = refused(changed(lambda t: t[3].__setitem__(0, cell)))
    assert message.startswith("p.html, row 5, Date: expected a date or a number as plain text")


@pytest.mark.parametrize(
    "wrapped",
    [
        "<p>497</p>",
        "<span>497</span>",
        " <strong>497</strong>\n",
        '<p class="govuk-body"><strong>497</strong></p>',
        '<span style="text-align: right;">497</span>',
    ],
)
def test_one_element_around_the_whole_number_is_harmless(wrapped: str) -> None:
    document = govuk_page.read(changed(lambda t: t[3].__setitem__(1, wrapped)), "p.html", TODAY)
    assert document.figures["people"][dt.date(2025, 12, 17)] == 497


@pytest.mark.parametrize("attribute", ["hidden", 'style="display:none"', 'aria-hidden="true"'])
@pytest.mark.parametrize("tag", ["<td>497", '<tr><th scope="row">17 Dec', "<tbody", "<main"])
def test_hidden_cells_rows_and_tables_are_refused(tag: str, attribute: str) -> None:
    text = pages.page(pages.table(rows())).decode()
    assert tag in text
    name = tag.partition(">")[0]
    message = refused(text.replace(tag, f"{name} {attribute}{tag[len(name) :]}", 1).encode())
    assert "as plain text" in message or "expected a table that is shown" in message


def test_a_revision_that_is_struck_out_does_not_count() -> None:
    document = govuk_page.read(
        changed(lambda t: t[3].__setitem__(4, "<del>Revised</del>")), "p.html", TODAY
    )
    assert document.revised == frozenset()


def test_deeply_wrapped_numbers_do_not_exhaust_the_stack() -> None:
    deep = "<span>" * 4000 + "497" + "</span>" * 4000
    document = govuk_page.read(changed(lambda t: t[3].__setitem__(1, deep)), "p.html", TODAY)
    assert document.figures["people"][dt.date(2025, 12, 17)] == 497


def test_days_of_the_wrong_year_are_refused_by_the_time_of_publication() -> None:
    table = pages.week(LAST.replace(year=2024), COUNTS)
    content = pages.page(pages.table(table), "2025-12-21T09:17:35+00:00")
    expected = "p.html: expected a last day within 180 days of the publication on 2025-12-21"
    assert refused(content) == f"{expected}, found 2024-12-20"


def test_days_of_the_wrong_year_without_a_time_of_publication_are_noted() -> None:
    table = pages.week(LAST.replace(year=2024), COUNTS)
    document = govuk_page.read(pages.page(pages.table(table)), "p.html", TODAY)
    note = "p.html: its last day, 2024-12-20, lies 376 days before today; taken as stated"
    assert document.notes == (note,)


def test_a_thousand_may_have_its_comma() -> None:
    document = govuk_page.read(changed(lambda t: t[6].__setitem__(1, "1,103")), "p.html", TODAY)
    assert document.figures["people"][LAST] == 1103


def test_days_to_come_are_refused() -> None:
    said = refused(changed(len), dt.date(2025, 12, 19))
    assert "row 8: expected a day up to today, 2025-12-19, found 2025-12-20" in said


def test_a_cell_that_spans_others_is_refused() -> None:
    table = pages.table(rows()).replace("<td>74</td>", '<td colspan="2">74</td>')
    assert "row 4: expected 5 cells, found 0" in refused(pages.page(table))


def test_wrong_encodings_are_refused() -> None:
    text = pages.page(pages.table(rows())).decode()
    assert "expected text in UTF-8, found the byte 0xa0" in refused(text.encode("latin-1"))
    assert "expected text in UTF-8, found the byte 0xff" in refused(text.encode("utf-16"))


def test_a_page_of_too_many_tags_is_refused_at_once() -> None:
    assert "at most 10,000 tags" in refused(b"<div>" * 200_000)


def test_a_time_before_the_end_of_the_last_day_is_not_believed() -> None:
    content = pages.page(pages.table(rows()), public="2025-12-20T10:57:26+00:00")
    document = govuk_page.read(content, "p.html", TODAY)
    assert document.published_at is None
    assert "lies before the end of 2025-12-20, which it covers; not used" in document.notes[0]


@pytest.mark.parametrize("stamp", ["2026-01-01T09:00:00+00:00", "9999-12-31T23:59:59-23:59"])
def test_a_time_to_come_is_refused(stamp: str) -> None:
    said = refused(pages.page(pages.table(rows()), stamp))
    assert "expected a time of publication up to today, 2025-12-31" in said


@pytest.mark.parametrize("stamp", ["", "yesterday", "2025-12-21", "2025-12-21T09:00:00"])
def test_a_time_that_is_none_is_not_used(stamp: str) -> None:
    content = pages.page(pages.table(rows()), stamp)
    assert govuk_page.read(content, "p.html", TODAY).published_at is None


@given(st.binary(max_size=500) | st.text(max_size=500).map(str.encode))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    refused(content)


CELLS = (
    st.text(max_size=12)
    | st.dates().map(pages.spelled)
    | st.integers(-5, 10**7).map(str)
    | st.sampled_from(
        ["17 December 2024", "31 December 9999", "-", "0", "Revised", "<td>", "</table>"]
    )
)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), CELLS), min_size=1, max_size=4))
def test_no_cells_raise_anything_else(edits: list[tuple[int, int, str]]) -> None:
    table: list[list[Any]] = rows()
    for row, column, value in edits:
        table[row][column] = value
    with contextlib.suppress(SourceError):
        govuk_page.read(pages.page(pages.table(table)), "p.html", TODAY)


TAGS = "table tr td th thead tbody div p template select svg caption colgroup form a b".split()


@given(
    st.lists(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS] + ["x", "&"]),
        max_size=60,
    )
)
def test_no_tags_raise_anything_else(tags: list[str]) -> None:
    refused("".join(tags).encode())
