"""Covariates are whole and of one shape, or they are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forecast.covariates import Covariates, CovariatesError, CovariateTable, ForecastArchive
from forecast.series import ONE_DAY

NAMES = ("wave_height_m", "wind_kmh")


def covariates(history: Any = None, future: Any = None) -> Covariates:
    return Covariates(
        NAMES,
        np.datetime64("2024-02-28T12"),
        np.zeros((10, 2)) if history is None else history,
        np.zeros((3, 5, 2)) if future is None else future,
    )


@pytest.mark.parametrize("names", [NAMES[::-1], (NAMES[0], "other"), (NAMES[0], "a")])
def test_forecasts_are_of_the_drivers_in_their_order(names: tuple[str, str]) -> None:
    archive = ForecastArchive(names, ORIGINS, ISSUED)
    with pytest.raises(CovariatesError, match=f"expected forecasts of {', '.join(NAMES)}"):
        replace(covariates(), archive=archive)


def test_the_start_is_a_day() -> None:
    assert covariates().start == np.datetime64("2024-02-28", "D")
    assert covariates().data_through == np.datetime64("2024-03-08", "D")
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


ORIGIN = np.datetime64("2024-03-01")
ORIGINS = ORIGIN + np.arange(0, 21, 7) * ONE_DAY
ISSUED = np.arange(3 * 4 * 5 * 2, dtype=float).reshape(3, 4, 5, 2)


@pytest.mark.parametrize(
    "shape", [(2, 4, 5, 2), (3, 4, 5, 1), (3, 4, 2, 5), (3, 2, 5), (4, 4, 5, 2), (3, 4, 5, 3)]
)
def test_an_archive_has_an_origin_and_a_name_for_each_forecast(shape: tuple[int, ...]) -> None:
    with pytest.raises(CovariatesError, match=r"shape \(3, n_members, n_ahead, 2\), found"):
        ForecastArchive(NAMES, ORIGINS, np.zeros(shape))


def test_an_archive_has_a_member_and_its_origins_in_order() -> None:
    with pytest.raises(CovariatesError, match="a member or more, found none"):
        ForecastArchive(NAMES, ORIGINS, ISSUED[:, :0])
    for odd in (ORIGINS[[0, 2, 1]], ORIGINS[[0, 1, 1]]):
        with pytest.raises(CovariatesError, match=f"found {ORIGINS[1]} behind {odd[1]}"):
            ForecastArchive(NAMES, odd, ISSUED)


def test_an_archive_is_read_by_origin() -> None:
    archive = ForecastArchive(NAMES, ORIGINS, ISSUED)
    np.testing.assert_array_equal(archive.issued_at(ORIGINS[1]), ISSUED[1])
    assert archive.before(ORIGINS[1]).origins.tolist() == ORIGINS[:1].tolist()
    for odd in (ORIGINS[1] + ONE_DAY, ORIGINS[0] - ONE_DAY, ORIGINS[2] + ONE_DAY):
        with pytest.raises(CovariatesError, match="expected a forecast issued at"):
            archive.issued_at(odd)
    np.testing.assert_array_equal(archive.select(NAMES[::-1]).values, ISSUED[..., ::-1])


def test_a_table_at_an_origin_is_the_days_up_to_it_and_what_follows() -> None:
    """Days 0 to 6 are known in one version, days 7 to 9 in four members."""
    values = np.tile(np.arange(10.0)[None, :, None], (4, 1, 2))
    values[:, 7:] += np.arange(4)[:, None, None] / 10
    table = CovariateTable(NAMES, ORIGIN, values, 7)
    for day in range(7):
        found = table.at(ORIGIN + day * ONE_DAY, 3)
        np.testing.assert_array_equal(found.history, values[0, : day + 1])
        future = values[:, day + 1 : day + 4]
        # Days known in one version are the same in every member: one is enough.
        np.testing.assert_array_equal(found.future, future[:1] if day + 3 < 7 else future)
    for day in (-1, 7, 9):
        with pytest.raises(CovariatesError, match="found days from 2024-03-01 to 2024-03-07"):
            table.at(ORIGIN + day * ONE_DAY, 3)
    archived = CovariateTable(NAMES, ORIGIN, values, 7, ForecastArchive(NAMES, ORIGINS, ISSUED))
    found = archived.at(ORIGIN, 2)
    np.testing.assert_array_equal(found.future, ISSUED[0][:, :2])
    assert found.archive is not None
    assert not len(found.archive.origins)


def test_covariates_as_if_an_earlier_day_were_today() -> None:
    history = np.arange(20.0).reshape(10, 2)
    now = covariates(history=history)
    past = now.as_at(now.start + 4 * ONE_DAY, 3)
    np.testing.assert_array_equal(past.history, history[:5])
    np.testing.assert_array_equal(past.future, history[None, 5:8])
    assert now.as_at(now.start + 9 * ONE_DAY, 3).future.shape == (1, 0, 2)
    for day in (-1, 10):
        with pytest.raises(CovariatesError, match="expected a history up to"):
            now.as_at(now.start + day * ONE_DAY, 3)
