"""Peers are scored like ours, from whatever numbers they give; none of their packages is needed."""

from __future__ import annotations

import numpy as np
import pytest

from bench import runs
from bench.peers import PEERS, Draw, Peer, RawPaths, missing
from bench.runs import Entry
from bench.targets import BEST_OF
from forecast.backtest import BacktestConfig
from forecast.covariates import Covariates
from forecast.evaluation import judge
from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries

ORIGIN = np.datetime64("2024-01-01", "D")


def of(values: np.ndarray) -> Peer:
    """A peer that draws `values`."""

    def learn(series: DailySeries) -> Draw:
        return lambda *_: values

    return Peer("", (), learn)


def test_paths_answer_like_ours() -> None:
    values = np.random.default_rng(1).poisson(2.0, size=(50, 28))
    raw, ours = RawPaths(ORIGIN + ONE_DAY, values.astype(float)), Paths(ORIGIN + ONE_DAY, values)
    np.testing.assert_array_equal(raw.mean(), ours.mean())
    np.testing.assert_array_equal(raw.p_zero(), ours.p_zero())
    np.testing.assert_array_equal(raw.upto(7).values, ours.upto(7).values)
    truth, rng = np.full(28, 2), np.random.default_rng
    np.testing.assert_equal(vars(judge(raw, truth, rng(1))), vars(judge(ours, truth, rng(1))))  # type: ignore[arg-type]


def test_peers_are_scored_as_drawn_and_cut_at_zero(people: DailySeries) -> None:
    protocol = BacktestConfig(str(ORIGIN), str(ORIGIN), paths=10, series="people")
    entry = Entry("x", "", "peer", of(np.full((10, 28), -100.5)), "x")  # type: ignore[arg-type]
    found = runs._score_peer(entry, {"people": people}, ORIGIN, protocol)
    low, cut = found["x"], found["x_cut"]
    np.testing.assert_allclose(low.crps, low.truth + 100.5)
    assert low.totals["total_7"]["crps"] == low.truth[:7].sum() + 703.5
    assert (low.p_zero == 1).all()
    np.testing.assert_allclose(cut.crps, cut.truth)
    assert (cut.model, cut.seconds) == ("x_cut", low.seconds)


@pytest.mark.parametrize("values", [np.ones((10, 27)), np.full((10, 28), np.nan)])
def test_paths_that_are_none_count_as_declined(people: DailySeries, values: np.ndarray) -> None:
    with pytest.raises(FitError, match="paths of shape"):
        of(values).fit(people).simulate(28, 10, np.random.default_rng(1))


def test_a_peer_is_given_the_weather_of_the_origin(people: DailySeries) -> None:
    given = Covariates(("w",), ORIGIN, np.zeros((1, 1)), np.full((1, 28, 1), 7.0))

    def learn(series: DailySeries, covariates: Covariates) -> Draw:
        return lambda *_: np.full((10, 28), covariates.future[0, 0, 0])

    entry = Entry("x", "", "peer", Peer("", (), learn), "x", lambda _: given)  # type: ignore[arg-type]
    protocol = BacktestConfig(str(ORIGIN), str(ORIGIN), paths=10, series="people")
    found = runs._score_peer(entry, {"people": people}, ORIGIN, protocol)["x"]
    np.testing.assert_allclose(found.error, 7.0 - found.truth)


def test_what_a_package_fails_of_counts_as_declined(people: DailySeries) -> None:
    def learn(series: DailySeries) -> Draw:
        raise np.linalg.LinAlgError("singular")

    with pytest.raises(FitError, match="LinAlgError: singular"):
        Peer("", (), learn).fit(people)


def test_what_is_not_installed_is_named() -> None:
    nowhere = Peer("", ("numpy", "no_such_package_b", "no_such_package_a"), of)  # type: ignore[arg-type]
    assert missing([nowhere, nowhere]) == ["no_such_package_a", "no_such_package_b"]


def test_those_to_beat_are_among_the_peers() -> None:
    assert set(BEST_OF) <= set(PEERS)
