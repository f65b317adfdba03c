from __future__ import annotations

import math

import pytest

from service.answers.errors import BadQuestion, check_number, check_whole


@pytest.mark.parametrize("value", [1, 2001, -5])
def test_value_outside_bounds_is_rejected_by_name(value: int) -> None:
    message = f"days: expected a whole number from 2 to 2,000, found {value}"
    with pytest.raises(BadQuestion, match=f"^{message}$") as caught:
        check_whole("days", value, 2, 2000)
    assert caught.value.name == "days"


@pytest.mark.parametrize("value", [0.09, 1.01, math.nan, math.inf, -math.inf])
def test_number_outside_bounds_or_nan_is_rejected(value: float) -> None:
    with pytest.raises(
        BadQuestion, match=f"^level: expected a number from 0.1 to 1, found {value}$"
    ):
        check_number("level", value, 0.1, 1)
