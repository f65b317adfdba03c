"""Compare: score every declared model on recent weekly origins; the champion may change.

Models that can use weather are scored with and without it, if a weather forecast is stored.
"""

__all__ = ["compare"]

import datetime as dt
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

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

_HORIZON, _PATHS = 28, 1000  # as in docs/models.md; 28 days are the longest total scored
_MONDAY = as_day("2018-01-01")
_log = logging.getLogger(__name__)


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
        stored = model_score_store.get_scores(connection, trials)
        last = champion.last_comparison(connection, route)
    n_computed, unscored = 0, set[str]()
    records: dict[tuple[str, bool], dict[str, dict[str, float]]] = defaultdict(dict)
    for key, task in trials.items():
        scores = stored.get(key)
        if scores is None and key.model not in unscored:
            scores = _score_limited(task, key.origin, settings)
            if scores is None:
                unscored.add(key.model)
            else:
                n_computed += 1
                with context.database.writing() as connection:
                    model_score_store.save_score(connection, key, scores, utc_now())
        if scores:  # empty if the model declined
            records[key.model, task.covariates is not None][str(key.origin)] = scores
        progress()
    worse, served = {}, {}
    for name in specs:
        with_weather, served[name] = records[name, True], records[name, False]
        if reason := champion.worse_with_weather(with_weather, served[name]):
            worse[name] = reason
        else:
            served[name] = served[name] | with_weather
    verdict = champion.judge(champion.choose_champion(specs, last), specs, served)
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


def _trials(
    connection: Connection, context: Context, specs: Mapping[str, Spec]
) -> dict[Key, FitTask]:
    """Return every model at every origin, without weather and, if it can use any, with it."""
    route, settings = context.route, context.settings
    figures = get_common_series(connection, route.forecast, utc_now())
    if not figures:
        raise JobError("no figures are stored: run `crossings ingest` first")
    readings = WeatherReadings(connection, route)
    weather = {}
    for origin in _origins(figures[joint.leading(figures)], settings.champion_origins):
        known_at = route.assumed_known_at(as_date(origin))
        weather[origin] = drivers(connection, context, specs, origin, known_at, readings).covariates
    trials = {}
    for name in published(specs):
        for origin, covariates in weather.items():
            task = FitTask(name, specs, figures)
            if covariates is not None and reads_covariates(name, specs):
                with_weather = replace(task, covariates=covariates)
                trials[_key(with_weather, origin)] = with_weather
            trials[_key(task, origin)] = task
    return trials


def _key(task: FitTask, origin: Day) -> Key:
    """Return the key of the score of `task` at `origin`."""
    seen = [one.upto(origin + _HORIZON * ONE_DAY) for one in task.figures.values()]
    figures_hash = observation_store.fingerprint(seen)
    if task.covariates is not None:
        text = f"{figures_hash} {task.covariates.fingerprint}"
        figures_hash = hashlib.sha256(text.encode()).hexdigest()
    declaration = declaration_hash(task.name, task.specs)
    series_id = joint.leading(task.figures)
    return Key(series_id, task.name, declaration, as_date(origin), figures_hash)


def _score(trial: tuple[FitTask, Day, int]) -> dict[str, float]:
    """Return CRPS of days 1 to 7 and of both totals; empty if the model declines."""
    task, origin, seed = trial
    first = last = str(origin)
    lead = joint.leading(task.figures)
    config = BacktestConfig(first, last, horizon=_HORIZON, paths=_PATHS, seed=seed, series=lead)
    forecaster = build(task.name, task.specs)
    try:
        result = score_origin(task.name, forecaster, task.figures, origin, config, task.covariates)
    except (FitError, SpecError):
        return {}
    totals = {total: result.totals[total]["crps"] for total in ("total_7", "total_28")}
    return {"days_1_7": float(result.crps[:7].mean())} | totals


def _score_limited(task: FitTask, origin: dt.date, settings: Settings) -> dict[str, float] | None:
    """Score within the limits of a fit; None if it exceeds them or raises.

    Nothing is stored then, and the model's other origins wait for the next run: the machine may
    have been busy, and a model costs each run at most one limit.
    """
    trial = task, as_day(origin), settings.seed
    try:
        return run_within_limits(settings, task.specs, _score, trial, f"score {task.name}")
    except JobError:  # not the model's fault
        raise
    except Exception as error:  # must not stop the comparison of the others
        is_defect = not isinstance(error, FitError)
        _log.warning("%s is not scored at %s: %s", task.name, origin, error, exc_info=is_defect)
        return None


def _origins(series: DailySeries, count: int) -> list[Day]:
    """Return the last `count` Mondays followed by a whole horizon of figures.

    Always Mondays, so that stored scores are reused as days go by.
    """
    last = series.data_through - _HORIZON * ONE_DAY
    monday = last - (last - _MONDAY) // ONE_DAY % 7 * ONE_DAY
    days = [monday - 7 * week * ONE_DAY for week in range(count)]
    return [day for day in reversed(days) if day >= series.start + LEAST_DAYS * ONE_DAY]
