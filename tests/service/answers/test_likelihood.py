from __future__ import annotations

import pytest

from service.answers.likelihood import LIKELIHOODS, likelihood
from service.core.declared_series import Series

PEOPLE = Series(title="People", unit="people", likely_above=0.55, unlikely_below=0.35)


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        (2000, "likely"),
        (1101, "likely"),
        (1100, "possible"),  # exactly 0.55
        (1099, "possible"),
        (701, "possible"),
        (700, "possible"),  # exactly 0.35
        (699, "unlikely"),
        (0, "unlikely"),
    ],
)
def test_a_chance_at_a_threshold_is_possible(arrived: int, expected: str) -> None:
    assert likelihood((2000 - arrived) / 2000, PEOPLE) == expected


def test_every_declared_threshold_is_possible_itself() -> None:
    """With any number of paths, whatever 1 - p_zero is in binary fractions."""
    for n_paths in (100, 1000, 2000, 100_000):
        for per_cent in range(101):
            chance = per_cent / 100
            declared = PEOPLE.model_copy(update={"likely_above": chance, "unlikely_below": chance})
            zeros = n_paths - n_paths * per_cent // 100
            found = [
                likelihood(count / n_paths, declared)
                for count in (zeros - 1, zeros, zeros + 1)
                if 0 <= count <= n_paths
            ]
            assert found == [
                name
                for count, name in zip((zeros - 1, zeros, zeros + 1), LIKELIHOODS, strict=True)
                if 0 <= count <= n_paths
            ]
