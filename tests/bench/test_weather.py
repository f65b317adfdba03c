"""The weather benchmark: the weather each run is given at an origin."""

from dataclasses import replace

import numpy as np
import pytest

from bench import weather
from bench.runs import Entry, Run
from forecast.backtest import BacktestConfig, rolling_origin
from forecast.covariates import CovariateTable, ForecastArchive
from forecast.forecasters.climatology import Climatology
from forecast.series import ONE_DAY

START = np.datetime64("2021-12-01")
RNG = np.random.default_rng(1)
VALUES = RNG.gamma(3, [5, 0.1], size=(400, 2))
NAMES = ("wind_kmh", "load")
ORIGINS = np.datetime64("2022-01-01") + 7 * np.arange(8) * ONE_DAY
ARCHIVE = ForecastArchive(NAMES, ORIGINS, RNG.gamma(3, 1, size=(8, 3, 10, 2)))
DRIVERS = weather.Drivers("sea", CovariateTable(NAMES, START, VALUES[None], 400, ARCHIVE))
CHAMPION = Entry("climatology", "Climatology", "champion", Climatology(), "climatology")


def test_each_run_is_given_its_weather():
    entries = weather.entries(CHAMPION, [], [DRIVERS, replace(DRIVERS, name="inland")], 28)
    names = ["none", "perfect sea", "ensemble sea", "ensemble inland"]
    assert [entry.name for entry in entries] == names
    none, perfect, ensemble, _ = (entry.weather for entry in entries)
    assert none is None
    assert perfect is not None
    assert ensemble is not None
    observed, issued = perfect(ORIGINS[1]), ensemble(ORIGINS[1])
    np.testing.assert_array_equal(observed.history, VALUES[:39])
    np.testing.assert_array_equal(observed.future, VALUES[None, 39:46])
    np.testing.assert_array_equal(issued.future, ARCHIVE.values[1])
    assert issued.archive is not None
    assert issued.archive.origins.tolist() == ORIGINS[:1].tolist()


def test_peers_are_given_every_weather():
    peer = Entry("tree", "Trees", "peer", Climatology(), "tree")
    sets = [DRIVERS, replace(DRIVERS, name="inland")]
    ours, peers = (weather.entries(CHAMPION, some, sets, 28) for some in ([], [peer]))
    assert [entry.name for entry in peers[:4]] == [entry.name for entry in ours]
    names = ["tree perfect sea", "tree ensemble sea", "tree ensemble inland"]
    assert [entry.name for entry in peers[4:]] == names
    assert [entry.weather for entry in peers[4:]] == [entry.weather for entry in peers[1:4]]
    assert peers[5].title == "ensemble sea: Trees"


def test_origins_are_those_of_archive():
    config = weather.protocol_of(DRIVERS, "people", 40, 2)
    assert config == BacktestConfig("2022-01-01", "2022-02-19", 7, 28, 40, 2, series="people")
    assert weather.protocol_of(DRIVERS, "people", 40, 2, 3) == replace(config, every=21)
    archive = replace(ARCHIVE, origins=ORIGINS + np.arange(8) ** 2 * ONE_DAY)
    uneven = weather.Drivers("sea", replace(DRIVERS.table, archive=archive))
    with pytest.raises(ValueError, match="equally far apart"):
        weather.protocol_of(uneven, "people", 40, 2)


def test_champion_without_covariates_is_not_judged(figures):
    config = weather.protocol_of(DRIVERS, "people", 40, 1)
    scores = rolling_origin({"climatology": Climatology()}, figures, config)[0]["climatology"]
    entries = weather.entries(CHAMPION, [], [DRIVERS], 28)
    results, remark = weather.judge({entry.name: Run(scores) for entry in entries})
    assert not results
    assert "takes no covariates" in remark


def test_run_without_scores_is_reported():
    results, remark = weather.judge({"none": Run(failure="its process died")})
    assert not results
    assert "none: its process died" in remark
