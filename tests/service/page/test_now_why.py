from __future__ import annotations

from typing import Any

from service.issues import note_store
from service.page.now import what_is_coming
from service.page.page_params import read_page_params

NOTE = {
    "since_issued_at": "2025-12-25T15:00:00Z",
    "champion": "pool",
    "declaration": "0",
    "from": "2026-01-01",
    "before": [50.0] * 29,
    "after": [47.5] * 29,
    "causes": {"model": [0.0] * 29, "revision": [1.5] * 29, "new_figures": [-4.0] * 29},
}


def test_what_changed_adds_up_and_is_shown(site: Any) -> None:
    loader = site.client.application.extensions["loader"]
    assert "There is no earlier forecast" in site.client.get("/").get_data(as_text=True)
    issue = loader.view("people").issue
    with site.context.database.writing() as connection:
        note = NOTE | {"since": site.earlier}
        note_store.save_note(connection, issue.issue_id, note_store.CHANGES, note)
    changed = what_is_coming(read_page_params(loader, {}), {})["changed"]
    assert changed["spans"] == [7, 28]
    assert [row["name"] for row in changed["rows"]] == ["revised figures", "new figures"]
    for at in (0, 1):
        parts = sum(row["shares"][at] for row in changed["rows"])
        assert changed["first"][at] + parts == changed["last"][at]
    page = site.client.get("/").get_data(as_text=True)
    assert "Revised figures" in page and "−28" in page
    assert f"issue={site.earlier}" in page


def test_what_drives_it_adds_up(site: Any) -> None:
    loader = site.client.application.extensions["loader"]
    driven = what_is_coming(read_page_params(loader, {}), {})["driven"]
    parts = sum(row["shares"][0] for row in driven["rows"])
    assert abs(driven["first"][0] + parts - driven["last"][0]) < len(driven["rows"]) + 1
    assert "Time of year" in site.client.get("/").get_data(as_text=True)


def test_an_issue_without_notes_says_nothing_of_why(site: Any) -> None:
    page = site.client.get(f"/?issue={site.earlier}").get_data(as_text=True)
    assert "What is driving this forecast" not in page
    assert "There is no earlier forecast" in page
