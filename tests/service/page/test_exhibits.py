from __future__ import annotations

from service.page.exhibits import Exhibit, metadata_of


def test_each_column_says_what_it_holds_and_in_which_unit() -> None:
    names = ("date", "lo80", "year_2024", "p_quiet_days_at_least", "coverage95_lo", "season")
    shown = Exhibit("x", "X", [], names, parts=["season"])
    content = metadata_of(shown, "boats", "x.csv", {"dc:source": "S"})
    assert (content["url"], content["dc:title"], content["dc:source"]) == ("x.csv", "X", "S")
    columns = content["tableSchema"]["columns"]
    assert [one["name"] for one in columns] == list(names)
    assert [one["dc:description"] for one in columns] == [
        "calendar day of the route",
        "lower bound of the central 80% range",
        "published total from 1 January to the date in 2024",
        "the same as p_quiet_days, or more",
        "lower bound of the 95% interval of coverage95",
        "change of the mean forecast that comes from it",
    ]
    assert [one.get("schema:unitText") for one in columns] == [
        *(None, "boats", "boats", "probability", "share", "boats")
    ]


def test_a_part_of_a_change_is_a_number_even_if_it_is_named_like_a_text() -> None:
    parts = Exhibit("changes", "X", [], ("days", "model"), parts=["model", "weather"])
    text = Exhibit("weeks", "X", [], ("issue_id", "model"))
    kinds = [
        metadata_of(one, "boats", "x.csv", {})["tableSchema"]["columns"][1]["datatype"]
        for one in (parts, text)
    ]
    assert kinds == ["number", "string"]
