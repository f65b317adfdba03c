"""What the champion is told of the weather at an origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import weather
from bench.runs import Entry, Run
from forecast.backtest import run
from forecast.covariates import CovariateTable
from forecast.forecasters.climatology import Climatology
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2021-12-01")
VALUES = np.random.default_rng(1).gamma(3, [5, 0.1], size=(400, 2))
DRIVERS = CovariateTable(("wind_kmh", "load"), START, VALUES[None], len(VALUES))


def test_history_ends_on_the_origin_and_the_future_follows() -> None:
    told = weather.Proxy(DRIVERS, 14)(np.datetime64("2022-01-01"))
    np.testing.assert_array_equal(told.history, VALUES[:32])
    np.testing.assert_array_equal(told.future, VALUES[None, 32:46])
    assert (told.names, told.start) == (DRIVERS.names, START)


def test_noise_grows_with_the_lead_in_each_covariates_own_scale() -> None:
    proxy = weather.Proxy(DRIVERS, 14, noise=0.2)
    errors, scales = [], []
    for place in range(100, 380):
        told = proxy(START + place)
        errors.append(told.future[0] - VALUES[place + 1 : place + 15])
        scales.append(told.history.std(axis=0))
        np.testing.assert_array_equal(told.history, VALUES[: place + 1])
    spread = (np.array(errors) / np.array(scales)[:, None]).std(axis=0)  # (horizon, n_columns)
    expected = 0.2 * np.arange(1, 15)[:, None] * np.ones(2)
    assert spread == pytest.approx(expected, rel=0.15)


def test_noise_repeats() -> None:
    proxy = weather.Proxy(DRIVERS, 14, noise=0.2)
    one, again = (proxy(START + 100 * ONE_DAY).future for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, replace(proxy, seed=2)(START + 100 * ONE_DAY).future)


def test_no_origin_is_asked_beyond_the_weather() -> None:
    assert weather.reached(weather.PROTOCOL, DRIVERS).last == str(START + (399 - 14) * ONE_DAY)
    long = replace(DRIVERS, values=np.ones((1, 2000, 2)), n_single=2000)
    assert weather.reached(weather.PROTOCOL, long) == weather.PROTOCOL


def test_a_champion_without_covariates_is_not_judged(figures: dict[str, DailySeries]) -> None:
    protocol = replace(weather.PROTOCOL, last="2022-02-01", paths=40)
    champion = Entry("climatology", "Climatology", "champion", Climatology(), "climatology")
    entries = weather.entries(champion, DRIVERS, protocol)
    assert [entry.name for entry in entries] == ["without", "exact", "noisy"]
    assert {entry.model for entry in entries} == {"climatology"}
    scores = run({"climatology": Climatology()}, figures, protocol)[0]["climatology"]
    found, remark = weather.judge({entry.name: Run(scores) for entry in entries})
    assert not found
    assert "takes no covariates" in remark


def test_a_run_without_scores_is_named() -> None:
    found, remark = weather.judge({"without": Run(failure="its process died")})
    assert not found
    assert "without: its process died" in remark
