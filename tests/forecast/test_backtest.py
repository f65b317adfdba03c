"""Rolling origins: nothing later than the origin is seen, and averages are what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

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
from forecast.covariates import Covariates, CovariateTable
from forecast.forecasters.base import FitError, State
from forecast.forecasters.climatology import Climatology
from forecast.forecasters.seasonal_naive import SeasonalNaive
from forecast.paths import Paths
from forecast.scores import crps
from forecast.series import ONE_DAY, DailySeries, Day

PROTOCOL = BacktestConfig(
    "2023-01-01", "2023-03-05", every=14, horizon=28, paths=40, seed=3, series="people"
)


@dataclass
class Spy:
    """A forecaster that says a fixed number, and remembers what it saw."""

    value: int = 5
    seen: list[Day] = field(default_factory=list)

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> Spy:
        self.seen.append(series.data_through)
        return self

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        return Paths(self.seen[-1] + ONE_DAY, np.full((n_paths, horizon), self.value))

    def to_state(self) -> State:
        return {}, {}


class Declines(Spy):
    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> Spy:
        raise FitError("never")


@pytest.mark.parametrize(
    ("first", "last", "every", "horizon", "expected"),
    [
        ("2023-01-01", "2023-01-29", 14, 28, ["2023-01-01", "2023-01-15", "2023-01-29"]),
        ("2023-01-01", "2023-01-28", 14, 28, ["2023-01-01", "2023-01-15"]),
        ("2025-11-20", "2025-12-31", 7, 28, ["2025-11-20", "2025-11-27"]),
        ("2025-12-04", "2025-12-31", 7, 28, []),
        ("2025-12-03", "2025-12-31", 7, 28, ["2025-12-03"]),
        ("2024-02-28", "2024-03-01", 1, 1, ["2024-02-28", "2024-02-29", "2024-03-01"]),
    ],
)
def test_origins_keep_their_whole_horizon_within_the_figures(
    first: str, last: str, every: int, horizon: int, expected: list[str]
) -> None:
    protocol = BacktestConfig(first, last, every, horizon, series="people")
    assert [str(o) for o in protocol.origins(np.datetime64("2025-12-31"))] == expected


def test_the_protocol_of_the_benchmark_has_77_origins() -> None:
    protocol = BacktestConfig("2023-01-01", "2025-12-01", series="people")
    origins = protocol.origins(np.datetime64("2025-12-31"))
    assert (len(origins), str(origins[0]), str(origins[-1])) == (77, "2023-01-01", "2025-11-30")


def test_a_model_sees_the_days_up_to_the_origin(figures: dict[str, DailySeries]) -> None:
    spy = Spy()
    rolling_origin({"spy": spy}, figures, PROTOCOL)
    assert spy.seen == PROTOCOL.origins(figures["people"].data_through)
    assert len(spy.seen) == 5


def test_later_figures_cannot_matter(figures: dict[str, DailySeries]) -> None:
    """Other days after the horizon leave every score as it was, the seconds apart."""
    origin = np.datetime64("2023-01-15", "D")
    end = origin + PROTOCOL.horizon * ONE_DAY
    changed = {}
    for name, series in figures.items():
        values = series.values.copy()
        values[series.index(end) + 1 :] = 1
        changed[name] = DailySeries(name, series.start, values)
    for forecaster in (Climatology(), SeasonalNaive()):
        one, two = (
            replace(score_origin("m", forecaster, f, origin, PROTOCOL), seconds=0.0)
            for f in (figures, changed)
        )
        assert repr(one) == repr(two)


def test_scores_by_a_slow_loop(figures: dict[str, DailySeries]) -> None:
    origin = np.datetime64("2024-02-20", "D")
    score = score_origin("m", Climatology(), figures, origin, PROTOCOL)
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
        came = sum(truth[:days])
        assert score.totals[name]["crps"] == pytest.approx(crps(sums[:, None], [came])[0])
        assert score.totals[name]["truth"] == came
        assert score.totals[name]["error"] == pytest.approx(sums.mean() - came)
        ordered = sorted(sums.tolist())
        assert score.totals[name]["within_80"] == float(ordered[3] <= came <= ordered[35])


def test_boats_are_judged_through_the_people(figures: dict[str, DailySeries]) -> None:
    protocol = replace(PROTOCOL, series="boats")
    origin = np.datetime64("2024-02-20", "D")
    score = score_origin("m", Climatology(), figures, origin, protocol)
    people = score_origin("m", Climatology(), figures, origin, PROTOCOL)
    assert score.totals["total_28"]["truth"] < people.totals["total_28"]["truth"] / 20
    assert score.crps.mean() < people.crps.mean() / 10


def test_a_model_that_declines_is_said(figures: dict[str, DailySeries]) -> None:
    ticks: list[int] = []
    models = {"spy": Spy(), "declines": Declines()}
    scores, declined = rolling_origin(models, figures, PROTOCOL, progress=lambda: ticks.append(1))
    assert len(ticks) == 10
    assert (len(scores["spy"]), len(scores["declines"])) == (5, 0)
    assert declined["declines"][0] == "2023-01-01: never"
    table = json.loads(json.dumps(summary(PROTOCOL, scores, declined), allow_nan=False))
    nothing = table["models"]["declines"]
    assert (nothing["origins"], nothing["crps"]["day_1"]) == (0, None)
    assert len(nothing["declined"]) == 5


def test_an_origin_before_the_figures_is_declined(figures: dict[str, DailySeries]) -> None:
    protocol = replace(PROTOCOL, first="2017-12-20", last="2018-01-05")
    scores, declined = rolling_origin({"spy": Spy()}, figures, protocol)
    assert declined["spy"] == ["2017-12-20: no figures up to 2017-12-20"]
    assert [str(score.origin) for score in scores["spy"]] == ["2018-01-03"]


def test_the_summary_averages_origins_and_days(figures: dict[str, DailySeries]) -> None:
    """For a forecast of one number the CRPS is the absolute error."""
    people = {"people": figures["people"]}
    scores, declined = rolling_origin({"spy": Spy(value=5)}, people, PROTOCOL)
    table = summary(PROTOCOL, scores, declined)
    errors = np.array(
        [
            [abs(5 - people["people"].on(origin + k * ONE_DAY)) for k in range(1, 29)]
            for origin in PROTOCOL.origins(people["people"].data_through)
        ]
    )
    averages = table["models"]["spy"]
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
    ("horizon", "known"),
    [
        (1, {"day_1"}),
        (7, {"day_1", "days_1_7", "total_7"}),
        (27, {"day_1", "days_1_7", "days_8_14", "total_7"}),
        (28, {"day_1", "days_1_7", "days_8_14", "days_15_28", "total_7", "total_28"}),
    ],
)
def test_what_the_horizon_does_not_reach_is_null(
    figures: dict[str, DailySeries], horizon: int, known: set[str]
) -> None:
    protocol = replace(PROTOCOL, horizon=horizon, last="2023-01-15")
    scores, declined = rolling_origin({"spy": Spy()}, {"people": figures["people"]}, protocol)
    averages = summary(protocol, scores, declined)["models"]["spy"]
    assert {name for name, value in averages["crps"].items() if value is not None} == known
    assert (averages["coverage"]["total_28"]["80"] is None) == ("total_28" not in known)


def test_the_same_seed_gives_the_same_scores(figures: dict[str, DailySeries]) -> None:
    def scores(protocol: BacktestConfig, models: list[str]) -> OriginScore:
        found, _ = rolling_origin({name: Climatology() for name in models}, figures, protocol)
        return replace(found["m"][-1], seconds=0.0)

    alone = scores(PROTOCOL, ["m"])
    assert repr(alone) == repr(scores(PROTOCOL, ["other", "m"])), "whichever runs beside it"
    assert repr(alone) != repr(scores(replace(PROTOCOL, seed=4), ["m"]))


@pytest.mark.parametrize(("foreseen", "ahead"), [(None, 5), (3, 3), (9, 5)])
def test_the_covariates_reach_as_far_as_is_said(foreseen: int | None, ahead: int) -> None:
    table = CovariateTable(("a",), np.datetime64("2024-01-01"), np.ones((1, 60, 1)), 60)
    protocol = BacktestConfig("2024-02-01", "2024-02-01", horizon=5, series="people")
    work = Work({}, {}, protocol, table, foreseen)
    known = work.covariates(np.datetime64("2024-02-01"))
    assert known is not None
    assert known.n_ahead == ahead


def scored(model: str, origins: int, day: float, total: float) -> list[OriginScore]:
    """Rows of a model whose first week has these CRPS and whose later days are far off."""
    none = np.zeros(28)
    crps = np.r_[np.full(7, day), np.full(21, 1e6)]
    return [
        OriginScore(
            model=model,
            origin=f"2024-01-{at + 1:02}",
            seconds=0.0,
            crps=crps * (1 + at),
            wis=none,
            pit=none,
            error=none,
            within={},
            p_zero=none,
            truth=none.astype(np.int64),
            totals={"total_7": {"crps": total * (1 + at)}},
        )
        for at in range(origins)
    ]


def test_the_best_baseline_is_chosen_for_each_measure() -> None:
    scores = {
        "ours": scored("ours", 9, 4, 30),
        "near": scored("near", 9, 5, 100),
        "far": scored("far", 9, 8, 60),
    }
    found = against_best("ours", ["near", "far"], scores)
    assert {key: (name, round(ratio.value, 9)) for key, (name, ratio) in found.items()} == {
        "days_1_7": ("near", 0.8),
        "total_7": ("far", 0.5),
    }


def test_origins_that_any_declined_are_left_out_and_few_are_not_judged() -> None:
    ours, near = scored("ours", 9, 4, 30), scored("near", 9, 5, 60)
    ours[0] = replace(ours[0], crps=ours[0].crps * 1000)
    found = against_best("ours", ["near"], {"ours": ours, "near": near[1:]})
    assert found["days_1_7"][1].value == pytest.approx(0.8)
    assert against_best("ours", ["near"], {"ours": ours, "near": near[2:]}) == {}


def test_nothing_is_compared_with_a_baseline_that_is_never_wrong() -> None:
    scores = {"ours": scored("ours", 9, 4, 30), "near": scored("near", 9, 0, 0)}
    assert against_best("ours", ["near"], scores) == {}
