"""The track record of stored scores, compared with loops and statsmodels."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from forecast import bootstrap
from forecast.series import ONE_DAY
from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.answers.track_record import compared_to_climatology, track_record
from service.core.context import open_context
from service.core.settings import Settings
from service.issues import issue_score_store
from tests.service.support import (
    NOW,
    ROUTE,
    declare_quick_models,
    publish,
    random_paths,
    record_run,
)

FIRST = dt.date(2025, 6, 1)
WEEKS = 12
LEVELS = (50, 80, 95)


def make_scores(seed, scale, days=28):
    """Return the scores of one issue as the score job stores them, of its first `days`."""
    rng = np.random.default_rng(seed)
    by_day = {
        "crps": (scale * rng.gamma(2.0, 30.0, days)).round(2).tolist(),
        "wis": (scale * rng.gamma(2.0, 30.0, days)).round(2).tolist(),
        "error": rng.normal(-5.0, 40.0, days).round(2).tolist(),
        "pit": rng.random(days).round(4).tolist(),
        "p_zero": rng.choice([0.1, 0.4499, 0.45, 0.5, 0.65, 0.6501, 0.9], days).tolist(),
        "truth": rng.integers(0, 3, days).tolist(),
    }
    totals = {}
    for length in (7, 14, 28):
        if length <= days:
            truth, median = rng.integers(0, 3000, 2).tolist()
            crps, wis = (scale * rng.gamma(2.0, 200.0, 2)).round(2).tolist()
            pit = round(float(rng.random()), 4)
            total = {"crps": crps, "wis": wis, "error": float(median - truth), "pit": pit}
            total |= {"truth": truth, "median": median}
            total |= {f"lo_{level}": median - 10 * level for level in LEVELS}
            totals[f"total_{length}"] = total | {
                f"hi_{level}": median + 10 * level for level in LEVELS
            }
    return {"days": by_day, "totals": totals}


Scores = dict[str, dict[dt.date, dict[str, Any]]]
"""Scores of issues, by model and origin."""


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """A loader of the database of `stored`, which its tests only read."""
    folder = tmp_path_factory.mktemp("scored")
    models = declare_quick_models(folder / "models")
    context = open_context(Settings(var_dir=folder / "var", models_dir=models))
    yield IssueLoader(context)
    context.database.close()


@pytest.fixture(scope="module")
def stored(loader):
    """Weekly issues of a champion and two references; the last two weeks are known in part."""
    scales = {"pool": 1.0, "seasonal_naive": 2.5, "climatology": 0.3}
    stored: Scores = {name: {} for name in scales}
    seeds = itertools.count()
    for week in range(WEEKS):
        origin = FIRST + dt.timedelta(weeks=week)
        known = {WEEKS - 1: 6, WEEKS - 2: 10}.get(week, 28)
        names = [name for name in scales if not (name == "climatology" and week < 3)]
        scores = {name: make_scores(next(seeds), scales[name], known) for name in names}
        store_scores(loader.context, origin, known, scores)
        for name in names:
            stored[name][origin] = scores[name]
    return stored


def store_scores(context, origin, known, scores):
    """Publish an issue of the models of `scores`, with `known` days of it scored."""
    run_id = record_run(context.database, f"{origin}")
    start = str(np.datetime64(origin) + ONE_DAY)
    moment = dt.datetime.combine(origin, dt.time(14), dt.UTC)
    paths = {name: random_paths(start, 28) for name in scores}
    publish(context.database, paths, run_id, moment, champion="pool")
    with context.database.writing() as connection:
        for item in issue_score_store.list_pending_scores(connection, ROUTE, "people", origin):
            issue_score_store.save_score(
                connection, item, known, "x", scores[item.model], False, NOW
            )


def mean(values):
    return round(sum(values) / len(values), 2)


def skill(stored, reference, get_score):
    """Return the skill against `reference`, of the origins that both models have."""
    pairs = [
        (get_score(scores), get_score(stored[reference][origin]))
        for origin, scores in stored["pool"].items()
        if origin in stored[reference]
    ]
    score, of_reference = map(sum, zip(*[pair for pair in pairs if None not in pair], strict=True))
    return round((of_reference - score) / of_reference, 3)


def get_row(loader, measure):
    (row,) = [r for r in track_record(loader, "people")["rows"] if r["measure"] == measure]
    return row


def check_share(row, name, hits, n):
    low, high = proportion_confint(hits, n, alpha=0.05, method="wilson")
    assert row[name] == round(hits / n, 3)
    assert row[f"{name}_lo"] == pytest.approx(low, abs=0.0006)
    assert row[f"{name}_hi"] == pytest.approx(high, abs=0.0006)


@pytest.mark.parametrize(
    ("measure", "days", "n"),
    [
        *(("day_1", 1, 12), ("day_7", 1, 11), ("day_14", 1, 10), ("day_28", 1, 10)),
        *(("total_7", 7, 11), ("total_14", 14, 10), ("total_28", 28, 10)),
    ],
)
def test_scores_of_days_and_totals(loader, stored, measure, days, n):
    def outcome(scores):
        if measure in ("total_7", "total_14", "total_28"):
            return scores["totals"].get(measure)
        lead = int(measure.removeprefix("day_"))
        by_day = scores["days"]
        if len(by_day["crps"]) < lead:
            return None
        return {name: values[lead - 1] for name, values in by_day.items()}

    row = get_row(loader, measure)
    outcomes = {origin: outcome(scores) for origin, scores in stored["pool"].items()}
    by_origin = {origin: one for origin, one in outcomes.items() if one}
    assert row["n"] == len(by_origin) == n
    for column, key in (("crps", "crps"), ("wis", "wis"), ("bias", "error")):
        assert row[column] == mean([one[key] for one in by_origin.values()])
    separate = [o for o in by_origin if (o - FIRST).days % days == 0]  # non-overlapping
    assert row["coverage_n"] == len(separate)
    for level in LEVELS:
        hits = sum(abs(by_origin[o]["pit"] - 0.5) < level / 200 for o in separate)
        check_share(row, f"coverage{level}", hits, len(separate))
    for reference in ("seasonal_naive", "climatology"):
        expected = skill(stored, reference, lambda scores: (outcome(scores) or {}).get("crps"))
        assert row[f"skill_{reference}"] == expected


def test_share_of_days_with_arrivals_by_likelihood_class(loader, stored):
    rows = track_record(loader, "people")["likelihood"]
    leads = {"day_1": [1], "days_2_3": [2, 3], "days_4_7": [4, 5, 6, 7]}
    assert [(row["measure"], row["likelihood"]) for row in rows] == [
        (measure, name) for measure in leads for name in ("likely", "possible", "unlikely")
    ]
    p_zero_of = {"likely": (0.1, 0.4499), "possible": (0.45, 0.5, 0.65), "unlikely": (0.6501, 0.9)}
    for row in rows:
        arrivals = [
            truth > 0
            for scores in stored["pool"].values()
            for lead, (p_zero, truth) in enumerate(
                zip(scores["days"]["p_zero"], scores["days"]["truth"], strict=True), 1
            )
            if lead in leads[row["measure"]] and p_zero in p_zero_of[row["likelihood"]]
        ]
        assert (row["days"], row["arrived"]) == (len(arrivals), sum(arrivals)) and arrivals
        check_share(row, "share", sum(arrivals), len(arrivals))


def test_skill_of_few_forecasts_has_no_interval(loader, stored):
    row = get_row(loader, "day_1")
    assert row["skill_climatology_lo"] < row["skill_climatology"] < row["skill_climatology_hi"]
    (few,) = [r for r in track_record(loader, "people", 4)["rows"] if r["measure"] == "day_1"]
    assert few["skill_climatology"] is not None
    assert few["skill_climatology_lo"] is few["skill_climatology_hi"] is None


def test_days_in_several_issues_count_once(empty):
    """Day 3 of each of three issues is day 2 of the next; their weeks overlap."""
    for at in range(3):
        scores = make_scores(at, 1.0, 28)
        for name, first, later in (("p_zero", [0.9, 0.1, 0.1], 0.5), ("truth", [0, 1, 0], 1)):
            scores["days"][name] = first + [later] * 25
        if at == 2:
            scores["days"]["p_zero"][1] = 0.9
        scores["totals"]["total_7"]["crps"] = float(at)
        store_scores(empty, FIRST + dt.timedelta(days=at), 28, {"pool": scores})
    answer = track_record(IssueLoader(empty), "people")
    firsts = [[week["from"] for week in answer[name]] for name in ("weeks", "best", "worst")]
    assert firsts == [["2025-06-02", "2025-06-03", "2025-06-04"], ["2025-06-02"], ["2025-06-04"]]
    rows = answer["likelihood"]
    days = {(row["measure"], row["likelihood"]): row["days"] for row in rows}
    assert days["day_1", "unlikely"] == 3
    assert (days["days_2_3", "likely"], days["days_2_3", "unlikely"]) == (4, 1)
    (row,) = (r for r in rows if (r["measure"], r["likelihood"]) == ("days_4_7", "likely"))
    assert (row["days"], row["arrived"]) == (0, 0)
    assert row["share"] is row["share_lo"] is row["share_hi"] is None


def test_weeks_and_the_best_and_worst_of_them(loader, stored):
    answer = track_record(loader, "people")
    weeks = answer["weeks"]
    assert len(weeks) == 11  # the last week is incomplete
    for week, scores in zip(weeks, list(stored["pool"].values())[:11], strict=True):
        total = scores["totals"]["total_7"]
        for name in ("truth", "median", "crps", "lo_80", "hi_80", "lo_95", "hi_95"):
            assert week[name.replace("_", "")] == total[name]
    assert (weeks[0]["from"], weeks[0]["to"]) == ("2025-06-02", "2025-06-08")
    order = sorted(week["crps"] for week in weeks)
    assert [week["crps"] for week in answer["best"]] == order[:5]
    assert [week["crps"] for week in answer["worst"]] == order[::-1][:5]


@pytest.mark.parametrize(
    ("every", "measure", "overlap"),
    [
        (7, "total_7", 1),
        (7, "day_28", 4),
        (1, "day_1", 1),
        (1, "day_7", None),
    ],
)
def test_interval_of_skill_allows_for_days_that_overlap(empty, every, measure, overlap):
    crps: dict[str, list[float]] = {"pool": [], "climatology": []}
    for at in range(14):
        scores = {name: make_scores(2 * at + (name == "pool"), 1.0) for name in crps}
        store_scores(empty, FIRST + dt.timedelta(days=every * at), 28, scores)
        for name, one in scores.items():
            total = one["totals"].get(measure)
            lead = int(measure.split("_")[1])
            crps[name].append(total["crps"] if total else one["days"]["crps"][lead - 1])
    row = get_row(IssueLoader(empty), measure)
    if overlap is None:
        assert row["skill_climatology"] is not None
        assert row["skill_climatology_lo"] is None, "14 of days that overlap are too few"
    else:
        ratio = bootstrap.ratio(*map(np.array, crps.values()), overlap)
        assert row["skill_climatology_hi"] == round(1 - ratio.lo, 3)


@pytest.mark.parametrize(
    ("skill", "lo", "hi", "words"),
    [
        (0.11, 0.02, 0.2, "11% better than"),
        (-0.11, -0.2, -0.02, "11% worse than"),
        (0.004, 0.001, 0.008, "under 1% better than"),
        (0.11, -0.01, 0.2, "not clearly better or worse than"),
        (0.11, None, None, "not clearly better or worse than"),
    ],
)
def test_only_a_clear_difference_is_stated(skill, lo, hi, words):
    row = {"skill_climatology": skill, "skill_climatology_lo": lo, "skill_climatology_hi": hi}
    assert compared_to_climatology(row) == words


def test_pit_histogram_counts_days_1_to_7(loader, stored):
    counts = [0] * 10
    for scores in stored["pool"].values():
        for pit in scores["days"]["pit"][:7]:
            counts[int(pit * 10)] += 1
    assert track_record(loader, "people")["pit_histogram"] == counts


def test_window_ends_with_last_issue(loader, stored):
    answer = track_record(loader, "people", weeks=4)
    last = FIRST + dt.timedelta(weeks=WEEKS - 1)
    assert answer["issues"] == 4
    assert answer["to"] == str(last)
    assert answer["from"] == str(last - dt.timedelta(weeks=3))
    head = ("series_id", "unit", "kind", "model", "window_weeks")
    assert [answer[key] for key in head] == ["people", "people", "live", "champion", 4]
    reference = track_record(loader, "people", model="climatology")
    assert reference["issues"] == WEEKS - 3
    assert reference["rows"][0]["skill_climatology"] == 0.0


def test_values_are_null_without_scores(empty):
    answer = track_record(IssueLoader(empty), "people")
    assert (answer["issues"], answer["from"], answer["to"], answer["weeks"]) == (0, None, None, [])
    for row in answer["rows"]:
        assert row.pop("n") == row.pop("coverage_n") == 0
        assert row.pop("measure")
        assert set(row.values()) == {None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"series_id": "camels"}, "found 'camels'"),
        ({"model": "nothing"}, "expected one of the models champion.*, found 'nothing'"),
    ],
)
def test_invalid_arguments_are_rejected(empty, arguments, message):
    with pytest.raises(NotFound, match=message):
        track_record(IssueLoader(empty), **({"series_id": "people"} | arguments))
