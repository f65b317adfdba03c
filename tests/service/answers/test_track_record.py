"""The track record of stored scores, compared with loops and statsmodels."""

import datetime as dt
import itertools

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from forecast import bootstrap
from forecast.series import ONE_DAY
from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.answers.track_record import compared_to_climatology, count_inside, track_record
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
        truth, median = rng.integers(0, 3000, 2).tolist()
        crps, wis = (scale * rng.gamma(2.0, 200.0, 2)).round(2).tolist()
        if length <= days:
            pit = round(float(rng.random()), 4)
            total = {"truth": truth, "median": median, "crps": crps, "wis": wis, "pit": pit}
            for level in LEVELS:
                total |= {f"lo_{level}": median - 10 * level, f"hi_{level}": median + 10 * level}
            totals[f"total_{length}"] = total | {"error": float(median - truth)}
    return {"days": by_day, "totals": totals}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Weekly issues of a champion and two references: a loader, and scores by model and origin.

    The last two weeks are known in part. Tests only read the database.
    """
    folder, seeds = tmp_path_factory.mktemp("scored"), itertools.count()
    models = declare_quick_models(folder / "models")
    context = open_context(Settings(var_dir=folder / "var", models_dir=models))
    stored = {"pool": {}, "seasonal_naive": {}, "climatology": {}}
    for week in range(WEEKS):
        origin = FIRST + dt.timedelta(weeks=week)
        known = {WEEKS - 1: 6, WEEKS - 2: 10}.get(week, 28)
        scales = {"pool": 1.0, "seasonal_naive": 2.5} | ({"climatology": 0.3} if week >= 3 else {})
        scores = {name: make_scores(next(seeds), scale, known) for name, scale in scales.items()}
        store_scores(context, origin, known, scores)
        for name in scores:
            stored[name][origin] = scores[name]
    yield IssueLoader(context), stored
    context.database.close()


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


def get_row(answer, measure):
    (row,) = [row for row in answer["rows"] if row["measure"] == measure]
    return row


def get_outcomes(scores, measure):
    """Return the scores of the complete outcomes of a model, by origin."""
    kind, days = measure.split("_")
    if kind == "total":
        by_origin = {origin: one["totals"].get(measure) for origin, one in scores.items()}
        return {origin: outcome for origin, outcome in by_origin.items() if outcome}
    return {
        origin: {name: values[int(days) - 1] for name, values in one["days"].items()}
        for origin, one in scores.items()
        if len(one["days"]["crps"]) >= int(days)
    }


def check_share(row, name, hits, n):
    low, high = proportion_confint(hits, n, alpha=0.05, method="wilson")
    assert row[name] == round(hits / n, 3)
    assert row[f"{name}_lo"] == pytest.approx(low, abs=0.0006)
    assert row[f"{name}_hi"] == pytest.approx(high, abs=0.0006)


@pytest.mark.parametrize(
    ("measure", "days", "n"),
    [
        *(("day_1", 1, 12), ("day_7", 1, 11), ("day_28", 1, 10)),
        *(("total_7", 7, 11), ("total_28", 28, 10)),
    ],
)
def test_scores_of_days_and_totals(scored, measure, days, n):
    loader, stored = scored
    row = get_row(track_record(loader, "people"), measure)
    outcomes = get_outcomes(stored["pool"], measure)
    assert row["n"] == len(outcomes) == n
    for column, key in (("crps", "crps"), ("wis", "wis"), ("bias", "error")):
        assert row[column] == round(sum(one[key] for one in outcomes.values()) / n, 2)
    separate = [o for o in outcomes if (o - FIRST).days % days == 0]  # non-overlapping
    assert row["coverage_n"] == len(separate)
    for level in LEVELS:
        hits = sum(abs(outcomes[origin]["pit"] - 0.5) < level / 200 for origin in separate)
        check_share(row, f"coverage{level}", hits, len(separate))
    for reference in ("seasonal_naive", "climatology"):
        theirs = get_outcomes(stored[reference], measure)
        score = sum(outcomes[origin]["crps"] for origin in theirs)
        of_reference = sum(outcome["crps"] for outcome in theirs.values())
        assert row[f"skill_{reference}"] == round((of_reference - score) / of_reference, 3)


def test_share_of_days_with_arrivals_by_likelihood_class(scored):
    loader, stored = scored
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
    assert count_inside(answer["weeks"])[1] == 1
    rows = answer["likelihood"]
    days = {(row["measure"], row["likelihood"]): row["days"] for row in rows}
    assert days["day_1", "unlikely"] == 3
    assert (days["days_2_3", "likely"], days["days_2_3", "unlikely"]) == (4, 1)
    (row,) = (r for r in rows if (r["measure"], r["likelihood"]) == ("days_4_7", "likely"))
    assert (row["days"], row["arrived"]) == (0, 0)
    assert row["share"] is row["share_lo"] is row["share_hi"] is None


def test_weeks_and_pit_histogram(scored):
    loader, stored = scored
    answer = track_record(loader, "people")
    pits = [pit for scores in stored["pool"].values() for pit in scores["days"]["pit"][:7]]
    counts = [sum(int(pit * 10) == tenth for pit in pits) for tenth in range(10)]
    assert answer["pit_histogram"] == counts
    weeks = answer["weeks"]
    assert len(weeks) == 11  # the last week is incomplete
    for week, scores in zip(weeks, list(stored["pool"].values())[:11], strict=True):
        total = scores["totals"]["total_7"]
        for name in ("truth", "median", "crps", "lo_80", "hi_80", "lo_95", "hi_95"):
            assert week[name.replace("_", "")] == total[name]
    inside = sum(abs(week["truth"] - week["median"]) <= 800 for week in weeks)
    assert count_inside(weeks) == (inside, 11)
    assert (weeks[0]["from"], weeks[0]["to"]) == ("2025-06-02", "2025-06-08")
    order = sorted(week["crps"] for week in weeks)
    assert [week["crps"] for week in answer["best"]] == order[:5]
    assert [week["crps"] for week in answer["worst"]] == order[::-1][:5]


def test_weeks_that_begin_seven_days_apart_are_separate():
    week = {"lo80": 1, "truth": 2, "hi80": 3}
    for day, apart in ((7, 1), (8, 2)):
        weeks = [week | {"from": "2025-06-01"}, week | {"from": f"2025-06-0{day}"}]
        assert count_inside(weeks) == count_inside(weeks[::-1]) == (apart, apart)


@pytest.mark.parametrize(
    ("every", "overlaps"),
    [(7, {"total_7": 1, "day_28": 4}), (1, {"day_1": 1, "day_7": None})],
)
def test_interval_of_skill_allows_for_days_that_overlap(empty, every, overlaps):
    stored = {"pool": {}, "climatology": {}}
    for at in range(14):
        origin = FIRST + dt.timedelta(days=every * at)
        for seed, scores in enumerate(stored.values(), start=2 * at):
            scores[origin] = make_scores(seed, 1.0)
        store_scores(empty, origin, 28, {model: scores[origin] for model, scores in stored.items()})
    answer = track_record(IssueLoader(empty), "people")
    assert get_row(answer, "total_7")["coverage_n"] == 2 * every, "weeks that do not overlap"
    for measure, overlap in overlaps.items():
        row = get_row(answer, measure)
        if overlap is None:
            assert row["skill_climatology"] is not None
            assert row["skill_climatology_lo"] is None, "14 of days that overlap are too few"
            continue
        ours, theirs = (
            np.array([outcome["crps"] for outcome in get_outcomes(scores, measure).values()])
            for scores in stored.values()
        )
        ratio = bootstrap.ratio(ours, theirs, overlap)
        ends = [row[f"skill_climatology{end}"] for end in ("_lo", "_hi")]
        assert ends == [round(1 - ratio.hi, 3), round(1 - ratio.lo, 3)]


@pytest.mark.parametrize(
    ("skill", "lo", "hi", "words"),
    [
        (0.11, 0.02, 0.2, "11% better than"),
        (-0.11, -0.2, -0.02, "11% worse than"),
        (0.004, 0.001, 0.008, "under 1% better than"),
        (0.11, -0.01, 0.2, "not clearly better or worse than"),
        (0.11, 0.0, 0.2, "not clearly better or worse than"),
        (0.11, None, None, "not clearly better or worse than"),
    ],
)
def test_only_a_clear_difference_is_stated(skill, lo, hi, words):
    row = {"skill_climatology": skill, "skill_climatology_lo": lo, "skill_climatology_hi": hi}
    assert compared_to_climatology(row) == words


def test_window_ends_with_last_issue(scored):
    loader, _ = scored
    answer = track_record(loader, "people", weeks=4)
    last = FIRST + dt.timedelta(weeks=WEEKS - 1)
    head = {"series_id": "people", "unit": "people", "kind": "live", "model": "champion"}
    head |= {"window_weeks": 4, "issues": 4}
    head |= {"from": str(last - dt.timedelta(weeks=3)), "to": str(last)}
    assert {name: answer[name] for name in head} == head
    few = answer["rows"][0]
    assert few["skill_climatology"] is not None
    assert few["skill_climatology_lo"] is few["skill_climatology_hi"] is None
    reference = track_record(loader, "people", model="climatology")
    assert reference["issues"] == WEEKS - 3
    assert reference["rows"][0]["skill_climatology"] == 0.0


def test_values_are_null_without_scores_and_invalid_arguments_are_rejected(empty):
    loader = IssueLoader(empty)
    answer = track_record(loader, "people")
    assert (answer["issues"], answer["from"], answer["to"], answer["weeks"]) == (0, None, None, [])
    for row in answer["rows"]:
        assert row.pop("n") == row.pop("coverage_n") == 0
        assert row.pop("measure")
        assert set(row.values()) == {None}
    with pytest.raises(NotFound, match="found 'camels'"):
        track_record(loader, "camels")
    with pytest.raises(NotFound, match="expected one of the models champion.*, found 'nothing'"):
        track_record(loader, "people", model="nothing")
