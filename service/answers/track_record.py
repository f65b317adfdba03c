"""Accuracy of past forecasts."""

__all__ = [
    "REFERENCES",
    "compared_to_climatology",
    "count_inside",
    "track_record",
    "without_overlap",
]

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any, TypeVar

import numpy as np

from forecast import bootstrap
from forecast.evaluation import DAY_LEVELS, TOTALS
from forecast.scores import covered_by_pit, skill
from service.answers.bands import LIKELIHOODS, Likelihood, likelihood
from service.answers.early_warnings import warning_record
from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.core.declared_series import Series
from service.issues import issue_score_store, issue_store
from service.issues.issue_score_store import Scored

_MEASURES = {f"day_{lead}": (lead, 1) for lead in (1, 7, 14, 28)} | {
    name: (days, days) for name, days in TOTALS.items()
}
"""Days from the figures to the end of the outcome, and days of the outcome."""

_CLASS_LEADS = {"day_1": (1, 1), "days_2_3": (2, 3), "days_4_7": (4, 7)}

REFERENCES = ("seasonal_naive", "climatology")
_SHOWN = 5
T = TypeVar("T")


def track_record(
    loader: IssueLoader,
    series_id: str,
    weeks: int = 26,
    model: str = "champion",
    kind: str = "live",
) -> dict[str, Any]:
    """Average the scores of the issues of the last `weeks` weeks.

    The ``champion`` is the model served at the time; `kind` is ``live`` or ``hindcast``. Coverage
    is by randomised PIT, of totals on windows that do not overlap; ``worst`` and ``best`` are weeks
    by CRPS, without overlap; ``early_warnings`` is None if such forecasts gave none.
    """
    loader.check_series(series_id)
    with loader.context.database.reading() as connection:
        everything = issue_score_store.list_current_scores(
            connection, loader.route, series_id, kind
        )
        newest = issue_store.get_latest_issue(connection, series_id)
        entries = issue_store.list_entries(connection, newest.issue_id) if newest else []
    models = {"champion", *(row.model for row in everything), *(one.model for one in entries)}
    if model not in models:
        raise NotFound(
            f"expected one of the models {', '.join(sorted(models))}, found {model[:40]!r}"
        )
    last = max((row.origin for row in everything), default=None)
    since = last - dt.timedelta(weeks=weeks) if last else dt.date.min
    recent = [row for row in everything if row.origin > since]
    if model == "champion":
        scored = issue_score_store.select_champion_scores(recent)
    else:
        scored = [row for row in recent if row.model == model]
    others = {name: {r.origin: r for r in recent if r.model == name} for name in REFERENCES}
    past_weeks = [_week(row) for row in scored if "total_7" in row.content["totals"]]
    warns = kind == "live" and series_id == loader.route.leading
    warned = warning_record(loader) if warns else {"warnings": 0}
    pits = [value for row in scored for value in row.content["days"]["pit"][:7]]
    ranked = sorted(past_weeks, key=lambda week: -week["crps"])
    return {
        "series_id": series_id,
        "unit": loader.route.series[series_id].unit,
        "kind": kind,
        "model": model,
        "window_weeks": weeks,
        "from": scored[0].origin.isoformat() if scored else None,
        "to": scored[-1].origin.isoformat() if scored else None,
        "issues": len(scored),
        "rows": [_scores(scored, others, name, *days) for name, days in _MEASURES.items()],
        "likelihood": _likelihood_rows(scored, loader.route.series[series_id]),
        # Of days 1 to 7, in ten equal bins: flat if calibrated.
        "pit_histogram": np.histogram(pits, bins=10, range=(0.0, 1.0))[0].tolist(),
        "weeks": past_weeks,
        "worst": without_overlap(ranked, 7, _first_day)[:_SHOWN],
        "best": without_overlap(ranked[::-1], 7, _first_day)[:_SHOWN],
        "early_warnings": warned if warned["warnings"] else None,
    }


def _outcome(row: Scored, measure: str, horizon: int) -> Mapping[str, Any] | None:
    """Return the scores of a day or a total; None while its figures are not complete."""
    if measure in TOTALS:
        total: Mapping[str, Any] | None = row.content["totals"].get(measure)
        return total
    if row.days_known < horizon:
        return None
    return {
        name: row.content["days"][name][horizon - 1] for name in ("crps", "wis", "error", "pit")
    }


def _scores(
    scored: Sequence[Scored],
    others: Mapping[str, Mapping[dt.date, Scored]],
    measure: str,
    horizon: int,
    days: int,
) -> dict[str, Any]:
    """Return mean scores, coverage and skill of the issues whose outcome is complete.

    The outcome ends `horizon` days after the figures. Coverage is of outcomes of `days` days that
    do not overlap, by PIT and not by the bounds: a range that starts at 0 has nothing below it, so
    it holds more.
    """
    complete = [(row, one) for row in scored if (one := _outcome(row, measure, horizon))]
    answer: dict[str, Any] = {"measure": measure, "n": len(complete)}
    for name, key in (("crps", "crps"), ("wis", "wis"), ("bias", "error")):
        values = [outcome[key] for _, outcome in complete]
        answer[name] = round(float(np.mean(values)), 2) if values else None
    apart = without_overlap(complete, days, lambda one: one[0].origin.toordinal())
    pit = [outcome["pit"] for _, outcome in apart]
    answer["coverage_n"] = len(pit)
    for level in DAY_LEVELS:
        answer |= _share(f"coverage{level}", covered_by_pit(pit, level).tolist())
    for name, rows in others.items():
        pairs = [
            (row.origin, outcome["crps"], reference["crps"])
            for row, outcome in complete
            if row.origin in rows and (reference := _outcome(rows[row.origin], measure, horizon))
        ]
        origins, ours, theirs = zip(*pairs, strict=True) if pairs else ((), (), ())
        skills: list[float] = []
        if sum(theirs) > 0:
            skills.append(skill(sum(ours), sum(theirs)))
            overlap = bootstrap.count_overlap(origins, horizon)
            if len(pairs) >= bootstrap.fewest_origins(overlap):
                ratio = _ratio(ours, theirs, overlap)
                skills += [1 - ratio.hi, 1 - ratio.lo]
        names = (f"skill_{name}", f"skill_{name}_lo", f"skill_{name}_hi")
        answer |= zip_longest(names, (round(float(value), 3) for value in skills))
    return answer


@lru_cache(maxsize=256)  # it is read far more often than scores change
def _ratio(ours: tuple[float, ...], theirs: tuple[float, ...], overlap: int) -> bootstrap.Interval:
    return bootstrap.ratio(np.array(ours), np.array(theirs), overlap)


def _likelihood_rows(scored: Sequence[Scored], declared: Series) -> list[dict[str, Any]]:
    """Return rows of ``measure likelihood days arrived share share_lo share_hi``.

    A date counts once per class, however many forecasts put it there, as they share one outcome.
    """
    rows = []
    for measure, (first, last) in _CLASS_LEADS.items():
        outcomes: dict[Likelihood, dict[dt.date, bool]] = {name: {} for name in LIKELIHOODS}
        for row in scored:
            days = row.content["days"]
            for lead in range(first, min(last, row.days_known) + 1):
                name = likelihood(days["p_zero"][lead - 1], declared)
                outcomes[name][row.origin + dt.timedelta(days=lead)] = days["truth"][lead - 1] > 0
        for name, by_date in outcomes.items():
            arrived = list(by_date.values())
            head = {"measure": measure, "likelihood": name}
            counts = {"days": len(arrived), "arrived": sum(arrived)}
            rows.append(head | counts | _share("share", arrived))
    return rows


def compared_to_climatology(row: Mapping[str, Any]) -> str:
    """Say how a row of the record compares, as ``11% better than``, if that is clear."""
    lo, hi = row["skill_climatology_lo"], row["skill_climatology_hi"]
    if lo is None or lo <= 0 <= hi:
        return "not clearly better or worse than"
    gain = abs(round(100 * row["skill_climatology"]))
    return f"{f'{gain}%' if gain else 'under 1%'} {'better' if lo > 0 else 'worse'} than"


def count_inside(weeks: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Return how many weeks without overlap were within their 80% range, and their number."""
    apart = without_overlap(weeks, 7, _first_day)
    return sum(week["lo80"] <= week["truth"] <= week["hi80"] for week in apart), len(apart)


def without_overlap(rows: Iterable[T], days: int, first: Callable[[T], int]) -> list[T]:
    """Leave out rows whose period, `days` days from the day `first`, overlaps a chosen one's."""
    taken: set[int] = set()
    chosen = []
    for row in rows:
        begin = first(row)
        if taken.isdisjoint((begin, begin + days - 1)):
            taken.update(range(begin, begin + days))
            chosen.append(row)
    return chosen


def _share(name: str, inside: Sequence[bool]) -> dict[str, Any]:
    """Return the share of hits with its 95% interval (Wilson 1927, JASA 22)."""
    names, n = (name, f"{name}_lo", f"{name}_hi"), len(inside)
    if not n:
        return dict.fromkeys(names)
    z, p = 1.959964, sum(inside) / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    values = p, max(centre - half, 0.0), min(centre + half, 1.0)
    return {each: round(value, 3) for each, value in zip(names, values, strict=True)}


def _first_day(week: Mapping[str, Any]) -> int:
    return dt.date.fromisoformat(week["from"]).toordinal()


def _week(row: Scored) -> dict[str, Any]:
    total = row.content["totals"]["total_7"]
    names = ("truth", "median", "lo_80", "hi_80", "lo_95", "hi_95")
    return {
        "issue_id": row.issue_id,
        "model": row.model,
        "from": (row.origin + dt.timedelta(days=1)).isoformat(),
        "to": (row.origin + dt.timedelta(days=7)).isoformat(),
        **{name.replace("_", ""): int(total[name]) for name in names},
        "crps": total["crps"],
    }
