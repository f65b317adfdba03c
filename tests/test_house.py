"""The drawing in docs/architecture.md is the house that stands."""

from __future__ import annotations

from tests.support.house import FILE, draw, shortest, ways


def test_the_drawing_is_of_what_the_modules_import() -> None:
    assert FILE.read_text("utf-8") == draw(shortest(ways())), (
        "the rooms or their ways have changed: python -m tests.support.house draws them anew"
    )


def test_every_way_is_drawn_or_leads_through_a_room_that_is() -> None:
    """By steps, beside the recursion that left ways out."""
    drawn = shortest(ways())
    for one, used in ways().items():
        reached, edge = set(), {one}
        while edge := {to for room in edge for to in drawn[room]} - reached:
            reached |= edge
        assert used <= reached
    assert sum(map(len, drawn.values())) < sum(map(len, ways().values()))


def test_another_house_is_another_drawing() -> None:
    ours = shortest(ways())
    assert draw(ours | {"cli": set()}) != draw(ours)
