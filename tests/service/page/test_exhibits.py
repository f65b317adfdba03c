from __future__ import annotations

from service.page.exhibits import Exhibit, metadata_of


def test_columns_have_descriptions_and_units() -> None:
    names = (
        *("date", "lo80", "hi80_3", "year_2024", "p_quiet_days_at_least", "coverage95_lo"),
        *("skill_climatology_lo", "season"),
    )
    exhibit = Exhibit("x", "X", [], names, parts=["season"])
    metadata = metadata_of(exhibit, "boats", "x.csv", {"dc:source": "S"})
    assert (metadata["url"], metadata["dc:title"], metadata["dc:source"]) == ("x.csv", "X", "S")
    columns = metadata["tableSchema"]["columns"]
    assert [one["name"] for one in columns] == list(names)
    assert [one["dc:description"] for one in columns] == [
        "calendar day of the route",
        "lower bound of the central 80% range",
        "hi end of the 80% range of forecast 3",
        "published total from 1 January to the date in 2024",
        "the same as p_quiet_days, or more",
        "lower bound of the 95% interval of coverage95",
        "lo end of the 95% interval of skill_climatology",
        "change in the mean forecast due to this factor or cause",
    ]
    assert [one.get("schema:unitText") for one in columns] == [
        *(None, "boats", "boats", "boats", "probability", "share", "share", "boats")
    ]


def test_parts_of_a_change_are_numbers() -> None:
    parts = Exhibit("changes", "X", [], ("days", "model"), parts=["model", "weather"])
    text = Exhibit("weeks", "X", [], ("issue_id", "model"))
    kinds = [
        metadata_of(one, "boats", "x.csv", {})["tableSchema"]["columns"][1]["datatype"]
        for one in (parts, text)
    ]
    assert kinds == ["number", "string"]
