"""Covariates: validation, archived forecasts and views at past origins."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.covariates import Covariates, CovariatesError, CovariateTable, ForecastArchive
from forecast.series import ONE_DAY

NAMES = ("wave_height_m", "wind_kmh")


def make_covariates(history=None, future=None):
    return Covariates(
        NAMES,
        np.datetime64("2024-02-28T12"),
        np.zeros((10, 2)) if history is None else history,
        np.zeros((3, 5, 2)) if future is None else future,
    )


@pytest.mark.parametrize("names", [NAMES[::-1], (NAMES[0], "other"), (NAMES[0], "a")])
def test_archive_of_other_drivers_is_rejected(names):
    archive = ForecastArchive(names, ORIGINS, ISSUED)
    with pytest.raises(CovariatesError, match=f"expected forecasts of {', '.join(NAMES)}"):
        replace(make_covariates(), archive=archive)


def test_start_is_truncated_to_day():
    covariates = make_covariates(future=np.zeros((1, 0, 2)))
    assert covariates.start == np.datetime64("2024-02-28", "D")
    assert covariates.data_through == np.datetime64("2024-03-08", "D")
    assert covariates.future.shape == (1, 0, 2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"history": np.zeros((10, 3))}, r"history of shape \(n_days, 2\), found \(10, 3\)"),
        ({"history": np.zeros(10)}, "history of shape"),
        ({"future": np.zeros((3, 5))}, "future of shape"),
        ({"future": np.zeros((3, 5, 1))}, "future of shape"),
        ({"history": np.full((10, 2), np.nan)}, "missing or infinite"),
        ({"future": np.full((3, 5, 2), np.inf)}, "missing or infinite"),
    ],
)
def test_invalid_arrays_are_rejected(arrays, message):
    with pytest.raises(CovariatesError, match=message):
        make_covariates(**arrays)


ORIGIN = np.datetime64("2024-03-01")
ORIGINS = ORIGIN + np.arange(0, 21, 7) * ONE_DAY
ISSUED = np.arange(3 * 4 * 5 * 2, dtype=float).reshape(3, 4, 5, 2)


@pytest.mark.parametrize(
    "shape", [(2, 4, 5, 2), (3, 4, 5, 1), (3, 4, 2, 5), (3, 2, 5), (4, 4, 5, 2), (3, 4, 5, 3)]
)
def test_archive_of_wrong_shape_is_rejected(shape):
    with pytest.raises(CovariatesError, match=r"shape \(3, n_members, n_ahead, 2\), found"):
        ForecastArchive(NAMES, ORIGINS, np.zeros(shape))


def test_archive_without_members_or_with_unsorted_origins_is_rejected():
    with pytest.raises(CovariatesError, match="a member or more, found none"):
        ForecastArchive(NAMES, ORIGINS, ISSUED[:, :0])
    for origins in (ORIGINS[[0, 2, 1]], ORIGINS[[0, 1, 1]]):
        with pytest.raises(CovariatesError, match=f"found {ORIGINS[1]} behind {origins[1]}"):
            ForecastArchive(NAMES, origins, ISSUED)


def test_archive_is_read_by_origin():
    archive = ForecastArchive(NAMES, ORIGINS, ISSUED)
    np.testing.assert_array_equal(archive.issued_at(ORIGINS[1]), ISSUED[1])
    assert archive.before(ORIGINS[1]).origins.tolist() == ORIGINS[:1].tolist()
    for origin in (ORIGINS[1] + ONE_DAY, ORIGINS[0] - ONE_DAY, ORIGINS[2] + ONE_DAY):
        with pytest.raises(CovariatesError, match="expected a forecast issued at"):
            archive.issued_at(origin)
    np.testing.assert_array_equal(archive.select(NAMES[::-1]).values, ISSUED[..., ::-1])


def test_table_at_origin_has_history_and_future():
    """Days 0 to 6 are observed; days 7 to 9 have four members."""
    values = np.tile(np.arange(10.0)[None, :, None], (4, 1, 2))
    values[:, 7:] += np.arange(4)[:, None, None] / 10
    table = CovariateTable(NAMES, ORIGIN, values, 7)
    for day in range(7):
        covariates = table.at(ORIGIN + day * ONE_DAY, 3)
        np.testing.assert_array_equal(covariates.history, values[0, : day + 1])
        future = values[:, day + 1 : day + 4]
        expected = future[:1] if day + 3 < 7 else future  # observed days need one member
        np.testing.assert_array_equal(covariates.future, expected)
    for day in (-1, 7, 9):
        with pytest.raises(CovariatesError, match="found days from 2024-03-01 to 2024-03-07"):
            table.at(ORIGIN + day * ONE_DAY, 3)
    archived = CovariateTable(NAMES, ORIGIN, values, 7, ForecastArchive(NAMES, ORIGINS, ISSUED))
    covariates = archived.at(ORIGIN, 2)
    np.testing.assert_array_equal(covariates.future, ISSUED[0][:, :2])
    assert covariates.archive is not None
    assert not len(covariates.archive.origins)


def test_covariates_as_at_an_earlier_day():
    history = np.arange(20.0).reshape(10, 2)
    now = make_covariates(history=history)
    past = now.as_at(now.start + 4 * ONE_DAY, 3)
    np.testing.assert_array_equal(past.history, history[:5])
    np.testing.assert_array_equal(past.future, history[None, 5:8])
    assert now.as_at(now.start + 9 * ONE_DAY, 3).future.shape == (1, 0, 2)
    for day in (-1, 10):
        with pytest.raises(CovariatesError, match="expected a history up to"):
            now.as_at(now.start + day * ONE_DAY, 3)


def test_covariates_as_at_an_archived_origin_have_members_issued_then():
    now = replace(make_covariates(), archive=ForecastArchive(NAMES, ORIGINS, ISSUED))
    past = now.as_at(ORIGINS[1], 4)
    np.testing.assert_array_equal(past.future, ISSUED[1, :, :4])
    assert past.archive is not None
    assert past.archive.origins.tolist() == ORIGINS[:1].tolist()
    assert past.data_through == ORIGINS[1]
