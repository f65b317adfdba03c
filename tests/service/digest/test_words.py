from __future__ import annotations

from service.digest.words import FILTERS


def test_a_number_stays_beside_its_per_cent_sign() -> None:
    text = "one of many words and 19 % chance of more, " * 20
    folded = FILTERS["fold"](text)
    lines = folded.splitlines()
    assert len(lines) > 5
    assert not any(line.startswith("%") for line in lines)
    assert folded.split() == text.split()
    assert "\N{NO-BREAK SPACE}" not in folded
