"""Rolling-origin backtests: no look-ahead, scores and their averages."""

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pytest

from forecast import joint
from forecast.backtest import (
    BacktestConfig,
    OriginScore,
    Work,
    against_best,
    rolling_origin,
    score_origin,
    summary,
)
from forecast.covariates import CovariateTable
from forecast.forecasters.climatology import Climatology
from forecast.scores import crps
from forecast.series import ONE_DAY
from tests.forecast.plain import Constant

CONFIG = BacktestConfig(
    "2023-01-01", "2023-03-05", every=14, horizon=28, paths=40, seed=3, series="people"
)


@pytest.mark.parametrize(
    ("first", "last", "options", "expected"),
    [
        ("2023-01-01", "2023-01-29", (14, 28), ["2023-01-01", "2023-01-15", "2023-01-29"]),
        ("2023-01-01", "2023-01-28", (14, 28), ["2023-01-01", "2023-01-15"]),
        ("2025-11-20", "2025-12-31", (7, 28), ["2025-11-20", "2025-11-27"]),
        ("2025-12-04", "2025-12-31", (7, 28), []),
        ("2025-12-03", "2025-12-31", (7, 28), ["2025-12-03"]),
        ("2025-11-19", "2025-12-31", (), ["2025-11-19", "2025-12-03"]),
        ("2024-02-28", "2024-03-01", (1, 1), ["2024-02-28", "2024-02-29", "2024-03-01"]),
    ],
)
def test_origins_leave_a_full_horizon_of_data(first, last, options, expected):
    config = BacktestConfig(first, last, *options, series="people")
    assert [str(origin) for origin in config.origins(np.datetime64("2025-12-31"))] == expected


def test_model_is_fitted_up_to_each_origin(figures):
    model = Constant(5)
    rolling_origin({"m": model}, figures, CONFIG)
    assert [day for day, _ in model.fits] == CONFIG.origins(figures["people"].data_through)
    assert len(model.fits) == 5


def test_scores_match_plain_loop(figures):
    origin = np.datetime64("2024-02-20", "D")
    score = score_origin("m", Climatology(), figures, origin, CONFIG)
    seen = {name: series.upto(origin) for name, series in figures.items()}
    rng = joint.generator(3, "m", origin)
    paths = joint.fit(Climatology(), seen).draw(28, 40, rng)["people"]
    truth = [figures["people"].on(origin + k * ONE_DAY) for k in range(1, 29)]
    for day in range(28):
        column = np.sort(paths.values[:, day])
        assert score.crps[day] == pytest.approx(crps(column[:, None], [truth[day]])[0])
        assert score.error[day] == pytest.approx(column.mean() - truth[day])
        assert score.within[80][day] == (column[3] <= truth[day] <= column[35])
    for name, days in (("total_7", 7), ("total_28", 28)):
        sums = np.array([sum(path[:days]) for path in paths.values.tolist()])
        observed = sum(truth[:days])
        assert score.totals[name]["crps"] == pytest.approx(crps(sums[:, None], [observed])[0])
        assert score.totals[name]["truth"] == observed
        assert score.totals[name]["error"] == pytest.approx(sums.mean() - observed)
        ordered = sorted(sums.tolist())
        assert score.totals[name]["within_80"] == float(ordered[3] <= observed <= ordered[35])


def test_scores_are_of_the_configured_series(figures):
    origin = np.datetime64("2024-02-20", "D")
    people, boats = (
        score_origin("m", Climatology(), figures, origin, replace(CONFIG, series=series))
        for series in ("people", "boats")
    )
    assert boats.totals["total_28"]["truth"] < people.totals["total_28"]["truth"] / 20
    assert boats.crps.mean() < people.crps.mean() / 10


def test_declined_origins_are_reported(figures):
    ticks = []
    models = {"fits": Constant(5), "declines": Constant(5, least_days=9999)}
    scores, declined = rolling_origin(models, figures, CONFIG, progress=lambda: ticks.append(1))
    assert len(ticks) == 10
    assert (len(scores["fits"]), len(scores["declines"])) == (5, 0)
    assert declined["declines"][0] == "2023-01-01: declined to fit"
    table = json.loads(json.dumps(summary(CONFIG, scores, declined), allow_nan=False))
    averages = table["models"]["declines"]
    assert (averages["origins"], averages["crps"]["day_1"]) == (0, None)
    assert len(averages["declined"]) == 5


def test_origin_before_first_data_is_declined(figures):
    config = replace(CONFIG, first="2017-12-20", last="2018-01-05")
    scores, declined = rolling_origin({"m": Constant(5)}, figures, config)
    assert declined["m"] == ["2017-12-20: no figures up to 2017-12-20"]
    assert [str(score.origin) for score in scores["m"]] == ["2018-01-03"]


def test_summary_averages_over_origins_and_days(figures):
    """The CRPS of a point forecast is its absolute error."""
    people = {"people": figures["people"]}
    scores, declined = rolling_origin({"m": Constant(5)}, people, CONFIG)
    table = summary(CONFIG, scores, declined)
    errors = np.array(
        [
            [abs(5 - people["people"].on(origin + k * ONE_DAY)) for k in range(1, 29)]
            for origin in CONFIG.origins(people["people"].data_through)
        ]
    )
    averages = table["models"]["m"]
    assert averages["origins"] == 5
    assert averages["crps"]["day_1"] == pytest.approx(errors[:, 0].mean())
    assert averages["crps"]["days_1_7"] == pytest.approx(errors[:, :7].mean())
    assert averages["crps"]["days_8_14"] == pytest.approx(errors[:, 7:14].mean())
    assert averages["crps"]["days_15_28"] == pytest.approx(errors[:, 14:].mean())
    assert averages["wis"]["day"] == pytest.approx(errors.mean())
    assert averages["coverage"]["day"]["95"] == pytest.approx((errors == 0).mean())
    assert averages["coverage"]["total_7"] == {"80": 0.0}
    assert averages["seconds_per_origin"] >= 0
    assert table["protocol"]["crps_estimator"] == "pwm"
    assert len(averages["per_origin"]) == 5


@pytest.mark.parametrize(
    ("horizon", "measures"),
    [
        (1, {"day_1"}),
        (7, {"day_1", "days_1_7", "total_7"}),
        (27, {"day_1", "days_1_7", "days_8_14", "total_7"}),
        (28, {"day_1", "days_1_7", "days_8_14", "days_15_28", "total_7", "total_28"}),
    ],
)
def test_measures_beyond_horizon_are_null(figures, horizon, measures):
    config = replace(CONFIG, horizon=horizon, last="2023-01-15")
    scores, declined = rolling_origin({"m": Constant(5)}, {"people": figures["people"]}, config)
    averages = summary(config, scores, declined)["models"]["m"]
    assert {name for name, value in averages["crps"].items() if value is not None} == measures
    assert (averages["coverage"]["total_28"]["80"] is None) == ("total_28" not in measures)


def test_scores_depend_on_seed_not_on_other_models(figures):
    def last_score(config, models):
        scores, _ = rolling_origin({name: Climatology() for name in models}, figures, config)
        return replace(scores["m"][-1], seconds=0.0)

    alone = last_score(CONFIG, ["m"])
    assert repr(alone) == repr(last_score(CONFIG, ["other", "m"]))
    assert repr(alone) != repr(last_score(replace(CONFIG, seed=4), ["m"]))


@pytest.mark.parametrize(("foreseen", "ahead"), [(None, 5), (3, 3), (9, 5)])
def test_covariates_reach_as_far_as_configured(foreseen, ahead):
    table = CovariateTable(("a",), np.datetime64("2024-01-01"), np.ones((1, 60, 1)), 60)
    config = BacktestConfig("2024-02-01", "2024-02-01", horizon=5, series="people")
    covariates = Work({}, {}, config, table, foreseen).covariates(np.datetime64("2024-02-01"))
    assert covariates is not None
    assert covariates.n_ahead == ahead


def make_scores(model, origins, day, total):
    """Scores with these CRPS in the first week and very poor ones after it."""
    zeros = np.zeros(28)
    crps = np.r_[np.full(7, day), np.full(21, 1e6)]
    return [
        OriginScore(
            model=model,
            origin=str(dt.date(2024, 1, 1) + dt.timedelta(weeks=at)),
            seconds=0.0,
            crps=crps * (1 + at),
            wis=zeros,
            pit=zeros,
            error=zeros,
            within={},
            p_zero=zeros,
            truth=zeros.astype(np.int64),
            totals={"total_7": {"crps": total * (1 + at)}},
        )
        for at in range(origins)
    ]


def test_best_baseline_is_chosen_per_measure():
    scores = {
        "ours": make_scores("ours", 9, 4, 30),
        "near": make_scores("near", 9, 5, 100),
        "far": make_scores("far", 9, 8, 60),
    }
    ratios = against_best("ours", ["near", "far"], scores)
    assert {key: (name, round(ratio.value, 9)) for key, (name, ratio) in ratios.items()} == {
        "days_1_7": ("near", 0.8),
        "total_7": ("far", 0.5),
    }


def test_comparison_uses_common_origins_if_enough():
    ours, near = make_scores("ours", 9, 4, 30), make_scores("near", 9, 5, 60)
    ours[0] = replace(ours[0], crps=ours[0].crps * 1000)
    ratios = against_best("ours", ["near"], {"ours": ours, "near": near[1:]})
    assert ratios["days_1_7"][1].value == pytest.approx(0.8)
    assert against_best("ours", ["near"], {"ours": ours, "near": near[2:]}) == {}


def test_perfect_baseline_is_not_compared():
    scores = {"ours": make_scores("ours", 9, 4, 30), "near": make_scores("near", 9, 0, 0)}
    assert against_best("ours", ["near"], scores) == {}
