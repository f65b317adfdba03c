"""Compare: score every declared model on recent weekly origins; the champion may change.

Models that can use weather are scored with and without it, if a weather forecast is stored.
"""

__all__ = ["compare"]

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from forecast import joint
from forecast.backtest import BacktestConfig, score_origin
from forecast.forecasters.base import LEAST_DAYS, FitError
from forecast.series import ONE_DAY, DailySeries, Day, as_date, as_day
from forecast.specs import Spec, SpecError, build, published, reads_covariates
from forecast.specs import champion as declared_champion
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.job_runner import JobError, Outcome, run_job
from service.core.settings import Settings
from service.data import observation_store
from service.data.covariates import drivers
from service.data.observation_store import get_common_series
from service.data.weather_store import WeatherReadings
from service.issues import champion, model_score_store
from service.issues.declared_models import declaration_hash, declared
from service.issues.fit_task import FitTask, run_within_limits
from service.issues.model_score_store import Key

_MARGIN = 0.03  # how much better a challenger's score must be to become champion, as a share
_HORIZON, _PATHS = 28, 1000  # as in docs/models.md; 28 days are the longest total scored
_MONDAY = as_day("2018-01-01")
_log = logging.getLogger(__name__)
Record = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True, eq=False)
class _Trial:
    """One model at one origin, with or without weather."""

    task: FitTask
    origin: Day
    seed: int

    @cached_property
    def key(self) -> Key:
        """Key of its score, including the weather."""
        task = self.task
        seen = [one.upto(self.origin + _HORIZON * ONE_DAY) for one in task.figures.values()]
        figures_hash = observation_store.fingerprint(seen)
        if task.covariates is not None:
            text = f"{figures_hash} {task.covariates.fingerprint}"
            figures_hash = hashlib.sha256(text.encode()).hexdigest()
        return Key(
            joint.leading(task.figures),
            task.name,
            declaration_hash(task.name, task.specs),
            as_date(self.origin),
            figures_hash,
        )


def compare(
    context: Context, progress: Callable[[], None] = lambda: None, period: str | None = None
) -> Outcome:
    """Score missing origins, then keep or change the champion.

    Calls `progress` after each model and origin. Raises `JobError` if there are no figures.
    """
    return run_job(context, "compare", lambda _: _compare(context, progress), period)


def _compare(context: Context, progress: Callable[[], None]) -> Outcome:
    settings, route = context.settings, context.route
    specs = declared(settings.models_dir, route.models)
    with context.database.reading() as connection:
        trials = _trials(connection, context, specs)
        stored = model_score_store.get_scores(connection, [trial.key for trial in trials])
        last = champion.last_comparison(connection, route)
    n_computed, unscored = 0, set[str]()
    with_weather: Record = {name: {} for name in specs}
    without_weather: Record = {name: {} for name in specs}
    for trial in trials:
        name, values = trial.task.name, stored.get(trial.key)
        if values is None and name not in unscored:
            values = _score_limited(trial, settings)
            if values is None:
                unscored.add(name)
            else:
                n_computed += 1
                with context.database.writing() as connection:
                    model_score_store.save_score(connection, trial.key, values, utc_now())
        if values:  # empty if the model declined
            record = without_weather if trial.task.covariates is None else with_weather
            record[name][str(trial.origin)] = values
        progress()
    worse = {
        name: reason
        for name in specs
        if (reason := champion.worse_with_weather(with_weather[name], without_weather[name]))
    }
    record = {
        name: without_weather[name] | ({} if name in worse else with_weather[name])
        for name in specs
    }
    current = champion.choose_champion(specs, last)
    verdict = champion.judge(current, specs, record, _MARGIN)
    detail = {
        "champion": verdict.champion,
        "declared": declared_champion(specs),
        "ratios": verdict.ratios,
        "computed": n_computed,
        "worse_with_weather": worse,
    }
    reason = verdict.reason + "".join(
        f"; {name} is served without the weather, as it {why}" for name, why in worse.items()
    )
    return Outcome("done", reason, detail)


def _trials(connection: Connection, context: Context, specs: Mapping[str, Spec]) -> list[_Trial]:
    """Return every model at every origin, without weather and, if it can use any, with it."""
    route, settings = context.route, context.settings
    figures = get_common_series(connection, route.forecast, utc_now())
    if not figures:
        raise JobError("no figures are stored: run `crossings ingest` first")
    origins = _origins(figures[joint.leading(figures)], settings.champion_origins)
    readings = WeatherReadings(connection, route)
    weather = {}
    for origin in origins:
        known_at = route.assumed_known_at(as_date(origin))
        weather[origin] = drivers(connection, context, specs, origin, known_at, readings).covariates
    return [
        _Trial(FitTask(name, specs, figures, covariates), origin, settings.seed)
        for name in published(specs)
        for origin in origins
        for covariates in dict.fromkeys(
            (weather[origin], None) if reads_covariates(name, specs) else (None,)
        )
    ]


def _score(trial: _Trial) -> dict[str, float]:
    """Return CRPS of days 1 to 7 and of both totals; empty if the model declines."""
    task, origin = trial.task, trial.origin
    first = last = str(origin)
    lead = joint.leading(task.figures)
    config = BacktestConfig(
        first, last, horizon=_HORIZON, paths=_PATHS, seed=trial.seed, series=lead
    )
    forecaster = build(task.name, task.specs)
    try:
        result = score_origin(task.name, forecaster, task.figures, origin, config, task.covariates)
    except (FitError, SpecError):
        return {}
    totals = {total: result.totals[total]["crps"] for total in ("total_7", "total_28")}
    return {"days_1_7": float(result.crps[:7].mean())} | totals


def _score_limited(trial: _Trial, settings: Settings) -> dict[str, float] | None:
    """Score within the limits of a fit; None if it exceeds them or raises.

    Nothing is stored then, and the model's other origins wait for the next run: the machine may
    have been busy, and a model costs each run at most one limit.
    """
    name = trial.task.name
    try:
        return run_within_limits(settings, trial.task.specs, _score, trial, f"score {name}")
    except JobError:  # not the model's fault
        raise
    except Exception as error:  # must not stop the comparison of the others
        is_defect = not isinstance(error, FitError)
        _log.warning("%s is not scored at %s: %s", name, trial.origin, error, exc_info=is_defect)
        return None


def _origins(series: DailySeries, count: int) -> list[Day]:
    """Return the last `count` Mondays followed by a whole horizon of figures.

    Always Mondays, so that stored scores are reused as days go by.
    """
    last = series.data_through - _HORIZON * ONE_DAY
    monday = last - (last - _MONDAY) // ONE_DAY % 7 * ONE_DAY
    days = [monday - 7 * week * ONE_DAY for week in range(count)]
    return [day for day in reversed(days) if day >= series.start + LEAST_DAYS * ONE_DAY]
