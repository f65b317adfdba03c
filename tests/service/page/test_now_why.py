import math

from service.issues import note_store
from service.page.pages import read_view
from tests.service.page.test_pages import visible_text

NOTE = {
    "since_issued_at": "2025-12-25T15:00:00Z",
    "champion": "pool",
    "declaration": "0",
    "from": "2026-01-01",
    "before": [50.0] * 29,
    "after": [47.5] * 29,
    "causes": {"model": [0.0] * 29, "revision": [1.5] * 29, "new_figures": [-4.0] * 29},
}


def read_table(site, name):
    with site.client.application.test_request_context("/"):
        return read_view("now").context[name]


def test_changes_add_up_and_are_shown(site):
    assert "There is no earlier forecast of these days" in site.client.get("/").text
    view = site.loader.view("people")
    with site.context.database.writing() as connection:
        note = NOTE | {"since": site.earlier}
        note_store.save_note(connection, view.issue.issue_id, note_store.CHANGES, note)
    changes = read_table(site, "changed")
    assert changes["spans"] == [7, 28]
    totals = [view.ahead.upto(days).values.sum(axis=1) for days in (7, 28)]
    errors = [math.sqrt(2 * total.var() / len(total)) for total in totals]
    assert changes["noise"] == [round(2 * error) for error in errors]
    assert [row["name"] for row in changes["rows"]] == ["revised figures", "new figures"]
    for at in (0, 1):
        parts = sum(row["shares"][at] for row in changes["rows"])
        assert changes["first"][at] + parts == changes["last"][at]
    response = site.client.get("/")
    assert f"up to about {changes['noise'][0]:,} over 7 days and " in visible_text(response)
    assert "Revised figures" in response.text and "−28" in response.text
    assert f"issue={site.earlier}" in response.text
    metadata = site.client.get("/now/changes.metadata.json").json["tableSchema"]["columns"]
    assert {one["datatype"] for one in metadata[1:]} == {"number"}, "the model is a part here"


def test_drivers_add_up(site):
    drivers = read_table(site, "driven")
    assert drivers["spans"] == [7, 28], "not of one day, of which the answer has the causes too"
    parts = sum(row["shares"][0] for row in drivers["rows"])
    assert abs(drivers["first"][0] + parts - drivers["last"][0]) < len(drivers["rows"]) + 1
    assert "Time of year" in site.client.get("/").text
    assert "What is driving this" not in site.client.get(f"/?issue={site.earlier}").text
