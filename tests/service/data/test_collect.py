"""Published documents, fetched and stored by the ingest job."""

import datetime as dt

import pytest

from service.core.clock import utc_now
from service.data.collect import collect_documents
from service.data.ingest import ingest, read_source
from tests.service.stored_figures import (
    current_figures,
    delete_figures,
    ingest_failure,
    list_raw_files,
    list_rows,
)
from tests.service.support import ROUTE, latest_run, run_concurrently
from tests.support import ods, pages
from tests.support.sites import ODS, PAGE, SiteResponse, act_as_govuk, endless, with_etag

FIRST = dt.date(2024, 1, 1)
DAYS = ods.some_days(FIRST, 26)
WORKBOOK = ods.workbook(DAYS, "2024-01-27T13:00:00Z")
COUNTS = [(DAYS[24][1], DAYS[24][2]), (DAYS[25][1], DAYS[25][2]), (0, 0), (90, 2)]


def make_page(counts=COUNTS, note="", at="13:20"):
    rows = pages.week(dt.date(2024, 1, 28), counts)
    rows[-1][4] = note
    return pages.page(pages.table(rows), f"2024-01-29T{at}:00+00:00")


def test_workbook_and_page_are_merged(reader, sites):
    act_as_govuk(sites, WORKBOOK, make_page())
    outcome = ingest(reader)
    assert outcome.reason == "59 new, 0 revised, 4 unchanged from GOV.UK, to 2024-01-28"
    assert current_figures(reader)[dt.date(2024, 1, 26)] == (DAYS[25][1], "workbook")
    assert current_figures(reader)[dt.date(2024, 1, 27)] == (0, "page")
    assert current_figures(reader, "boats")[dt.date(2024, 1, 28)] == (2, "page")
    assert current_figures(reader, "preventions") == {
        dt.date(2024, 1, day): (99 + day, "workbook") for day in (7, 14, 21)
    }
    assert WORKBOOK in list_raw_files(reader)
    assert [document["published_at"] for document in outcome.detail["documents"]] == [
        "2024-01-27T13:00:00Z",
        "2024-01-29T13:20:00Z",
    ]


def test_unchanged_documents_are_not_read_again(reader, sites):
    path = act_as_govuk(sites, WORKBOOK, make_page())
    sites.replies[path] = with_etag(SiteResponse(WORKBOOK, ODS), '"w1"')
    sites.replies[PAGE] = with_etag(SiteResponse(make_page()), '"p1"')
    ingest(reader)
    before = list_rows(reader)
    assert ingest(reader).reason == "nothing new was published at GOV.UK"
    assert list_rows(reader) == before


def test_series_that_the_route_does_not_declare_are_rejected(reader, sites):
    act_as_govuk(sites, WORKBOOK, make_page())
    series = {name: ROUTE.series[name] for name in ("people", "boats")}
    message = ingest_failure(reader.for_route(ROUTE.model_copy(update={"series": series})))
    assert "expected the declared series people, boats, found people, boats, prev" in message
    assert dt.date(2024, 1, 28) in current_figures(reader), "the page is stored"


@pytest.mark.parametrize(
    ("document", "answer", "message"),
    [
        ("page", SiteResponse(behave=endless, length=2 * 10**9), "at most 300,000 bytes"),
        ("workbook", SiteResponse(b"<!DOCTYPE html>"), "expected content of type application/vnd"),
    ],
    ids=["endless", "another type"],
)
def test_invalid_response_changes_nothing(reader, sites, document, answer, message):
    workbook = act_as_govuk(sites, WORKBOOK, make_page())
    ingest(reader)
    before = list_rows(reader)
    sites.replies[workbook if document == "workbook" else PAGE] = answer
    assert message in ingest_failure(reader)
    assert list_rows(reader) == before


def test_jump_is_rejected_unless_marked_as_revised_or_accepted(reader, sites):
    act_as_govuk(sites, WORKBOOK, make_page())
    ingest(reader)
    before = list_rows(reader)
    jump = [*COUNTS[:-1], (400, 8)]
    # Requested again all the same.
    sites.replies[PAGE] = with_etag(SiteResponse(make_page(jump, at="15:20")), '"p2"')
    message = ingest_failure(reader)
    assert f"{PAGE}, people on 2024-01-28: expected 90 as published before, within 50" in message
    assert list_rows(reader) == before
    assert [change.value for change in read_source(reader, accept_jumps=True).changes] == [8, 400]
    assert ingest(reader, accept_jumps=True).detail["revised"] == 2
    assert current_figures(reader)[dt.date(2024, 1, 28)] == (400, "page")
    sites.replies[PAGE] = SiteResponse(make_page())
    assert ingest(reader).detail["revised"] == 0, "an earlier page does not contradict a later one"
    sites.replies[PAGE] = SiteResponse(make_page(note="Revised", at="16:20"))
    assert ingest(reader).detail["revised"] == 2
    assert current_figures(reader)[dt.date(2024, 1, 28)] == (90, "page")


def test_rejected_document_is_kept_and_requested_again_and_others_are_stored(reader, sites):
    rows = pages.week(dt.date(2024, 1, 28), COUNTS)
    rows[1][0] = "26 January 2023"
    path = act_as_govuk(sites, WORKBOOK, pages.page(pages.table(rows), "2024-01-29T13:20:00+00:00"))
    sites.replies[path] = with_etag(SiteResponse(b"PK not a workbook", ODS), '"w1"')
    message = ingest_failure(reader)
    assert message.endswith("stored: 8 new, 0 revised, 0 unchanged from GOV.UK, to 2024-01-28)")
    assert b"PK not a workbook" in list_raw_files(reader)
    detail = latest_run(reader, "ingest").detail
    assert detail["notes"][0].endswith("taken as 2024")
    assert [document["source"] for document in detail["documents"]] == ["page"]
    assert detail["new"] == len(current_figures(reader)) + len(current_figures(reader, "boats"))
    ingest_failure(reader)
    requests = [request for request in sites.requests if request.path == path]
    assert ["if-none-match" in request.headers for request in requests] == [False, False]


def test_concurrent_ingests_store_one_history(reader, sites):
    act_as_govuk(sites, WORKBOOK, make_page())
    new_counts = run_concurrently(3, lambda: ingest(reader).detail["new"])
    assert sorted(new_counts) == [0, 0, 59]
    rows = list_rows(reader, "first_seen_at")
    delete_figures(reader)
    ingest(reader)
    assert list_rows(reader, "first_seen_at") == rows


def write_csv(folder, *rows):
    file = folder / "figures.csv"
    file.write_text("\n".join(("date,people,boats", *rows)) + "\n")
    return file


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2024-01-02,10,437", "2024-01-02: expected at least as many people as boats, found 10"),
        ("2024-01-02,100000,1", "people on 2024-01-02: expected at most 99999, found 100000"),
        ("2024-01-03,1,1", "figures.csv, row 3, column date: expected 2024-01-02"),
    ],
)
def test_invalid_csv_is_rejected(reader, tmp_path, row, message):
    assert message in ingest_failure(reader, "csv", write_csv(tmp_path, "2024-01-01,50,1", row))
    assert list_rows(reader) == []


def test_days_of_csv_after_today_are_rejected(reader, tmp_path):
    today = reader.route.day(utc_now())
    rows = [f"{today + dt.timedelta(days=n)},1,1" for n in (-1, 0, 1)]
    message = ingest_failure(reader, "csv", write_csv(tmp_path, *rows))
    assert f"expected days up to {today}, found {rows[-1][:10]}" in message
    ingest(reader, "csv", write_csv(tmp_path, *rows[:-1]))
    assert max(current_figures(reader)) == today


def test_unlikely_and_old_days_of_csv_are_noted(reader, tmp_path):
    file, today = write_csv(tmp_path, "2023-01-01,900,1"), dt.date(2024, 1, 1)
    collected = collect_documents(reader.settings, reader.route, "csv", file, today, {})
    ((unlikely, old),) = (document.notes for document in collected.documents)
    assert "900 people in 1 boats on 2023-01-01 are unlikely" in unlikely
    assert old.endswith("its last day, 2023-01-01, is 365 days before today; taken as stated")
