"""Covariates are whole and of one shape, or they are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forecast.covariates import Covariates, CovariatesError

NAMES = ("wave_height_m", "wind_kmh")


def covariates(history: Any = None, future: Any = None) -> Covariates:
    return Covariates(
        NAMES,
        np.datetime64("2024-02-28T12"),
        np.zeros((10, 2)) if history is None else history,
        np.zeros((3, 5, 2)) if future is None else future,
    )


def test_the_start_is_a_day() -> None:
    assert covariates().start == np.datetime64("2024-02-28", "D")
    assert covariates(future=np.zeros((1, 0, 2))).future.shape == (1, 0, 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"history": np.zeros((10, 3))}, r"history of shape \(n_days, 2\), found \(10, 3\)"),
        ({"history": np.zeros(10)}, "history of shape"),
        ({"future": np.zeros((3, 5))}, "future of shape"),
        ({"future": np.zeros((3, 5, 1))}, "future of shape"),
        ({"history": np.full((10, 2), np.nan)}, "missing or infinite"),
        ({"future": np.full((3, 5, 2), np.inf)}, "missing or infinite"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(CovariatesError, match=words):
        covariates(**given)
