"""Scores of peers, without their packages."""

import numpy as np
import pytest

from bench import runs
from bench.peers import PEERS, Peer, RawPaths, missing
from bench.runs import Entry
from bench.targets import BEST_OF
from forecast.backtest import BacktestConfig
from forecast.covariates import Covariates
from forecast.evaluation import evaluate
from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.series import ONE_DAY

ORIGIN = np.datetime64("2024-01-01", "D")
CONFIG = BacktestConfig(str(ORIGIN), str(ORIGIN), paths=10, series="people")


def make_peer(values):
    """A peer that returns `values` as its paths."""

    def learn(series):
        return lambda *_: values

    return Peer("", (), learn)


def test_raw_paths_behave_like_paths():
    values = np.random.default_rng(1).poisson(2.0, size=(50, 28))
    raw, ours = RawPaths(ORIGIN + ONE_DAY, values.astype(float)), Paths(ORIGIN + ONE_DAY, values)
    np.testing.assert_array_equal(raw.mean(), ours.mean())
    np.testing.assert_array_equal(raw.p_zero(), ours.p_zero())
    np.testing.assert_array_equal(raw.upto(7).values, ours.upto(7).values)
    truth, rng = np.full(28, 2), np.random.default_rng
    np.testing.assert_equal(vars(evaluate(raw, truth, rng(1))), vars(evaluate(ours, truth, rng(1))))


def test_peers_are_scored_as_given_and_cut_at_zero(people):
    entry = Entry("x", "", "peer", make_peer(np.full((10, 28), -100.5)), "x")
    scores = runs._score_peer(entry, {"people": people}, ORIGIN, CONFIG)
    raw, cut = scores["x"], scores["x_cut"]
    np.testing.assert_allclose(raw.crps, raw.truth + 100.5)
    assert raw.totals["total_7"]["crps"] == raw.truth[:7].sum() + 703.5
    assert (raw.p_zero == 1).all()
    np.testing.assert_allclose(cut.crps, cut.truth)
    assert (cut.model, cut.seconds) == ("x_cut", raw.seconds)


@pytest.mark.parametrize("values", [np.ones((10, 27)), np.full((10, 28), np.nan)])
def test_invalid_paths_count_as_declined(people, values):
    with pytest.raises(FitError, match="paths of shape"):
        make_peer(values).fit(people).simulate(28, 10, np.random.default_rng(1))


def test_peer_is_given_weather_of_origin(people):
    weather = Covariates(("w",), ORIGIN, np.zeros((1, 1)), np.full((1, 28, 1), 7.0))

    def learn(series, covariates):
        return lambda *_: np.full((10, 28), covariates.future[0, 0, 0])

    entry = Entry("x", "", "peer", Peer("", (), learn), "x", lambda _: weather)
    score = runs._score_peer(entry, {"people": people}, ORIGIN, CONFIG)["x"]
    np.testing.assert_allclose(score.error, 7.0 - score.truth)


def test_error_in_package_counts_as_declined(people):
    def learn(series):
        raise np.linalg.LinAlgError("singular")

    with pytest.raises(FitError, match="LinAlgError: singular"):
        Peer("", (), learn).fit(people)


def test_missing_packages_are_listed():
    peer = Peer("", ("numpy", "no_such_package_b", "no_such_package_a"), make_peer)
    assert missing([peer, peer]) == ["no_such_package_a", "no_such_package_b"]


def test_peers_to_beat_are_declared():
    assert set(BEST_OF) <= set(PEERS)
