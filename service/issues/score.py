"""Score: compare every published issue with the figures since."""

__all__ = ["score", "score_issues"]

import datetime as dt
import hashlib
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.evaluation import Evaluation, evaluate
from forecast.series import DailySeries
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import Outcome, run_job
from service.data import observation_store
from service.issues import issue_score_store, issue_store
from service.issues.issue_score_store import MOST_DAYS, Pending

_PLACES = 3
Counts = npt.NDArray[np.int64]


def score(context: Context, period: str | None = None) -> Outcome:
    """Score issues with new figures, and rescore those with revised ones."""
    return run_job(context, "score", lambda _: score_issues(context), period)


def score_issues(context: Context, since: dt.date = dt.date.min) -> Outcome:
    """Score the issues of origins from `since`, within the caller's run."""
    done = n_revised = 0
    for series_id in context.route.forecast:
        with context.database.reading() as connection:
            figures = observation_store.get_series(connection, series_id, utc_now())
            items = issue_score_store.list_pending_scores(
                connection, context.route, series_id, since
            )
        if figures is None:
            continue
        for item in items:
            truth = _truth(figures, item)
            if len(truth) == 0 or item.truth_hash == _hash(truth):
                continue
            revised = item.days_known > 0 and item.truth_hash != _hash(truth[: item.days_known])
            name = f"{item.issue.issue_id}/{item.model}"
            rng = np.random.default_rng(zlib.crc32(name.encode()))  # for the PIT, reproducible
            with context.database.writing() as connection:
                paths = issue_store.load_paths(connection, item.issue, item.model)
                if paths is None:
                    continue  # deleted meanwhile
                content = _content(evaluate(paths, truth, rng))
                issue_score_store.save_score(
                    connection, item, len(truth), _hash(truth), content, revised, utc_now()
                )
            done, n_revised = done + 1, n_revised + revised
    reason = f"{done} scores computed, {n_revised} of them because figures were revised"
    return Outcome("done", reason, {"scores": done, "revised": n_revised})


def _truth(figures: DailySeries, item: Pending) -> Counts:
    """Return the known figures of the issue's first days, shape (n_days,)."""
    first = figures.index(item.issue.origin) + 1
    reach = min(MOST_DAYS, item.issue.horizon_days)
    return figures.values[first : first + reach] if first > 0 else figures.values[:0]


def _hash(truth: Counts) -> str:
    return hashlib.sha256(truth.astype("<i8").tobytes()).hexdigest()


def _content(judged: Evaluation) -> dict[str, Any]:
    days = {
        name: np.round(getattr(judged, name), _PLACES).tolist()
        for name in ("crps", "wis", "pit", "error", "truth")
    }
    days["p_zero"] = judged.p_zero.tolist()  # unrounded, as for the likelihood classes
    totals = {
        name: {key: round(float(value), _PLACES) for key, value in values.items()}
        for name, values in judged.totals.items()
    }
    return {"days": days, "totals": totals}
